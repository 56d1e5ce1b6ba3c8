import { expect, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH, TPM_SE, TPM_PT } = T;
const EMPTY = new Uint8Array(0);
const DIGEST = hash('sha512', utf8('digest'));

async function property(tpm: TestTpm, wanted: number): Promise<number> {
  const input = { capability: T.TPM_CAP.TPM_PROPERTIES, property: wanted, propertyCount: 1 };
  const { capabilityData } = await tpm.client.call(C.GetCapability, input);
  const [first] = capabilityData.capability === T.TPM_CAP.TPM_PROPERTIES ? capabilityData.data : [];
  return first?.value ?? 0;
}

const save = async (tpm: TestTpm, saveHandle: number): Promise<number> =>
  (await tpm.client.call(C.ContextSave, { saveHandle })).context.contextBlob.length;

it('contexts of sessions take no more room than the TPM tells', async () => {
  const tpm = await testTpm();
  const max = await property(tpm, TPM_PT.MAX_SESSION_CONTEXT);
  await tpm.client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: DIGEST });
  let counter = 0;
  const random = (size: number) => hash('sha512', utf8(`${counter++}`)).slice(0, size);
  const start = (type: number) =>
    T.ClientSession.start(tpm.client, {
      type,
      authHash: A.SHA512,
      symmetric: { algorithm: A.AES, keyBits: 256, mode: A.CFB },
      bind: { handle: TPM_RH.OWNER, authValue: DIGEST },
      random,
    });
  const { handle } = await start(TPM_SE.HMAC);
  expect(await save(tpm, handle)).toBeLessThanOrEqual(max);
  const audit = await start(TPM_SE.HMAC);
  const attributes = T.TPMA_SESSION.audit | T.TPMA_SESSION.continueSession;
  await tpm.client.call(C.GetRandom, { bytesRequested: 8 }, { auth: [{ with: audit, attributes }] });
  expect(await save(tpm, audit.handle)).toBeLessThanOrEqual(max);
  const policy = await start(TPM_SE.POLICY);
  await tpm.client.call(C.PolicyAuthValue, { policySession: policy.handle });
  await tpm.client.call(C.PolicyCpHash, { policySession: policy.handle, cpHashA: DIGEST });
  expect(await save(tpm, policy.handle)).toBeLessThanOrEqual(max);
});

it('contexts of objects take no more room than the TPM tells', async () => {
  const tpm = await testTpm();
  const max = await property(tpm, TPM_PT.MAX_OBJECT_CONTEXT);
  const base = { ...T.EK_RSA2048, nameAlg: A.SHA512, authPolicy: DIGEST } as Extract<T.TPMT_PUBLIC, { type: 1 }>;
  const areas: T.TPMT_PUBLIC[] = [
    { ...T.SRK_ECC_P256, nameAlg: A.SHA512 },
    { ...base, parameters: { ...base.parameters, keyBits: 3072 }, unique: new Uint8Array(384) },
  ];
  for (const inPublic of areas) {
    const { objectHandle } = await tpm.client.call(C.CreatePrimary, {
      primaryHandle: TPM_RH.ENDORSEMENT,
      inSensitive: { userAuth: DIGEST, data: EMPTY },
      inPublic,
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    expect(await save(tpm, objectHandle)).toBeLessThanOrEqual(max);
  }
  const { sequenceHandle } = await tpm.client.call(C.HashSequenceStart, { auth: DIGEST, hashAlg: A.NULL });
  const buffer = new Uint8Array(1000).map((_, i) => DIGEST[i % 61] ?? 0);
  await tpm.client.call(C.SequenceUpdate, { sequenceHandle, buffer }, { auth: [DIGEST] });
  expect(await save(tpm, sequenceHandle)).toBeLessThanOrEqual(max);
});

const keyed = (scheme: object, attributes: number): T.TPMT_PUBLIC =>
  ({
    type: A.KEYEDHASH,
    nameAlg: A.SHA384,
    objectAttributes: attributes,
    authPolicy: DIGEST.slice(0, 48),
    parameters: { scheme },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;
const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign } = T.TPMA_OBJECT;
const BOUND = fixedTPM | fixedParent | userWithAuth;

it.each<[string, T.TPMT_PUBLIC, Uint8Array]>([
  ['RSA', T.EK_RSA2048, EMPTY],
  ['ECC', T.SRK_ECC_P256, EMPTY],
  ['HMAC key', keyed({ scheme: A.HMAC, hashAlg: A.SHA256 }, BOUND | sensitiveDataOrigin | sign), EMPTY],
  ['sealed data', keyed({ scheme: A.NULL }, BOUND), DIGEST],
])('an object comes back as it was: %s', async (_, inPublic, data) => {
  const tpm = await testTpm();
  const { objectHandle } = await tpm.client.call(C.CreatePrimary, {
    primaryHandle: TPM_RH.ENDORSEMENT,
    inSensitive: { userAuth: DIGEST.slice(0, 20), data },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
  const before = tpm.transport.engine.state.transient.get(objectHandle);
  const { context } = await tpm.client.call(C.ContextSave, { saveHandle: objectHandle });
  await tpm.client.call(C.FlushContext, { flushHandle: objectHandle });
  const { loadedHandle } = await tpm.client.call(C.ContextLoad, { context });
  expect(before).toBeDefined();
  expect(tpm.transport.engine.state.transient.get(loadedHandle)).toStrictEqual(before);
});

it.each([A.SHA1, A.SHA512, A.NULL])('a sequence of hash %i goes on where it was', async (hashAlg) => {
  const tpm = await testTpm();
  const { sequenceHandle } = await tpm.client.call(C.HashSequenceStart, { auth: EMPTY, hashAlg });
  await tpm.client.call(C.SequenceUpdate, { sequenceHandle, buffer: new Uint8Array(777).fill(1) }, { auth: [EMPTY] });
  const before = tpm.transport.engine.state.transient.get(sequenceHandle);
  const { context } = await tpm.client.call(C.ContextSave, { saveHandle: sequenceHandle });
  await tpm.client.call(C.FlushContext, { flushHandle: sequenceHandle });
  const { loadedHandle } = await tpm.client.call(C.ContextLoad, { context });
  expect(tpm.transport.engine.state.transient.get(loadedHandle)).toStrictEqual(before);
});

it('a session comes back as it was, whatever its policy has collected', async () => {
  const tpm = await testTpm();
  let counter = 0;
  const random = (size: number) => hash('sha512', utf8(`${counter++}`)).slice(0, size);
  const symmetric = { algorithm: A.AES, keyBits: 128, mode: A.CFB };
  const { handle } = await T.ClientSession.start(tpm.client, {
    type: TPM_SE.POLICY,
    authHash: A.SHA256,
    symmetric,
    random,
  });
  const policySession = handle;
  await tpm.client.call(C.PolicyAuthValue, { policySession });
  await tpm.client.call(C.PolicyLocality, { policySession, locality: 3 });
  await tpm.client.call(C.PolicyNvWritten, { policySession, writtenSet: 0 });
  await tpm.client.call(C.PolicyCommandCode, { policySession, code: T.TPM_CC.Unseal });
  await tpm.client.call(C.PolicyNameHash, { policySession, nameHash: DIGEST.slice(0, 32) });
  const before = tpm.transport.engine.state.sessions.get(handle);
  const { context } = await tpm.client.call(C.ContextSave, { saveHandle: handle });
  expect(tpm.transport.engine.state.sessions.get(handle)).toBeUndefined();
  await tpm.client.call(C.ContextLoad, { context });
  expect(tpm.transport.engine.state.sessions.get(handle)).toStrictEqual(before);
});

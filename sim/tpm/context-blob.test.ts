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

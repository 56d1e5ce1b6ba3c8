/**
 * What long mixed use of both TPMs side by side brought to light: objects without a name algorithm in every command that takes an
 * object, policy sessions in other roles than authorisation, and what some commands leave behind.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import { AES, ECDSA, EMPTY, external, FIXED, keyedHash, MADE, STORAGE, USER } from './tpm-key-samples.ts';
import { Sides, startSession, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_OBJECT: O, TPMA_SESSION: S, TPM_SE, TPM_CC } = T;

let sides: Sides;
let both: Both;
beforeAll(async () => {
  sides = await Sides.start();
  both = new Both(sides.pair);
});
afterAll(() => sides.stop());

const KEY = 0x80000000;
const OTHER = 0x80000001;
const created = (inPublic: T.TPMT_PUBLIC, primaryHandle: number = RH.OWNER) => ({
  primaryHandle,
  inSensitive: { userAuth: EMPTY, data: EMPTY },
  inPublic,
  outsideInfo: EMPTY,
  creationPCR: [],
});

describe('objects without a name algorithm', () => {
  const attest = { qualifyingData: EMPTY, inScheme: { scheme: A.NULL } } as const;
  const sealed = { inSensitive: { userAuth: EMPTY, data: utf8('x') }, inPublic: keyedHash(USER) };
  const noTicket = { tag: T.TPM_ST.HASHCHECK, hierarchy: RH.NULL, digest: EMPTY };
  const blob = new Uint8Array(60).fill(1);
  const digest = new Uint8Array(32).fill(2);
  /** A point of the curve, or bytes as many as the modulus has. */
  const point = ({ type, unique }: T.TPMT_PUBLIC): Uint8Array =>
    type === A.ECC ? T.encode(T.TPM2B_ECC_POINT, unique).subarray(2) : new Uint8Array(128).fill(1);

  /** Every command that takes an object, with this one in each place; the label is the command's name. */
  const uses = async (label: string, h: number, inPublic: T.TPMT_PUBLIC): Promise<void> => {
    const run = <In, Out>(row: T.CommandRow<In, Out>, input: In) => both.run(label, row, input, { mode: 'code' });
    const secret = point(inPublic);
    await run(C.ReadPublic, { objectHandle: h });
    await run(C.StartAuthSession, {
      ...{ tpmKey: h, bind: RH.NULL, nonceCaller: digest, encryptedSalt: secret, sessionType: TPM_SE.HMAC },
      ...{ symmetric: { algorithm: A.NULL }, authHash: A.SHA256 },
    });
    await both.run(label, C.FlushContext, { flushHandle: 0x02000000 }, { mode: 'code' });
    await run(C.StartAuthSession, {
      ...{ tpmKey: RH.NULL, bind: h, nonceCaller: digest, encryptedSalt: EMPTY, sessionType: TPM_SE.HMAC },
      ...{ symmetric: { algorithm: A.NULL }, authHash: A.SHA256 },
    });
    await both.run(label, C.FlushContext, { flushHandle: 0x02000000 }, { mode: 'code' });
    await run(C.Create, { parentHandle: h, ...sealed, outsideInfo: EMPTY, creationPCR: [] });
    await run(C.CreateLoaded, {
      parentHandle: h,
      inSensitive: sealed.inSensitive,
      inPublic: T.encode(T.NAMED_TEMPLATE, sealed.inPublic),
    });
    await run(C.Load, { parentHandle: h, inPrivate: blob, inPublic: sealed.inPublic });
    await run(C.Import, {
      ...{ parentHandle: h, encryptionKey: EMPTY, objectPublic: sealed.inPublic, duplicate: blob, inSymSeed: secret },
      symmetricAlg: { algorithm: A.NULL },
    });
    await run(C.Rewrap, { oldParent: h, newParent: h, inDuplicate: blob, name: digest, inSymSeed: secret });
    await run(C.Rewrap, { oldParent: RH.NULL, newParent: h, inDuplicate: blob, name: digest, inSymSeed: EMPTY });
    for (const [objectHandle, newParentHandle] of [
      [h, RH.NULL],
      [h, h],
    ] as const) {
      await run(C.Duplicate, {
        objectHandle,
        newParentHandle,
        encryptionKeyIn: EMPTY,
        symmetricAlg: { algorithm: A.NULL },
      });
    }
    await run(C.ObjectChangeAuth, { objectHandle: h, parentHandle: h, newAuth: utf8('new') });
    for (const credential of [utf8('c'), EMPTY])
      await run(C.MakeCredential, { handle: h, credential, objectName: digest });
    await run(C.ActivateCredential, { activateHandle: h, keyHandle: h, credentialBlob: blob, secret });
    await run(C.Certify, { objectHandle: h, signHandle: h, ...attest });
    await run(C.Certify, { objectHandle: h, signHandle: RH.NULL, ...attest });
    await run(C.CertifyCreation, {
      ...{ signHandle: h, objectHandle: h, ...attest, creationHash: digest },
      creationTicket: { tag: T.TPM_ST.CREATION, hierarchy: RH.OWNER, digest: EMPTY },
    });
    await run(C.GetTime, { privacyAdminHandle: RH.ENDORSEMENT, signHandle: h, ...attest });
    await run(C.Quote, { signHandle: h, ...attest, PCRselect: [] });
    await run(C.Sign, { keyHandle: h, digest, inScheme: { scheme: A.NULL }, validation: noTicket });
    await run(C.Sign, { keyHandle: h, digest, inScheme: ECDSA as never, validation: noTicket });
    await run(C.RSA_Encrypt, { keyHandle: h, message: digest, inScheme: { scheme: A.NULL }, label: EMPTY });
    await run(C.RSA_Decrypt, { keyHandle: h, cipherText: secret, inScheme: { scheme: A.NULL }, label: EMPTY });
    await run(C.ECDH_KeyGen, { keyHandle: h });
    await run(C.Unseal, { itemHandle: h });
    await run(C.HMAC, { handle: h, buffer: digest, hashAlg: A.NULL });
    await run(C.EncryptDecrypt, { keyHandle: h, decrypt: 0, mode: A.CFB, ivIn: new Uint8Array(16), inData: digest });
    await run(C.EvictControl, { auth: RH.OWNER, objectHandle: h, persistentHandle: 0x81000055 });
    await run(C.ContextSave, { saveHandle: h });
    await run(C.GetRandom, { bytesRequested: 2 });
  };

  it.each(Object.entries(external))(
    '%s, in every command that takes an object',
    async (kind, { inPublic, sensitive }) => {
      for (const attributes of [O.sign, O.decrypt, O.sign | O.decrypt, STORAGE]) {
        for (const inPrivate of [sensitive, undefined]) {
          for (const hierarchy of inPrivate === undefined ? [RH.OWNER, RH.NULL] : [RH.NULL]) {
            await both.flushAll();
            const parameters = { ...inPublic.parameters, ...(attributes === STORAGE && { symmetric: AES }) };
            const objectAttributes = USER | attributes;
            const area = { ...inPublic, parameters, nameAlg: A.NULL, objectAttributes } as T.TPMT_PUBLIC;
            const label = `${kind} ${attributes.toString(16)}${inPrivate === undefined ? ', public' : ''}, ${hierarchy.toString(16)}`;
            const loaded = await both.run(
              label,
              C.LoadExternal,
              { inPrivate, inPublic: area, hierarchy },
              { mode: 'code' },
            );
            if (loaded !== undefined) await uses(label, loaded[0].objectHandle, area);
          }
        }
      }
      both.verdict();
    },
    120_000,
  );

  it('has no parent, by which its authorisation could be changed', async () => {
    await both.flushAll();
    await both.must('parent', C.CreatePrimary, created(T.SRK_ECC_P256));
    const { inPublic, sensitive } = external.ECC ?? { inPublic: T.SRK_ECC_P256, sensitive: undefined };
    const area = { ...inPublic, nameAlg: A.NULL } as T.TPMT_PUBLIC;
    await both.must('key', C.LoadExternal, { inPrivate: sensitive, inPublic: area, hierarchy: RH.NULL });
    await both.run('', C.ObjectChangeAuth, { objectHandle: OTHER, parentHandle: KEY, newAuth: EMPTY });
    both.verdict();
  });
});

describe('what a parent that does not outlast a restart hands down', () => {
  it.each([0, O.stClear])('parent with stClear %i', async (stClear) => {
    await both.flushAll();
    const area = { ...T.SRK_ECC_P256, objectAttributes: T.SRK_ECC_P256.objectAttributes | stClear } as T.TPMT_PUBLIC;
    await both.must('parent', C.CreatePrimary, created(area, RH.PLATFORM));
    const child = keyedHash(MADE | FIXED | O.sign, { scheme: A.HMAC, hashAlg: A.SHA256 });
    const inSensitive = { userAuth: EMPTY, data: EMPTY };
    const evict = { auth: RH.PLATFORM, persistentHandle: 0x81800001 };
    const made = await both.must('child', C.Create, {
      parentHandle: KEY,
      inSensitive,
      inPublic: child,
      outsideInfo: EMPTY,
      creationPCR: [],
    });
    await both.must('child', C.Load, (side) => ({
      parentHandle: KEY,
      inPrivate: made[side].outPrivate,
      inPublic: made[side].outPublic,
    }));
    if (await both.run('loaded', C.EvictControl, { ...evict, objectHandle: OTHER }))
      await both.must('gone', C.EvictControl, { ...evict, objectHandle: 0x81800001 });
    await both.must('flush', C.FlushContext, { flushHandle: OTHER });
    await both.must('child', C.CreateLoaded, {
      parentHandle: KEY,
      inSensitive,
      inPublic: T.encode(T.NAMED_TEMPLATE, child),
    });
    if (await both.run('made', C.EvictControl, { ...evict, objectHandle: OTHER }))
      await both.must('gone', C.EvictControl, { ...evict, objectHandle: 0x81800001 });
    await both.flushAll();
    both.verdict();
  });
});

describe('sessions', () => {
  it('a policy session begins anew whatever it was used for', async () => {
    for (const attributes of [S.continueSession | S.encrypt, S.continueSession | S.audit, S.continueSession]) {
      await sides.agree(`attributes ${attributes.toString(16)}`, async (side) => {
        const session = await startSession(side, {
          type: TPM_SE.POLICY,
          symmetric: { algorithm: A.AES, keyBits: 128, mode: A.CFB },
        });
        const policySession = session.handle;
        await side.client.call(C.PolicyCommandCode, { policySession, code: TPM_CC.ObjectChangeAuth });
        const used = await status(
          side.client.call(C.GetRandom, { bytesRequested: 8 }, { auth: [{ with: session, attributes }] }),
        );
        const { policyDigest } = await side.client.call(C.PolicyGetDigest, { policySession });
        const again = await status(side.client.call(C.PolicyCommandCode, { policySession, code: TPM_CC.Unseal }));
        await side.client.call(C.FlushContext, { flushHandle: policySession });
        return { used, policyDigest, again };
      });
    }
    sides.check();
  });

  it('the signing key is looked at before whether the session audits', async () => {
    const { inPublic, sensitive } = external.ECC ?? { inPublic: T.SRK_ECC_P256, sensitive: undefined };
    for (const use of [O.sign, O.decrypt]) {
      for (const inScheme of [{ scheme: A.NULL }, ECDSA, { scheme: A.HMAC, hashAlg: A.SHA256 }] as never[]) {
        await sides.agree(`${use.toString(16)} ${JSON.stringify(inScheme)}`, async (side) => {
          const session = await startSession(side);
          const area = { ...inPublic, objectAttributes: USER | use } as T.TPMT_PUBLIC;
          const loaded = await side.client.call(C.LoadExternal, {
            inPrivate: sensitive,
            inPublic: area,
            hierarchy: RH.NULL,
          });
          const out = await status(
            side.client.call(C.GetSessionAuditDigest, {
              ...{ privacyAdminHandle: RH.ENDORSEMENT, signHandle: loaded.objectHandle, sessionHandle: session.handle },
              ...{ qualifyingData: EMPTY, inScheme },
            }),
          );
          for (const flushHandle of [loaded.objectHandle, session.handle])
            await side.client.call(C.FlushContext, { flushHandle });
          return out;
        });
      }
    }
    sides.check();
  });
});

describe('NV', () => {
  const INDEX = 0x01000001;
  const define = (attributes: number, authPolicy: Uint8Array = EMPTY, auth: Uint8Array = EMPTY) => ({
    authHandle: RH.OWNER,
    auth,
    publicInfo: { nvIndex: INDEX, nameAlg: A.SHA256, attributes, authPolicy, dataSize: 8 },
  });

  it.each([
    ['PIN_FAIL', 0x80],
    ['PIN_PASS', 0x90],
  ])('%s: showing its value in a policy does not write it', async (_, type) => {
    await sides.agree('read', async (side) => {
      const trial = (await startSession(side, { type: TPM_SE.TRIAL })).handle;
      await side.client.call(C.PolicyPassword, { policySession: trial });
      const { policyDigest } = await side.client.call(C.PolicyGetDigest, { policySession: trial });
      await side.client.call(C.FlushContext, { flushHandle: trial });
      const attributes = T.TPMA_NV.noDA | T.TPMA_NV.policyRead | T.TPMA_NV.ownerWrite | type;
      await side.client.call(C.NV_DefineSpace, define(attributes, policyDigest, utf8('abcd')));
      const session = await startSession(side, { type: TPM_SE.POLICY });
      await side.client.call(C.PolicyPassword, { policySession: session.handle });
      const use = { with: session, authValue: utf8('abcd'), shows: 'password' } as const;
      const read = { authHandle: INDEX, nvIndex: INDEX, size: 8, offset: 0 };
      const { nvName } = await side.client.call(C.NV_ReadPublic, { nvIndex: INDEX });
      const names = { authHandle: nvName, nvIndex: nvName };
      const answer = await status(side.client.call(C.NV_Read, read, { auth: [use], names }));
      await side.client.call(C.FlushContext, { flushHandle: session.handle });
      const { nvPublic } = await side.client.call(C.NV_ReadPublic, { nvIndex: INDEX });
      await side.client.call(C.NV_UndefineSpace, { authHandle: RH.OWNER, nvIndex: INDEX });
      return { answer, attributes: nvPublic.attributes };
    });
    sides.check();
  });

  it('TPM2_Clear does not forget that a protected value was tried', async () => {
    const attributes = T.TPMA_NV.authWrite | T.TPMA_NV.authRead | T.TPMA_NV.platformCreate;
    await sides.agree('clear', async (side) => {
      await side.client.call(C.NV_DefineSpace, { ...define(attributes), authHandle: RH.PLATFORM });
      const write = () =>
        status(side.client.call(C.NV_Write, { authHandle: INDEX, nvIndex: INDEX, data: new Uint8Array(8), offset: 0 }));
      const out = [await write(), await write()];
      await side.client.call(C.Clear, { authHandle: RH.PLATFORM });
      out.push(await write());
      await side.client.call(C.NV_UndefineSpace, { authHandle: RH.PLATFORM, nvIndex: INDEX });
      return out;
    });
    sides.check();
  });
});

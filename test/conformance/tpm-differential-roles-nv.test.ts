/** NV indices: authValues, policies, PINs, the ADMIN role, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { digestOf, flush, inPolicy, type Side, Sides, startSession as start, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH, TPM_CC, TPMA_NV } = T;
const EMPTY = new Uint8Array(0);
const NV = 0x0150_0020;
const secret = utf8('secret');

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

type Policy = (side: Side, policySession: number) => Promise<unknown>;
const trial = (side: Side, policy: Policy) =>
  inPolicy(
    side,
    async (handle) => {
      await policy(side, handle);
      return digestOf(side, handle);
    },
    TPM_SE.TRIAL,
  );
const code =
  (value: number): Policy =>
  ({ client }, policySession) =>
    client.call(C.PolicyCommandCode, { policySession, code: value });
const all =
  (...policies: Policy[]): Policy =>
  async (side, handle) => {
    for (const policy of policies) await policy(side, handle);
  };
const authValue: Policy = ({ client }, policySession) => client.call(C.PolicyAuthValue, { policySession });
const nothing: Policy = async () => undefined;

describe('NV indices', () => {
  const define = (
    side: Side,
    attributes: number,
    authPolicy: Uint8Array,
    dataSize = 8,
    authHandle: number = TPM_RH.OWNER,
  ) =>
    side.client.call(C.NV_DefineSpace, {
      authHandle,
      auth: secret,
      publicInfo: { nvIndex: NV, nameAlg: A.SHA256, attributes: attributes >>> 0, authPolicy, dataSize },
    });
  const nameOf = async (side: Side) => (await side.client.call(C.NV_ReadPublic, { nvIndex: NV })).nvName;
  const read = { authHandle: NV, nvIndex: NV, size: 4, offset: 0 };
  const write = { authHandle: NV, nvIndex: NV, data: utf8('data'), offset: 0 };

  it('authValue or policy, for reading and writing', async () => {
    const { authRead, authWrite, policyRead, policyWrite, ownerRead, ownerWrite, noDA } = TPMA_NV;
    for (const readers of [authRead, policyRead, authRead | policyRead, ownerRead]) {
      for (const writers of [authWrite, policyWrite, authWrite | policyWrite, ownerWrite]) {
        for (const kind of ['none', 'value', 'written', 'notWritten'] as const) {
          const policy: Policy = (side, policySession) => {
            if (kind === 'value') return authValue(side, policySession);
            if (kind === 'none') return nothing(side, policySession);
            return side.client.call(C.PolicyNvWritten, { policySession, writtenSet: kind === 'written' ? 1 : 0 });
          };
          await sides.agree(`${readers} ${writers} ${kind}`, async (side) => {
            const { client } = side;
            await define(side, readers | writers | noDA, kind === 'none' ? EMPTY : await trial(side, policy));
            const session = await start(side, { type: TPM_SE.POLICY });
            const out: unknown[] = [];
            const shows = kind === 'value' ? ({ shows: 'hmac' } as const) : {};
            for (const step of ['write', 'read', 'write', 'read'] as const) {
              for (const wrong of [false, true]) {
                const name = await nameOf(side);
                const names = { authHandle: name, nvIndex: name };
                await client.call(C.PolicyRestart, { sessionHandle: session.handle });
                await policy(side, session.handle);
                for (const auth of [secret, { with: session, authValue: wrong ? utf8('wrong') : secret, ...shows }]) {
                  const call =
                    step === 'write'
                      ? client.call(C.NV_Write, write, { auth: [auth], names })
                      : client.call(C.NV_Read, read, { auth: [auth], names });
                  out.push(await status(call));
                }
              }
            }
            await flush(side, session.handle);
            await client.call(C.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex: NV });
            return out;
          });
        }
      }
    }
  });

  it('ADMIN role: NV_ChangeAuth and NV_UndefineSpaceSpecial', async () => {
    await sides.agree('ChangeAuth', async (side) => {
      const { client } = side;
      const policy = all(authValue, code(TPM_CC.NV_ChangeAuth));
      await define(side, TPMA_NV.authRead | TPMA_NV.authWrite | TPMA_NV.noDA, await trial(side, policy));
      const nvName = await nameOf(side);
      const change = (auth: T.Authorization, newAuth = utf8('new')) =>
        status(client.call(C.NV_ChangeAuth, { nvIndex: NV, newAuth }, { auth: [auth], names: { nvIndex: nvName } }));
      const out: unknown[] = [await change(secret)];
      const hmac = await start(side);
      out.push(await change({ with: hmac, authValue: secret }));
      await flush(side, hmac.handle);
      const session = await start(side, {
        type: TPM_SE.POLICY,
        symmetric: { algorithm: A.AES, keyBits: 128, mode: A.CFB },
      });
      await policy(side, session.handle);
      out.push(await change({ with: session, authValue: utf8('wrong'), shows: 'hmac' }));
      // The TPM answers with an HMAC by the new value, which this client does not follow.
      const changed = await change({ with: session, authValue: secret, shows: 'hmac' });
      out.push(changed);
      out.push(await status(client.call(C.NV_Write, write, { auth: [utf8('new')] })));
      await flush(side, session.handle);
      await client.call(C.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex: NV });
      return out;
    });
    await sides.agree('UndefineSpaceSpecial', async (side) => {
      const { client } = side;
      const policy = all(authValue, code(TPM_CC.NV_UndefineSpaceSpecial));
      const { authRead, authWrite, platformCreate, policyDelete, noDA } = TPMA_NV;
      await define(
        side,
        authRead | authWrite | platformCreate | policyDelete | noDA,
        await trial(side, policy),
        8,
        TPM_RH.PLATFORM,
      );
      const nvName = await nameOf(side);
      const session = await start(side, { type: TPM_SE.POLICY });
      await policy(side, session.handle);
      const input = { nvIndex: NV, platform: TPM_RH.PLATFORM };
      const names = { nvIndex: nvName };
      const out = [await status(client.call(C.NV_UndefineSpaceSpecial, input, { auth: [secret, EMPTY], names }))];
      const wrong = { with: session, authValue: utf8('wrong'), shows: 'hmac' } as const;
      out.push(await status(client.call(C.NV_UndefineSpaceSpecial, input, { auth: [wrong, EMPTY], names })));
      // The index is gone when the answer is made: its HMAC has no authValue any more.
      const right = { with: session, authValue: secret, shows: 'hmac' } as const;
      out.push(await status(client.call(C.NV_UndefineSpaceSpecial, input, { auth: [right, EMPTY], names })));
      out.push(await status(nameOf(side)));
      await flush(side, session.handle);
      return out;
    });
  });

  it('PINs count', async () => {
    for (const type of [T.TPM_NT.PIN_FAIL, T.TPM_NT.PIN_PASS]) {
      for (const limit of [0, 1, 3]) {
        await sides.agree(`type ${type} limit ${limit}`, async (side) => {
          const { client } = side;
          const { authRead, ownerWrite, ownerRead, noDA } = TPMA_NV;
          await define(side, authRead | ownerWrite | ownerRead | noDA | (type << 4), EMPTY);
          const out: unknown[] = [await status(client.call(C.NV_Read, read, { auth: [secret] }))];
          await client.call(C.NV_Write, {
            ...write,
            authHandle: TPM_RH.OWNER,
            data: new Uint8Array([0, 0, 0, 0, 0, 0, 0, limit]),
          });
          const count = async () => (await client.call(C.NV_Read, { ...read, authHandle: TPM_RH.OWNER, size: 8 })).data;
          const nvName = await nameOf(side);
          for (const value of ['wrong', 'secret', 'wrong', 'wrong', 'secret', 'wrong', 'wrong', 'wrong', 'secret']) {
            out.push(value, await status(client.call(C.NV_Read, read, { auth: [utf8(value)] })), await count());
            const session = await start(side);
            const auth = [{ with: session, authValue: utf8(value) }];
            out.push(
              await status(client.call(C.NV_Read, read, { auth, names: { authHandle: nvName, nvIndex: nvName } })),
              await count(),
            );
            await flush(side, session.handle);
          }
          const secretOf = (policySession: number) =>
            status(
              client
                .call(
                  C.PolicySecret,
                  { authHandle: NV, policySession, nonceTPM: EMPTY, cpHashA: EMPTY, policyRef: EMPTY, expiration: -5 },
                  { auth: [secret] },
                )
                .then(({ policyTicket }) => policyTicket.digest.length),
            );
          out.push(await inPolicy(side, secretOf), await count());
          out.push(await status(start(side, { bind: { handle: NV, authValue: secret } })));
          await client.call(C.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex: NV });
          return out;
        });
      }
    }
  });

  it('dictionary attacks on indices', async () => {
    await sides.agree('protected', async (side) => {
      const { client } = side;
      await define(side, TPMA_NV.authRead | TPMA_NV.authWrite, EMPTY);
      const out: unknown[] = [];
      for (const value of ['secret', 'secret', 'wrong', 'wrong', 'secret', 'wrong', 'secret']) {
        out.push(await status(client.call(C.NV_Write, write, { auth: [utf8(value)] })));
      }
      out.push(await status(client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })));
      out.push(await status(client.call(C.NV_Read, read, { auth: [secret] })));
      await client.call(C.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex: NV });
      return out;
    });
  });
});

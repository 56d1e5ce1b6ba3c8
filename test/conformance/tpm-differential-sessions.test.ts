/** Sessions: HMACs, salts, binding, parameter encryption, audit, contexts and dictionary attacks, ours against swtpm's. */
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { inPolicy, policySession, primary, type Side, Sides, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_SE, TPM_RH, TPMA_SESSION: S, ClientSession } = T;
const EMPTY = new Uint8Array(0);
const { continueSession: KEEP } = S;
const AES = (keyBits: number): T.TPMT_SYM_DEF => ({ algorithm: A.AES, keyBits, mode: A.CFB });
const XOR: T.TPMT_SYM_DEF = { algorithm: A.XOR, keyBits: A.SHA256 };
/** swtpm has no AES-192. */
const CIPHERS = [AES(128), AES(256), XOR, { ...XOR, keyBits: A.SHA1 } as T.TPMT_SYM_DEF];
const auth = utf8('owner auth');
const NV = 0x0150_0001;
const SRK_RSA: T.RsaPublicArea = {
  ...T.EK_RSA2048,
  objectAttributes: T.SRK_ECC_P256.objectAttributes,
  authPolicy: EMPTY,
};

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

const start = (side: Side, options: Omit<T.SessionOptions, 'random'> = {}) =>
  ClientSession.start(side.client, { ...options, random: side.random });
const flush = (side: Side, flushHandle: number) => side.client.call(C.FlushContext, { flushHandle });
const authorization = (session: T.ClientSession, more: Partial<T.SessionAuthorization> = {}) => ({
  with: session,
  ...more,
});

/** An index of 8 bytes with this authValue; its Name before and after the first write. */
async function defineIndex(
  side: Side,
  indexAuth: Uint8Array,
  nvIndex = NV,
  more = T.TPMA_NV.noDA,
): Promise<Uint8Array> {
  await side.client.call(C.NV_DefineSpace, {
    authHandle: TPM_RH.OWNER,
    auth: indexAuth,
    publicInfo: {
      nvIndex,
      nameAlg: A.SHA256,
      attributes: T.TPMA_NV.authRead | T.TPMA_NV.authWrite | T.TPMA_NV.ownerRead | T.TPMA_NV.ownerWrite | more,
      authPolicy: EMPTY,
      dataSize: 8,
    },
  });
  const data = utf8('contents');
  await side.client.call(C.NV_Write, { authHandle: nvIndex, nvIndex, data, offset: 0 }, { auth: [indexAuth] });
  return (await side.client.call(C.NV_ReadPublic, { nvIndex })).nvName;
}
const undefineIndex = (side: Side, nvIndex = NV) =>
  side.client.call(C.NV_UndefineSpace, { authHandle: TPM_RH.OWNER, nvIndex });

describe('starting', () => {
  it('sizes of nonces, kinds, ciphers and keys', async () => {
    for (const nonce of [0, 15, 16, 20, 21, 32, 33, 64]) {
      for (const authHash of [A.SHA1, A.SHA256, A.SHA384, A.SHA512, A.NULL, A.SM3_256]) {
        for (const sessionType of [TPM_SE.HMAC, TPM_SE.POLICY, TPM_SE.TRIAL]) {
          await sides.agree(`nonce ${nonce} hash ${authHash} type ${sessionType}`, async (side) => {
            const { sessionHandle, nonceTPM } = await side.client.call(C.StartAuthSession, {
              tpmKey: TPM_RH.NULL,
              bind: TPM_RH.NULL,
              nonceCaller: side.random(nonce),
              encryptedSalt: EMPTY,
              sessionType,
              symmetric: { algorithm: A.NULL },
              authHash,
            });
            await flush(side, sessionHandle);
            return [sessionHandle, nonceTPM.length];
          });
        }
      }
    }
    const odd: [string, number, number, Uint8Array, T.TPMT_SYM_DEF][] = [
      ['salt without key', TPM_RH.NULL, TPM_RH.NULL, utf8('salt'), XOR],
      ['CTR', TPM_RH.NULL, TPM_RH.NULL, EMPTY, { algorithm: A.AES, keyBits: 128, mode: A.CTR }],
      ['no mode', TPM_RH.NULL, TPM_RH.NULL, EMPTY, { algorithm: A.AES, keyBits: 128, mode: A.NULL }],
      ['no such key', 0x80000000, TPM_RH.NULL, EMPTY, XOR],
      ['no such bind', TPM_RH.NULL, 0x80000001, EMPTY, XOR],
      ['no such bound index', TPM_RH.NULL, NV, EMPTY, XOR],
      ['bound to a PCR', TPM_RH.NULL, 3, EMPTY, XOR],
      ['bound to lockout', TPM_RH.NULL, TPM_RH.LOCKOUT, EMPTY, XOR],
      ['bound to owner', TPM_RH.NULL, TPM_RH.OWNER, EMPTY, XOR],
    ];
    for (const [label, tpmKey, bind, encryptedSalt, symmetric] of odd) {
      await sides.agree(label, async (side) => {
        const { sessionHandle } = await side.client.call(C.StartAuthSession, {
          tpmKey,
          bind,
          nonceCaller: side.random(16),
          encryptedSalt,
          sessionType: TPM_SE.HMAC,
          symmetric,
          authHash: A.SHA256,
        });
        await flush(side, sessionHandle);
      });
    }
  });

  it('handles, limits and flushing', async () => {
    await sides.agree('four sessions', async (side) => {
      const handles = [await policySession(side, TPM_SE.POLICY), (await start(side)).handle];
      handles.push(await policySession(side, TPM_SE.TRIAL));
      const refused = await status(start(side));
      await flush(side, handles[1] ?? 0);
      const again = (await start(side)).handle;
      const wrong = [];
      for (const handle of [0x02000000, 0x03000001, 0x02000005, 0x03000040, 0x03ffffff]) {
        wrong.push(await status(side.client.call(C.PolicyGetDigest, { policySession: handle })));
      }
      const loaded = await side.client.call(C.GetCapability, {
        capability: 1,
        property: 0x02000000,
        propertyCount: 10,
      });
      const flushed = [];
      for (const handle of [0x02000000, 0x03000001, 0x02000002, 0x02000002])
        flushed.push(await status(flush(side, handle)));
      return [handles, refused, again, wrong, loaded, flushed];
    });
  });

  it('salted with RSA and ECC keys, good and bad salts', async () => {
    for (const [template, kind] of [
      [SRK_RSA, 'rsa'],
      [T.SRK_ECC_P256, 'ecc'],
    ] as const) {
      await sides.agree(`salt ${kind}`, async (side) => {
        const key = await primary(side, template);
        const out: unknown[] = [];
        for (const type of [TPM_SE.HMAC, TPM_SE.POLICY]) {
          for (const authHash of [A.SHA1, A.SHA256, A.SHA384, A.SHA512]) {
            const salt = { handle: key.handle, publicArea: key.publicArea };
            const session = await start(side, { type, authHash, salt, symmetric: AES(128) });
            const use = authorization(session, { attributes: KEEP | S.encrypt });
            const { randomBytes } = await side.client.call(C.GetRandom, { bytesRequested: 16 }, { auth: [use] });
            out.push(randomBytes.length);
            await flush(side, session.handle);
          }
        }
        const bad: Uint8Array[] = [
          EMPTY,
          side.random(1),
          side.random(68),
          new Uint8Array(68),
          new Uint8Array(256).fill(1),
          side.random(257),
        ];
        for (const encryptedSalt of bad) {
          out.push(
            await status(
              side.client.call(C.StartAuthSession, {
                tpmKey: key.handle,
                bind: TPM_RH.NULL,
                nonceCaller: side.random(16),
                encryptedSalt,
                sessionType: TPM_SE.HMAC,
                symmetric: XOR,
                authHash: A.SHA256,
              }),
            ),
          );
        }
        await flush(side, key.handle);
        const signer = await primary(side, kind === 'rsa' ? T.AK_RSA2048 : T.AK_ECC_P256);
        out.push(await status(start(side, { salt: { handle: signer.handle, publicArea: signer.publicArea } })));
        await flush(side, signer.handle);
        return out;
      });
    }
  });
});

describe('HMACs', () => {
  it('of unbound and bound sessions, with right and wrong values', async () => {
    await sides.agree('set owner', ({ client }) =>
      client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: auth }),
    );
    for (const bound of [false, true]) {
      for (const authHash of [A.SHA1, A.SHA256, A.SHA512]) {
        await sides.agree(`bound ${bound} hash ${authHash}`, async (side) => {
          const bind = { handle: TPM_RH.OWNER, authValue: auth };
          const session = await start(side, bound ? { bind, authHash } : { authHash });
          const out: unknown[] = [];
          const setPolicy = (authHandle: number, use: Partial<T.SessionAuthorization>) =>
            status(
              side.client.call(
                C.SetPrimaryPolicy,
                { authHandle, authPolicy: EMPTY, hashAlg: A.NULL },
                { auth: [authorization(session, use)] },
              ),
            );
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: auth, bound }));
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: auth, bound }));
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: auth, bound: !bound }));
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: utf8('wrong') }));
          out.push(await setPolicy(TPM_RH.ENDORSEMENT, {}));
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: auth, bound }));
          // The last use ends the session.
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: auth, bound, attributes: 0 }));
          out.push(await setPolicy(TPM_RH.OWNER, { authValue: auth, bound }));
          return out;
        });
      }
    }
    await sides.agree('changing the value the session is bound to', async (side) => {
      const session = await start(side, { bind: { handle: TPM_RH.OWNER, authValue: auth } });
      const change = (newAuth: Uint8Array, use: Partial<T.SessionAuthorization>) =>
        status(
          side.client.call(
            C.HierarchyChangeAuth,
            { authHandle: TPM_RH.OWNER, newAuth },
            { auth: [authorization(session, use)] },
          ),
        );
      const out = [await change(utf8('new'), { bound: true })];
      out.push(await change(utf8('newer'), { bound: true }));
      out.push(
        await status(
          side.client.call(
            C.HierarchyChangeAuth,
            { authHandle: TPM_RH.OWNER, newAuth: EMPTY },
            { auth: [utf8('new')] },
          ),
        ),
      );
      await flush(side, session.handle);
      return out;
    });
  });

  it('no key and no HMAC', async () => {
    await sides.agree('empty', async (side) => {
      const { handle } = await start(side);
      const bare = { session: handle, continueSession: true };
      const out = [await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [bare] }))];
      out.push(
        await status(
          side.client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.OWNER, newAuth: EMPTY }, { auth: [bare] }),
        ),
      );
      await flush(side, handle);
      return out;
    });
  });

  it('of objects and NV indices, and trailing zeros', async () => {
    await sides.agree('NV', async (side) => {
      const nvName = await defineIndex(side, utf8('index\0\0'));
      const out: unknown[] = [];
      for (const value of ['index', 'index\0\0', 'wrong']) {
        const session = await start(side);
        const names = { authHandle: nvName, nvIndex: nvName };
        const use = authorization(session, { authValue: utf8(value) });
        out.push(
          await status(
            side.client.call(C.NV_Read, { authHandle: NV, nvIndex: NV, size: 8, offset: 0 }, { auth: [use], names }),
          ),
        );
        out.push(
          await status(
            side.client.call(C.NV_Read, { authHandle: NV, nvIndex: NV, size: 8, offset: 0 }, { auth: [utf8(value)] }),
          ),
        );
        await flush(side, session.handle);
      }
      await undefineIndex(side);
      return out;
    });
  });
});

describe('parameter encryption', () => {
  it.each(CIPHERS)('in both directions with %j', async (symmetric) => {
    for (const authHash of [A.SHA1, A.SHA256, A.SHA384, A.SHA512]) {
      await sides.agree(`hash ${authHash}`, async (side) => {
        const nvName = await defineIndex(side, utf8('secret'));
        const names = { authHandle: nvName, nvIndex: nvName };
        const out: unknown[] = [];
        const session = await start(side, { symmetric, authHash });
        const data = side.random(8);
        const use = (attributes: number) => authorization(session, { authValue: utf8('secret'), attributes });
        const write = { authHandle: NV, nvIndex: NV, data, offset: 0 };
        const read = { authHandle: NV, nvIndex: NV, size: 8, offset: 0 };
        await side.client.call(C.NV_Write, write, { auth: [use(KEEP | S.decrypt)], names });
        const plain = await side.client.call(C.NV_Read, read, { auth: [utf8('secret')] });
        out.push(plain.data.join() === data.join());
        const encrypted = await side.client.call(C.NV_Read, read, { auth: [use(KEEP | S.encrypt)], names });
        out.push(encrypted.data.join() === data.join());
        out.push(await status(side.client.call(C.NV_Read, read, { auth: [use(KEEP | S.decrypt)], names })));
        out.push(await status(side.client.call(C.NV_Write, write, { auth: [use(KEEP | S.encrypt)], names })));
        // A second session encrypts what the first authorises.
        const other = await start(side, {
          symmetric,
          authHash: A.SHA256,
          bind: { handle: NV, authValue: utf8('secret') },
        });
        const extra = authorization(other, { attributes: KEEP | S.encrypt });
        const twice = await side.client.call(C.NV_Read, read, { auth: [use(KEEP), extra], names });
        out.push(twice.data.join() === data.join());
        const password = await side.client.call(C.NV_Read, read, { auth: [utf8('secret'), extra], names });
        out.push(password.data.join() === data.join());
        const decrypting = authorization(other, { attributes: KEEP | S.decrypt });
        await side.client.call(C.NV_Write, write, { auth: [use(KEEP), decrypting], names });
        out.push(
          await status(side.client.call(C.NV_Write, write, { auth: [use(KEEP | S.decrypt), decrypting], names })),
        );
        for (const { handle } of [session, other]) await flush(side, handle);
        await undefineIndex(side);
        return out;
      });
    }
  });

  it('three sessions: one authorises, one decrypts, one encrypts', async () => {
    await sides.agree('Hash of sensitive data', async (side) => {
      const names = {};
      const owner = await start(side);
      const decrypt = await start(side, { symmetric: AES(128) });
      const encrypt = await start(side, { symmetric: XOR });
      const uses = [
        authorization(owner),
        authorization(decrypt, { attributes: KEEP | S.decrypt }),
        authorization(encrypt, { attributes: KEEP | S.encrypt }),
      ];
      const input = {
        primaryHandle: TPM_RH.OWNER,
        inSensitive: { userAuth: utf8('key auth'), data: EMPTY },
        inPublic: T.SRK_ECC_P256,
        outsideInfo: EMPTY,
        creationPCR: [],
      };
      const made = await side.client.call(C.CreatePrimary, input, { auth: uses, names });
      const swapped = await status(
        side.client.call(C.CreatePrimary, input, {
          auth: [uses[0], uses[2], uses[1]].flatMap((use) => use ?? []),
          names,
        }),
      );
      await flush(side, made.objectHandle);
      await flush(side, 0x80000001).catch(() => undefined);
      const four = await status(side.client.call(C.CreatePrimary, input, { auth: [...uses, EMPTY], names }));
      for (const { handle } of [owner, decrypt, encrypt]) await flush(side, handle);
      return [made.objectHandle, swapped, four];
    });
  });

  it('refuses where nothing can be encrypted', async () => {
    await sides.agree('attributes', async (side) => {
      const out: unknown[] = [];
      const plain = await start(side);
      const cipher = await start(side, { symmetric: AES(128) });
      const trial = await start(side, { type: TPM_SE.TRIAL, symmetric: AES(128) });
      for (const session of [plain, cipher, trial]) {
        for (const attributes of [
          0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x60, 0x80, 0x82, 0x84, 0x86, 0xa0, 0xc0, 0x22, 0x44,
        ]) {
          const use = authorization(session, { attributes: attributes | KEEP });
          out.push([attributes, await status(side.client.call(C.GetRandom, { bytesRequested: 4 }, { auth: [use] }))]);
          out.push([
            attributes,
            await status(side.client.call(C.StirRandom, { inData: side.random(4) }, { auth: [use] })),
          ]);
          out.push([attributes, await status(side.client.call(C.PCR_Read, { pcrSelectionIn: [] }, { auth: [use] }))]);
          out.push([attributes, await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [use] }))]);
          out.push([
            attributes,
            await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [EMPTY, use] })),
          ]);
        }
      }
      out.push(await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [EMPTY, EMPTY] })));
      out.push(await status(side.client.call(C.GetRandom, { bytesRequested: 4 }, { auth: [EMPTY] })));
      const audit = authorization(cipher, { attributes: KEEP | S.audit });
      out.push(await status(side.client.call(C.GetRandom, { bytesRequested: 4 }, { auth: [audit, audit] })));
      const other = authorization(plain, { attributes: KEEP | S.audit });
      out.push(await status(side.client.call(C.GetRandom, { bytesRequested: 4 }, { auth: [audit, other] })));
      for (const { handle } of [plain, cipher, trial]) await flush(side, handle);
      return out;
    });
  });
});

describe('policy sessions in use', () => {
  const sealed = (authPolicy: Uint8Array, objectAttributes: number) =>
    ({
      type: A.KEYEDHASH,
      nameAlg: A.SHA256,
      objectAttributes,
      authPolicy,
      parameters: { scheme: { scheme: A.NULL } },
      unique: EMPTY,
    }) as T.TPMT_PUBLIC;
  type Policy = (side: Side, policySession: number) => Promise<unknown>;
  const approval = { nonceTPM: EMPTY, cpHashA: EMPTY, policyRef: EMPTY, expiration: 0 };
  const POLICIES: Readonly<Record<string, Policy>> = {
    none: async () => undefined,
    authValue: ({ client }, p) => client.call(C.PolicyAuthValue, { policySession: p }),
    password: ({ client }, p) => client.call(C.PolicyPassword, { policySession: p }),
    code: ({ client }, p) => client.call(C.PolicyCommandCode, { policySession: p, code: T.TPM_CC.Unseal }),
    otherCode: ({ client }, p) => client.call(C.PolicyCommandCode, { policySession: p, code: T.TPM_CC.Quote }),
    locality: ({ client }, p) => client.call(C.PolicyLocality, { policySession: p, locality: 1 }),
    otherLocality: ({ client }, p) => client.call(C.PolicyLocality, { policySession: p, locality: 2 }),
    presence: ({ client }, p) => client.call(C.PolicyPhysicalPresence, { policySession: p }),
    written: ({ client }, p) => client.call(C.PolicyNvWritten, { policySession: p, writtenSet: 1 }),
    cpHash: ({ client }, p) => client.call(C.PolicyCpHash, { policySession: p, cpHashA: new Uint8Array(32).fill(1) }),
    nameHash: ({ client }, p) =>
      client.call(C.PolicyNameHash, { policySession: p, nameHash: new Uint8Array(32).fill(1) }),
    template: ({ client }, p) =>
      client.call(C.PolicyTemplate, { policySession: p, templateHash: new Uint8Array(32).fill(1) }),
    secret: ({ client }, p) => client.call(C.PolicySecret, { authHandle: TPM_RH.OWNER, policySession: p, ...approval }),
    pcr: ({ client }, p) =>
      client.call(C.PolicyPCR, { policySession: p, pcrDigest: EMPTY, pcrs: [T.pcrSelection(A.SHA256, [16])] }),
    timeout: ({ client }, p) =>
      client.call(C.PolicySecret, { authHandle: TPM_RH.OWNER, policySession: p, ...approval, expiration: 100 }),
  };

  it.each(Object.keys(POLICIES))('%s', async (name) => {
    const policy = POLICIES[name] ?? (async () => undefined);
    for (const attributes of [0, T.TPMA_OBJECT.userWithAuth, T.TPMA_OBJECT.adminWithPolicy]) {
      await sides.agree(`${name} with attributes ${attributes}`, async (side) => {
        const { client } = side;
        const authPolicy = await inPolicy(
          side,
          async (trial) => {
            await policy(side, trial);
            return (await client.call(C.PolicyGetDigest, { policySession: trial })).policyDigest;
          },
          TPM_SE.TRIAL,
        );
        const userAuth = utf8('object auth');
        const area = sealed(
          authPolicy,
          attributes | T.TPMA_OBJECT.fixedTPM | T.TPMA_OBJECT.fixedParent | T.TPMA_OBJECT.noDA,
        );
        const object = await primary(side, area, { userAuth, data: utf8('sealed data') });
        const names = { itemHandle: object.name };
        const session = await start(side, { type: TPM_SE.POLICY, symmetric: AES(128) });
        const unseal = (use: T.Authorization, locality: T.Locality = 0) =>
          status(client.call(C.Unseal, { itemHandle: object.handle }, { auth: [use], names, locality }));
        const shows = name === 'authValue' ? 'hmac' : name === 'password' ? 'password' : undefined;
        const use = (more: Partial<T.SessionAuthorization> = {}) =>
          authorization(session, { authValue: userAuth, ...(shows === undefined ? {} : { shows }), ...more });
        const out: unknown[] = [authPolicy, await unseal(userAuth), await unseal(use())];
        const again = async () => {
          await client.call(C.PolicyRestart, { sessionHandle: session.handle });
          out.push(await status(policy(side, session.handle)));
        };
        await again();
        out.push(await unseal(use()));
        out.push(await unseal(use()));
        await again();
        out.push(await unseal(use({ attributes: KEEP | S.encrypt })));
        await again();
        out.push(await unseal(use({ authValue: utf8('wrong') })));
        out.push(await unseal(use(), 1));
        await again();
        await client.call(C.PCR_Reset, { pcrHandle: 16 });
        await client.call(C.PCR_Extend, { pcrHandle: 0, digests: [{ hashAlg: A.SHA256, digest: new Uint8Array(32) }] });
        out.push(await unseal(use()));
        await again();
        out.push(await unseal(use({ attributes: 0 })));
        await status(flush(side, session.handle));
        await flush(side, object.handle);
        return out;
      });
    }
  });
});

/**
 * Symmetric keys and keyed hashes: who may bring a secret for what. Every combination of the attributes that matter with every
 * scheme, with and without a secret of the caller's, on the embedded TPM and on swtpm.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { fromHex } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import { AES, cipher, EMPTY, HMAC, keyedHash, MADE, NULL_SCHEME, rsa, USER, XOR } from './tpm-key-samples.ts';
import { PEER, TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;

let pair: TpmPair;
let both: Both;
beforeAll(async () => {
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
  await both.must('SRK', C.CreatePrimary, created(T.SRK_ECC_P256, EMPTY));
});
afterAll(() => pair.stop());

const PARENT = 0x80000000;
const MADE_HERE = 0x80000001;
const flush = () => pair.flush(MADE_HERE);

const created = (inPublic: T.TPMT_PUBLIC, data: Uint8Array) => ({
  primaryHandle: RH.OWNER,
  inSensitive: { userAuth: EMPTY, data },
  inPublic,
  outsideInfo: EMPTY,
  creationPCR: [],
});

const BITS = [
  O.fixedTPM,
  O.fixedParent,
  O.sensitiveDataOrigin,
  O.restricted,
  O.decrypt,
  O.sign,
  O.encryptedDuplication,
];
const COMBINATIONS = Array.from({ length: 1 << BITS.length }, (_, set) =>
  BITS.reduce((attributes, bit, i) => (set & (1 << i) ? attributes | bit : attributes), USER),
);

const KINDS: Record<string, (attributes: number) => T.TPMT_PUBLIC> = {
  'no scheme': (attributes) => keyedHash(attributes),
  HMAC: (attributes) => keyedHash(attributes, HMAC),
  XOR: (attributes) => keyedHash(attributes, XOR),
  'XOR with MGF1': (attributes) => keyedHash(attributes, { ...XOR, kdf: A.MGF1 }),
  'XOR without KDF': (attributes) => keyedHash(attributes, { ...XOR, kdf: A.NULL }),
  AES: (attributes) => cipher(attributes),
  'AES in no mode': (attributes) => cipher(attributes, { ...AES, mode: A.NULL }),
};

describe.each(Object.entries(KINDS))('%s, with every combination of attributes', (kind, make) => {
  it('is created, or refused, alike', async () => {
    for (const attributes of COMBINATIONS) {
      const inPublic = make(attributes);
      for (const data of [EMPTY, new Uint8Array(16).fill(7)]) {
        const label = `${kind} ${attributes.toString(16)}, data ${data.length}`;
        const inSensitive = { userAuth: EMPTY, data };
        if (await both.run(label, C.CreatePrimary, created(inPublic, data), { mode: 'code' })) await flush();
        const { primaryHandle: _, ...below } = { ...created(inPublic, data), parentHandle: PARENT };
        await both.run(label, C.Create, below, { mode: 'code' });
        const template = T.encode(T.NAMED_TEMPLATE, inPublic);
        for (const parentHandle of [PARENT, RH.OWNER]) {
          const loaded = { parentHandle, inSensitive, inPublic: template };
          if (await both.run(label, C.CreateLoaded, loaded, { mode: 'code' })) await flush();
        }
      }
    }
    both.verdict();
  }, 120_000);

  it('is loaded from outside, or refused, alike', async () => {
    for (const attributes of COMBINATIONS) {
      for (const size of [32, 20]) {
        const inPublic = { ...make(attributes), unique: new Uint8Array(size).fill(3) } as T.TPMT_PUBLIC;
        const input = { inPrivate: undefined, inPublic, hierarchy: RH.OWNER };
        const label = `${kind} ${attributes.toString(16)}, unique of ${size}`;
        if (await both.run(label, C.LoadExternal, input, { mode: 'code' })) await flush();
      }
    }
    both.verdict();
  }, 60_000);
});

it('too long an authorisation is found before a template that cannot be', async () => {
  const inSensitive = { userAuth: new Uint8Array(33).fill(1), data: EMPTY };
  const inPublic = keyedHash(MADE | O.restricted | O.sign | O.decrypt, NULL_SCHEME);
  for (const parentHandle of [PARENT, RH.OWNER]) {
    const loaded = { parentHandle, inSensitive, inPublic: T.encode(T.NAMED_TEMPLATE, inPublic) };
    await both.run('33 bytes', C.CreateLoaded, loaded);
  }
  await both.run('33 bytes', C.CreatePrimary, { ...created(inPublic, EMPTY), inSensitive });
  both.verdict();
});

it('a scheme that cannot be is found before too long an authorisation', async () => {
  const sensitive = {
    sensitiveType: A.KEYEDHASH,
    seedValue: new Uint8Array(32),
    sensitive: new Uint8Array(16),
  } as const;
  for (const [name, scheme] of Object.entries({ HMAC, none: NULL_SCHEME, XOR })) {
    for (const size of [32, 33]) {
      const inPublic = { ...keyedHash(USER | O.sign, scheme), unique: new Uint8Array(32) } as T.TPMT_PUBLIC;
      const inPrivate = { ...sensitive, authValue: new Uint8Array(size).fill(1) };
      await both.run(`${name}, ${size} bytes`, C.LoadExternal, { inPrivate, inPublic, hierarchy: RH.NULL });
    }
  }
  both.verdict();
});

it('a key that only decrypts makes no MAC, whatever hash is asked for', async () => {
  const ctr = { ...AES, mode: A.CTR };
  for (const attributes of [O.decrypt, O.sign, O.decrypt | O.sign, O.sign | O.restricted]) {
    const label = `AES ${attributes.toString(16)}`;
    const made = await both.run(label, C.CreatePrimary, created(cipher(MADE | attributes, ctr), EMPTY));
    if (made === undefined) continue;
    for (const hashAlg of [A.NULL, A.SHA256]) {
      await both.run(`${label} ${hashAlg}`, C.HMAC, { handle: MADE_HERE, buffer: EMPTY, hashAlg });
      await both.run(`${label} ${hashAlg}`, C.HMAC_Start, { handle: MADE_HERE, auth: EMPTY, hashAlg });
    }
    await flush();
  }
  both.verdict();
});

it('a digest of a wrong size is found before another limit of the session', async () => {
  const digests = [32, 20, 0].map((size) => new Uint8Array(size).fill(5));
  const other = new Uint8Array(32).fill(6);
  const rows = (policySession: number, digest: Uint8Array) => [
    T.encodeCommand(C.PolicyCpHash, { policySession, cpHashA: digest }),
    T.encodeCommand(C.PolicyNameHash, { policySession, nameHash: digest }),
    T.encodeCommand(C.PolicyTemplate, { policySession, templateHash: digest }),
  ];
  const start = { tpmKey: RH.NULL, bind: RH.NULL, nonceCaller: new Uint8Array(16), encryptedSalt: EMPTY };
  for (const first of [0, 1, 2]) {
    for (const second of [0, 1, 2]) {
      for (const digest of [...digests, other]) {
        const made = await both.must('session', C.StartAuthSession, {
          ...start,
          sessionType: T.TPM_SE.TRIAL,
          symmetric: { algorithm: A.NULL },
          authHash: A.SHA256,
        });
        const session = made[0].sessionHandle;
        const [one = EMPTY, two = EMPTY] = [rows(session, digests[0] ?? EMPTY)[first], rows(session, digest)[second]];
        await pair.same(`${first} then ${second}: first`, one);
        await pair.same(`${first} then ${second} of ${digest.length}`, two);
        await pair.flush(session);
      }
    }
  }
});

// Microsoft's own is built for longer keys.
const sizesOf = PEER === 'swtpm' ? describe : undefined;
sizesOf?.('sizes of a TPM of RSA keys of up to 3,072 bits', () => {
  it('templates', async () => {
    for (let size = 478; size < 492; size++) {
      const inSensitive = { userAuth: EMPTY, data: EMPTY };
      const inPublic = new Uint8Array(size).fill(0x5a);
      await both.run(`${size}`, C.CreateLoaded, { parentHandle: RH.OWNER, inSensitive, inPublic });
    }
    both.verdict();
  });

  it('names', async () => {
    for (let size = 64; size < 72; size++) {
      // The size before the name, written by hand: no name is that long.
      const name = Buffer.concat([Buffer.from([0, size]), Buffer.alloc(size, 1)]);
      const body = Buffer.concat([fromHex('800000000010'), Buffer.alloc(16), name]);
      const head = Buffer.alloc(10);
      head.writeUInt16BE(0x8001);
      head.writeUInt32BE(10 + body.length, 2);
      head.writeUInt32BE(C.MakeCredential.code, 6);
      await pair.same(`name of ${size}`, new Uint8Array(Buffer.concat([head, body])), 'code');
    }
  });

  it('primes', async () => {
    for (const keyBits of [2048, 3072]) {
      const area = rsa(USER | O.sign, NULL_SCHEME, { keyBits });
      const inPublic = { ...area, unique: new Uint8Array(keyBits / 8).fill(0x91) } as T.TPMT_PUBLIC;
      for (const size of [127, 128, 191, 192, 193, 256]) {
        const sensitive = {
          sensitiveType: A.RSA,
          authValue: EMPTY,
          seedValue: EMPTY,
          sensitive: new Uint8Array(size).fill(0x93),
        };
        const input = { inPrivate: sensitive as T.TPMT_SENSITIVE, inPublic, hierarchy: RH.NULL };
        if (await both.run(`${keyBits}, prime of ${size}`, C.LoadExternal, input)) await flush();
      }
    }
    both.verdict();
  });
});

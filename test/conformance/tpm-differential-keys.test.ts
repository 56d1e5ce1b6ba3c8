/** Objects below the primary keys: creation, loading, sealing, changing authorisation, external keys, derived keys, on the embedded TPM and on swtpm. */
import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { concat, fromHex, utf8 } from '../../src/bytes/bytes.ts';
import { hmac } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import * as S from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const {
  AES,
  cipher,
  ECDSA,
  ecc,
  EMPTY,
  external,
  FIXED,
  HMAC,
  keyedHash,
  MADE,
  NO_SYMMETRIC,
  NULL_SCHEME,
  rsa,
  seed,
  STORAGE,
  USER,
  XOR,
} = S;

let pair: TpmPair;
let both: Both;
let srk: readonly [number, number];
beforeAll(async () => {
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(() => pair.stop());

const none = { userAuth: EMPTY, data: EMPTY };
const primary = (inPublic: T.TPMT_PUBLIC, primaryHandle: number = RH.OWNER) => ({
  primaryHandle,
  inSensitive: none,
  inPublic,
  outsideInfo: EMPTY,
  creationPCR: [],
});

const templates: Record<string, T.TPMT_PUBLIC> = {
  'EC signing': ecc(MADE | FIXED | O.sign, ECDSA),
  'EC signing without scheme': ecc(MADE | FIXED | O.sign),
  'EC both': ecc(MADE | FIXED | O.sign | O.decrypt),
  'EC neither': ecc(MADE | FIXED),
  'EC parent': ecc(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: AES }),
  'EC parent with another cipher': ecc(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: { ...AES, keyBits: 256 } }),
  'EC parent with CTR': ecc(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: { ...AES, mode: A.CTR } }),
  'EC parent, duplicable, other cipher': ecc(MADE | STORAGE, NULL_SCHEME, { symmetric: { ...AES, keyBits: 256 } }),
  'EC parent with SHA-384': { ...ecc(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: AES }), nameAlg: A.SHA384 },
  'EC P-384': ecc(MADE | FIXED | O.sign, { scheme: A.ECDSA, hashAlg: A.SHA384 }, { curveID: 4 }),
  'EC P-521': ecc(MADE | FIXED | O.sign, { scheme: A.ECDSA, hashAlg: A.SHA512 }, { curveID: 5 }),
  'EC Schnorr': ecc(MADE | FIXED | O.sign, { scheme: A.ECSCHNORR, hashAlg: A.SHA256 }),
  'EC DAA': ecc(MADE | FIXED | O.sign, { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 }),
  'EC DH': ecc(MADE | FIXED | O.decrypt, { scheme: A.ECDH, hashAlg: A.SHA256 }),
  'EC MQV': ecc(MADE | FIXED | O.decrypt, { scheme: A.ECMQV, hashAlg: A.SHA256 }),
  'EC restricted DH': ecc(MADE | FIXED | STORAGE, { scheme: A.ECDH, hashAlg: A.SHA256 }, { symmetric: AES }),
  'EC with KDF': ecc(MADE | FIXED | O.decrypt, NULL_SCHEME, { kdf: { scheme: A.MGF1, hashAlg: A.SHA256 } }),
  'EC SHA-1 name': { ...ecc(MADE | FIXED | O.sign, ECDSA), nameAlg: A.SHA1 },
  'EC SHA-512 name': { ...ecc(MADE | FIXED | O.sign, ECDSA), nameAlg: A.SHA512 },
  'EC no name': { ...ecc(MADE | FIXED | O.sign, ECDSA), nameAlg: A.NULL },
  'EC short policy': { ...ecc(MADE | FIXED | O.sign, ECDSA), authPolicy: new Uint8Array(20) },
  'EC with unique': { ...ecc(MADE | FIXED | O.sign, ECDSA), unique: { x: fromHex('01'), y: EMPTY } } as T.TPMT_PUBLIC,
  'EC duplicable': ecc(MADE | O.sign, ECDSA),
  'EC encrypted duplication': ecc(MADE | O.sign | O.encryptedDuplication, ECDSA),
  'EC fixedTPM only': ecc(MADE | O.fixedTPM | O.sign, ECDSA),
  'EC fixedParent only': ecc(MADE | O.fixedParent | O.sign, ECDSA),
  'EC stClear': ecc(MADE | FIXED | O.stClear | O.sign, ECDSA),
  'EC without origin': ecc(USER | FIXED | O.sign, ECDSA),
  'EC restricted both': ecc(MADE | FIXED | O.restricted | O.sign | O.decrypt),
  'EC x509': ecc(MADE | FIXED | O.sign | O.x509sign, ECDSA),
  'RSA 1024 signing': rsa(MADE | FIXED | O.sign, { scheme: A.RSASSA, hashAlg: A.SHA256 }, { keyBits: 1024 }),
  'RSA PSS': rsa(MADE | FIXED | O.sign, { scheme: A.RSAPSS, hashAlg: A.SHA256 }),
  'RSA 3072': rsa(MADE | FIXED | O.decrypt, { scheme: A.OAEP, hashAlg: A.SHA384 }, { keyBits: 3072 }),
  'RSA 4096': rsa(MADE | FIXED | O.decrypt, { scheme: A.OAEP, hashAlg: A.SHA384 }, { keyBits: 4096 }),
  'RSA RSAES': rsa(MADE | FIXED | O.decrypt, { scheme: A.RSAES }, { keyBits: 1024 }),
  'RSA RSAES signing': rsa(MADE | FIXED | O.sign, { scheme: A.RSAES }, { keyBits: 1024 }),
  'RSA parent': rsa(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: AES }),
  'RSA exponent 3': rsa(MADE | FIXED | O.sign, NULL_SCHEME, { exponent: 3 }),
  'RSA exponent 65537': rsa(MADE | FIXED | O.sign, NULL_SCHEME, { exponent: 65537, keyBits: 1024 }),
  'RSA exponent 65539': rsa(MADE | FIXED | O.sign, NULL_SCHEME, { exponent: 65539, keyBits: 1024 }),
  'RSA exponent 65541': rsa(MADE | FIXED | O.sign, NULL_SCHEME, { exponent: 65541, keyBits: 1024 }),
  'sealed data': keyedHash(USER | FIXED),
  'sealed data with origin': keyedHash(MADE | FIXED),
  'sealed data restricted': keyedHash(USER | FIXED | O.restricted),
  'HMAC key': keyedHash(MADE | FIXED | O.sign, HMAC),
  'HMAC key SHA-512': keyedHash(MADE | FIXED | O.sign, { ...HMAC, hashAlg: A.SHA512 }),
  'HMAC key restricted': keyedHash(MADE | FIXED | O.sign | O.restricted, HMAC),
  'HMAC key given': keyedHash(USER | FIXED | O.sign, HMAC),
  'HMAC without scheme': keyedHash(MADE | FIXED | O.sign),
  'HMAC both': keyedHash(MADE | FIXED | O.sign | O.decrypt),
  'XOR key': keyedHash(MADE | FIXED | O.decrypt, XOR),
  'XOR with another KDF': keyedHash(MADE | FIXED | O.decrypt | O.restricted, { ...XOR, kdf: A.MGF1 }),
  'derivation parent': keyedHash(MADE | FIXED | STORAGE, XOR),
  'derivation parent, duplicable': keyedHash(MADE | STORAGE, XOR),
  'AES key': cipher(MADE | FIXED | O.sign | O.decrypt),
  'AES key given': cipher(USER | FIXED | O.sign | O.decrypt),
  'AES 256 any mode': cipher(MADE | FIXED | O.sign | O.decrypt, { ...AES, keyBits: 256, mode: A.NULL }),
  'AES decrypting': cipher(MADE | FIXED | O.decrypt),
  'AES parent': cipher(MADE | FIXED | STORAGE),
  'AES parent 256': cipher(MADE | FIXED | STORAGE, { ...AES, keyBits: 256 }),
  'AES neither': cipher(MADE | FIXED),
  'AES restricted signing': cipher(MADE | FIXED | O.restricted | O.sign),
  'AES no algorithm': cipher(MADE | FIXED | O.decrypt, NO_SYMMETRIC),
};

beforeEach(async () => {
  const made = await both.must('SRK', C.CreatePrimary, primary(T.SRK_ECC_P256));
  srk = [made[0].objectHandle, made[1].objectHandle];
  return async () => {
    for (let i = 0; i < 3; i++) {
      for (const tpm of [pair.ours, pair.theirs]) {
        await tpm.transmit(T.encodeCommand(C.FlushContext, { flushHandle: 0x80000000 + i }), 0);
      }
    }
  };
});

describe('creation below a parent', () => {
  const data: Record<string, Uint8Array> = {
    none: EMPTY,
    '16 bytes': new Uint8Array(16).fill(7),
    '65 bytes': new Uint8Array(65).fill(7),
    '128 bytes': new Uint8Array(128).fill(7),
  };

  it.each(Object.entries(templates))(
    '%s',
    async (name, inPublic) => {
      for (const [size, bytes] of Object.entries(data)) {
        const label = `${name}, data ${size}`;
        const inSensitive = { userAuth: fromHex('aabb'), data: bytes };
        const made = await both.run(label, C.Create, (side) => ({
          parentHandle: srk[side],
          inSensitive,
          inPublic,
          outsideInfo: fromHex('0102'),
          creationPCR: [T.pcrSelection(A.SHA256, [1])],
        }));
        if (made === undefined) continue;
        const loaded = await both.run(label, C.Load, (side) => ({
          parentHandle: srk[side],
          inPrivate: made[side].outPrivate,
          inPublic: made[side].outPublic,
        }));
        if (loaded === undefined) continue;
        await both.run(label, C.ReadPublic, (side) => ({ objectHandle: loaded[side].objectHandle }));
        const auth = [fromHex('aabb')];
        await both.run(label, C.Unseal, (side) => ({ itemHandle: loaded[side].objectHandle }), { auth, mode: 'bytes' });
        await both.run(label, C.Unseal, (side) => ({ itemHandle: loaded[side].objectHandle }), {
          auth: [fromHex('aa')],
        });
        for (const newAuth of [fromHex('cc00'), new Uint8Array(33).fill(1), new Uint8Array(64)]) {
          await both.run(
            label,
            C.ObjectChangeAuth,
            (side) => ({ objectHandle: loaded[side].objectHandle, parentHandle: srk[side], newAuth }),
            { auth },
          );
        }
        await both.run(
          label,
          C.CreateLoaded,
          (side) => ({
            parentHandle: loaded[side].objectHandle,
            inSensitive: none,
            inPublic: T.encode(T.TPMT_PUBLIC, templates['EC duplicable'] as T.TPMT_PUBLIC),
          }),
          { auth },
        );
        await both.run(
          label,
          C.Create,
          (side) => ({
            parentHandle: loaded[side].objectHandle,
            inSensitive: none,
            inPublic: templates['EC duplicable'] as T.TPMT_PUBLIC,
            outsideInfo: EMPTY,
            creationPCR: [],
          }),
          { auth },
        );
        for (const persistentHandle of [0x81000010, 0x81800010]) {
          await both.run(label, C.EvictControl, (side) => ({
            auth: RH.OWNER,
            objectHandle: loaded[side].objectHandle,
            persistentHandle,
          }));
        }
        await both.run(label, C.EvictControl, {
          auth: RH.OWNER,
          objectHandle: 0x81000010,
          persistentHandle: 0x81000010,
        });
        await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
      }
      both.verdict();
    },
    60_000,
  );

  it.each(Object.entries(templates))(
    '%s with CreateLoaded',
    async (name, inPublic) => {
      for (const [size, bytes] of Object.entries(data).slice(0, 3)) {
        for (const parent of ['srk', RH.OWNER, RH.NULL] as const) {
          const made = await both.run(`${name}, data ${size} under ${parent}`, C.CreateLoaded, (side) => ({
            parentHandle: parent === 'srk' ? srk[side] : parent,
            inSensitive: { userAuth: EMPTY, data: bytes },
            inPublic: T.encode(T.TPMT_PUBLIC, inPublic),
          }));
          if (made === undefined) continue;
          await both.run('evict', C.EvictControl, (side) => ({
            auth: RH.OWNER,
            objectHandle: made[side].objectHandle,
            persistentHandle: 0x81000011,
          }));
          await both.run('evict', C.EvictControl, {
            auth: RH.OWNER,
            objectHandle: 0x81000011,
            persistentHandle: 0x81000011,
          });
          await both.flush([made[0].objectHandle, made[1].objectHandle]);
        }
      }
      for (const bytes of [EMPTY, fromHex('00'), new Uint8Array(200)]) {
        await both.run('bad template', C.CreateLoaded, (side) => ({
          parentHandle: srk[side],
          inSensitive: none,
          inPublic: concat(T.encode(T.TPMT_PUBLIC, inPublic), bytes.length === 1 ? bytes : EMPTY).subarray(
            bytes.length === 200 ? 3 : 0,
          ),
        }));
      }
      both.verdict();
    },
    60_000,
  );

  it('damaged blobs', async () => {
    const inPublic = templates['EC signing'] as T.TPMT_PUBLIC;
    const made = await both.must('create', C.Create, (side) => ({
      parentHandle: srk[side],
      inSensitive: none,
      inPublic,
      outsideInfo: EMPTY,
      creationPCR: [],
    }));
    const load = (label: string, change: (blob: Uint8Array) => Uint8Array) =>
      both.run(label, C.Load, (side) => ({
        parentHandle: srk[side],
        inPrivate: change(made[side].outPrivate),
        inPublic: made[side].outPublic,
      }));
    await load('empty', () => EMPTY);
    for (const size of [1, 2, 33, 34, 35, 50, 51, 60]) await load(`cut to ${size}`, (blob) => blob.slice(0, size));
    for (const at of [0, 1, 2, 33, 34, 35, 36, 52, 60, 100]) {
      await load(`byte ${at}`, (blob) => blob.map((value, i) => (i === at ? value ^ 1 : value)));
    }
    await load('longer', (blob) => concat(blob, fromHex('00')));
    await both.run('other public', C.Load, (side) => ({
      parentHandle: srk[side],
      inPrivate: made[side].outPrivate,
      inPublic: { ...made[side].outPublic, objectAttributes: made[side].outPublic.objectAttributes ^ O.noDA },
    }));
    both.verdict();
  });

  it('memory of three objects', async () => {
    for (let i = 0; i < 3; i++) {
      await both.run(`object ${i}`, C.CreateLoaded, (side) => ({
        parentHandle: srk[side],
        inSensitive: none,
        inPublic: T.encode(T.TPMT_PUBLIC, templates['EC signing'] as T.TPMT_PUBLIC),
      }));
    }
    await both.run('create when full', C.Create, (side) => ({
      parentHandle: srk[side],
      inSensitive: none,
      inPublic: templates['EC signing'] as T.TPMT_PUBLIC,
      outsideInfo: EMPTY,
      creationPCR: [],
    }));
    await both.run('sequence when full', C.HashSequenceStart, { auth: EMPTY, hashAlg: A.SHA256 });
    both.verdict();
  });
});

describe('keys from outside', () => {
  it.each(Object.entries(external))('%s', async (name, { inPublic, sensitive }) => {
    const attempt = async (label: string, area: T.TPMT_PUBLIC, secret: T.TPMT_SENSITIVE | undefined) => {
      for (const hierarchy of [RH.NULL, RH.OWNER]) {
        const loaded = await both.run(
          `${name} ${label} in ${hierarchy.toString(16)}`,
          C.LoadExternal,
          { inPrivate: secret, inPublic: area, hierarchy },
          { mode: 'bytes' },
        );
        if (loaded === undefined) continue;
        await both.run(label, C.ReadPublic, { objectHandle: loaded[0].objectHandle }, { mode: 'bytes' });
        await both.run(label, C.Create, {
          parentHandle: loaded[0].objectHandle,
          inSensitive: none,
          inPublic: templates['EC signing'] as T.TPMT_PUBLIC,
          outsideInfo: EMPTY,
          creationPCR: [],
        });
        await both.run(label, C.EvictControl, {
          auth: RH.OWNER,
          objectHandle: loaded[0].objectHandle,
          persistentHandle: 0x81000020,
        });
        await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
      }
    };
    await attempt('whole', inPublic, sensitive);
    await attempt('public', inPublic, undefined);
    await attempt('without a Name', { ...inPublic, nameAlg: A.NULL }, sensitive);
    await attempt('public without a Name', { ...inPublic, nameAlg: A.NULL }, undefined);
    for (const [bit, mask] of Object.entries(O)) {
      await attempt(bit, { ...inPublic, objectAttributes: inPublic.objectAttributes ^ mask }, sensitive);
      await attempt(`public ${bit}`, { ...inPublic, objectAttributes: inPublic.objectAttributes ^ mask }, undefined);
    }
    const changed = (bytes: Uint8Array) => bytes.map((value, i) => (i === bytes.length - 1 ? value ^ 2 : value));
    await attempt('another secret', inPublic, { ...sensitive, sensitive: changed(sensitive.sensitive) });
    await attempt('a short secret', inPublic, { ...sensitive, sensitive: sensitive.sensitive.subarray(1) });
    await attempt('an empty secret', inPublic, { ...sensitive, sensitive: EMPTY });
    await attempt('no seed', inPublic, { ...sensitive, seedValue: EMPTY });
    await attempt('a long seed', inPublic, { ...sensitive, seedValue: new Uint8Array(33) });
    await attempt('a long password', inPublic, { ...sensitive, authValue: new Uint8Array(33).fill(1) });
    await attempt('another type', inPublic, { ...sensitive, sensitiveType: A.KEYEDHASH, sensitive: seed });
    const { unique } = inPublic;
    const other = unique instanceof Uint8Array ? changed(unique) : { x: changed(unique.x), y: unique.y };
    await attempt('another public key', { ...inPublic, unique: other } as T.TPMT_PUBLIC, undefined);
    await attempt('another public key with secret', { ...inPublic, unique: other } as T.TPMT_PUBLIC, sensitive);
    const short = unique instanceof Uint8Array ? unique.subarray(1) : { x: unique.x.subarray(1), y: unique.y };
    await attempt('a short public key', { ...inPublic, unique: short } as T.TPMT_PUBLIC, undefined);
    both.verdict();
  });

  it('derived keys are the same on both', async () => {
    const area: T.TPMT_PUBLIC = {
      ...keyedHash(USER | STORAGE, XOR),
      unique: hmac('sha256', seed, seed),
    } as T.TPMT_PUBLIC;
    const secret: T.TPMT_SENSITIVE = {
      sensitiveType: A.KEYEDHASH,
      authValue: new Uint8Array(32),
      seedValue: seed,
      sensitive: seed,
    };
    const imported = await both.must('import', C.Import, (side) => ({
      parentHandle: srk[side],
      encryptionKey: EMPTY,
      objectPublic: area,
      duplicate: T.encode(T.TPM2B_SENSITIVE, secret),
      inSymSeed: EMPTY,
      symmetricAlg: NO_SYMMETRIC,
    }));
    const parent = await both.must('load', C.Load, (side) => ({
      parentHandle: srk[side],
      inPrivate: imported[side].outPrivate,
      inPublic: area,
    }));
    const derive = (label: string, template: T.TPMT_PUBLIC, unique: Uint8Array, data: Uint8Array) => {
      const whole = T.encode(T.TPMT_PUBLIC, template);
      const size = T.encode(T.TPMT_PUBLIC, template).length;
      const tail = template.type === A.ECC ? 4 : 2;
      return both.run(
        label,
        C.CreateLoaded,
        (side) => ({
          parentHandle: parent[side].objectHandle,
          inSensitive: { userAuth: EMPTY, data },
          inPublic: concat(whole.subarray(0, size - tail), unique),
        }),
        { mode: 'bytes' },
      );
    };
    const named = concat(fromHex('0003'), utf8('abc'), fromHex('0002'), utf8('xy'));
    const templatesOfDerived = {
      'EC P-256': ecc(USER | O.fixedParent | O.sign, ECDSA),
      'EC P-384': ecc(USER | O.fixedParent | O.sign, NULL_SCHEME, { curveID: 4 }),
      'EC P-521': ecc(USER | O.fixedParent | O.sign, NULL_SCHEME, { curveID: 5 }),
      'EC P-521 for ECDH': ecc(USER | O.fixedParent | O.decrypt, NULL_SCHEME, { curveID: 5 }),
      'EC P-521 parent': ecc(USER | O.fixedParent | STORAGE, NULL_SCHEME, { curveID: 5, symmetric: AES }),
      HMAC: keyedHash(USER | O.fixedParent | O.sign, { ...HMAC, hashAlg: A.SHA512 }),
      AES: cipher(USER | O.fixedParent | O.sign | O.decrypt, { ...AES, keyBits: 256 }),
      sealed: keyedHash(USER | O.fixedParent),
      'EC parent': ecc(USER | O.fixedParent | STORAGE, NULL_SCHEME, { symmetric: AES }),
      RSA: rsa(USER | O.fixedParent | O.sign),
      'EC with origin': ecc(MADE | O.fixedParent | O.sign, ECDSA),
      'EC not fixed': ecc(USER | O.sign, ECDSA),
      'EC fixedTPM': ecc(USER | FIXED | O.sign, ECDSA),
    };
    for (const [label, template] of Object.entries(templatesOfDerived)) {
      for (const [how, unique, data] of [
        ['label and context', named, EMPTY],
        ['none', fromHex('00000000'), EMPTY],
        ['data', fromHex('00000000'), named],
        ['both', concat(fromHex('0001'), utf8('z'), fromHex('0000')), named],
        ['zero-ended', concat(fromHex('0002'), utf8('z\0'), fromHex('0000')), named],
        ['short data', fromHex('00000000'), fromHex('00')],
        ['extra data', fromHex('00000000'), fromHex('0000000000')],
        ['long label', concat(fromHex('0021'), new Uint8Array(33), fromHex('0000')), EMPTY],
        ['nothing', EMPTY, EMPTY],
      ] as const) {
        const made = await derive(`${label} by ${how}`, template, unique, data);
        if (made !== undefined) await both.flush([made[0].objectHandle, made[1].objectHandle]);
      }
    }
    both.verdict();
  });
});

/** Triple DES, Camellia and CMAC on the embedded TPM and on swtpm, wherever a structure may name them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concat, fromHex, u32Bytes, utf8 } from '../../src/bytes/bytes.ts';
import { hash, hmac } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { type Answers, Both, type Side } from './tpm-both.ts';
import * as S from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const { cipher, ecc, EMPTY, FIXED, keyedHash, MADE, NO_SYMMETRIC, NULL_SCHEME, rsa, seed, STORAGE, USER, XOR } = S;

const MODES = { none: A.NULL, CTR: A.CTR, OFB: A.OFB, CBC: A.CBC, CFB: A.CFB, ECB: A.ECB };
const CIPHERS = {
  'triple DES of two keys': { algorithm: A.TDES, keyBits: 128, mode: A.CFB },
  'triple DES of three keys': { algorithm: A.TDES, keyBits: 192, mode: A.CFB },
  'Camellia-128': { algorithm: A.CAMELLIA, keyBits: 128, mode: A.CFB },
  'Camellia-256': { algorithm: A.CAMELLIA, keyBits: 256, mode: A.CFB },
} as const;
const ALL = { ...CIPHERS, 'AES-128': S.AES, 'AES-256': { ...S.AES, keyBits: 256 } } as const;
type Symmetric = (typeof ALL)[keyof typeof ALL];
const blockOf = ({ algorithm }: Symmetric): number => (algorithm === A.TDES ? 8 : 16);

let pair: TpmPair;
let both: Both;
beforeAll(async () => {
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(() => pair.stop());
beforeEach(() => both.flushAll());

const other = (side: Side): Side => (side === 0 ? 1 : 0);
const clientOf = (side: Side) => new T.Tpm2Client(side === 0 ? pair.ours : pair.theirs);
const d20 = hash('sha1', utf8('x'));
const bytes = (size: number, of: string = 'key'): Uint8Array =>
  concat(hash('sha512', utf8(of)), hash('sha512', utf8(`more ${of}`))).slice(0, size);
/** Data whose blocks are all different. */
const data = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => i * 7 + (i >> 8));

/** A key from outside. */
function keyOf(sym: object, value: Uint8Array, attributes: number = USER | O.sign | O.decrypt): S.Sample {
  const sensitive = { sensitiveType: A.SYMCIPHER, authValue: EMPTY, seedValue: seed, sensitive: value } as const;
  return {
    inPublic: { ...cipher(attributes, sym), unique: hash('sha256', concat(seed, value)) } as T.TPMT_PUBLIC,
    sensitive,
  };
}

interface Made {
  readonly objectHandle: number;
  readonly outPublic: T.TPMT_PUBLIC;
  readonly name: Uint8Array;
}
const primary = (label: string, inPublic: T.TPMT_PUBLIC, sensitive: Uint8Array = EMPTY): Promise<Answers<Made>> =>
  both.run(label, C.CreatePrimary, {
    primaryHandle: RH.OWNER,
    inSensitive: { userAuth: EMPTY, data: sensitive },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
async function mustPrimary(label: string, inPublic: T.TPMT_PUBLIC): Promise<readonly [Made, Made]> {
  const made = await primary(label, inPublic);
  if (made === undefined) throw new Error(`${label} was refused`);
  return made;
}
const create = (label: string, parent: readonly [Made, Made], inPublic: T.TPMT_PUBLIC, sensitive: Uint8Array = EMPTY) =>
  both.run(label, C.Create, (side) => ({
    parentHandle: parent[side].objectHandle,
    inSensitive: { userAuth: d20, data: sensitive },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  }));
const load = (
  label: string,
  parent: readonly [Made, Made],
  made: (side: Side) => { outPrivate: Uint8Array; outPublic: T.TPMT_PUBLIC },
) =>
  both.run(label, C.Load, (side) => ({
    parentHandle: parent[side].objectHandle,
    inPrivate: made(side).outPrivate,
    inPublic: made(side).outPublic,
  }));

const DUPLICATE_POLICY = hash(
  'sha256',
  concat(new Uint8Array(32), u32Bytes(T.TPM_CC.PolicyCommandCode), u32Bytes(T.TPM_CC.Duplicate)),
);

async function duplicationSession(side: Side): Promise<number> {
  const client = clientOf(side);
  const random = (size: number) => new Uint8Array(size).fill(7);
  const { handle } = await T.ClientSession.start(client, { type: T.TPM_SE.POLICY, random });
  await client.call(C.PolicyCommandCode, { policySession: handle, code: T.TPM_CC.Duplicate });
  return handle;
}

describe('encryption with a key from outside', () => {
  it.each(Object.entries(CIPHERS))('%s in every mode, to the last byte', async (name, sym) => {
    const block = blockOf(sym);
    for (const own of Object.values(MODES)) {
      for (const attributes of [USER | O.sign | O.decrypt, USER | O.sign, USER | O.decrypt]) {
        const key = keyOf({ ...sym, mode: own }, bytes(sym.keyBits / 8), attributes);
        await both.withExternal(key, async (keyHandle) => {
          for (const mode of [...Object.values(MODES), A.CMAC]) {
            for (const decrypt of [0, 1]) {
              for (const size of [0, 1, 7, 8, 9, 16, 17, 24, 1000, 1024]) {
                for (const ivSize of size === 16 ? [0, 1, 7, 8, 9, 15, 16] : [mode === A.ECB ? 0 : block]) {
                  // A counter that goes over.
                  const ivIn = new Uint8Array(ivSize).fill(0xff).fill(3, 0, 4);
                  const input = { keyHandle, decrypt, mode, ivIn, inData: data(size) };
                  const id = `${name} ${own} ${attributes.toString(16)} ${mode} ${decrypt} ${size} ${ivSize}`;
                  await both.run(id, C.EncryptDecrypt, input, { mode: 'bytes' });
                  await both.run(id, C.EncryptDecrypt2, input, { mode: 'bytes' });
                }
              }
            }
          }
        });
      }
    }
    both.verdict();
  });

  it('which goes on from the vector that the command before it left', async () => {
    for (const [name, sym] of Object.entries(CIPHERS)) {
      for (const mode of [A.CTR, A.OFB, A.CBC, A.CFB]) {
        const key = keyOf({ ...sym, mode }, bytes(sym.keyBits / 8));
        await both.withExternal(key, async (keyHandle) => {
          for (const decrypt of [0, 1]) {
            let ivIn: Uint8Array = bytes(blockOf(sym), 'iv');
            for (const size of mode === A.CBC ? [16, 32, 64] : [16, 5, 11, 40, 3]) {
              const input = { keyHandle, decrypt, mode, ivIn, inData: data(size) };
              const out = await both.must(`${name} ${mode} ${size}`, C.EncryptDecrypt2, input, { mode: 'bytes' });
              ivIn = out[0].ivOut;
            }
          }
        });
      }
    }
    both.verdict();
  });
});

describe('keys', () => {
  /** What stands in the first half of weak keys, and in the second for it. */
  const HALVES = [0x01, 0x1f, 0xe0, 0xfe].map((byte, i) => [byte, [0x01, 0x0e, 0xf1, 0xfe][i] ?? 0] as const);
  const SUSPECTS = Array.from({ length: 256 }, (_, n) => {
    const chosen = [6, 4, 2, 0].map((shift) => HALVES[(n >> shift) & 3] ?? [0, 0]);
    return Uint8Array.from([...chosen.map(([byte]) => byte), ...chosen.map(([, byte]) => byte)]);
  });
  const GOOD = [bytes(8, 'one'), bytes(8, 'two'), bytes(8, 'three')] as const;
  const parity = (key: Uint8Array): Uint8Array => key.map((byte, i) => byte ^ (i & 1));
  const external = async (label: string, keyBits: number, value: Uint8Array): Promise<void> => {
    const { inPublic, sensitive } = keyOf({ algorithm: A.TDES, keyBits, mode: A.CFB }, value);
    const input = { inPrivate: sensitive, inPublic, hierarchy: RH.NULL };
    const loaded = await both.run(label, C.LoadExternal, input);
    if (loaded !== undefined) await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
  };

  it('of triple DES that are weak, in every place and with any parity', async () => {
    const [a, b, c] = GOOD;
    for (const weak of SUSPECTS) {
      await external('first of two', 128, concat(weak, a));
      await external('second of two', 128, concat(a, parity(weak)));
    }
    for (const weak of SUSPECTS.filter((_, n) => n % 5 === 0)) {
      await external('first of three', 192, concat(parity(weak), a, b));
      await external('second of three', 192, concat(a, weak, b));
      await external('third of three', 192, concat(a, b, weak));
    }
    await external('two equal', 128, concat(a, a));
    await external('two that differ in parity', 128, concat(a, parity(a)));
    await external('three equal', 192, concat(a, a, a));
    await external('the first two equal', 192, concat(a, parity(a), b));
    await external('the last two equal', 192, concat(a, b, b));
    await external('the outer two equal', 192, concat(a, b, a));
    await external('three of their own', 192, concat(a, b, c));
    both.verdict();
  });

  it('of other sizes', async () => {
    for (const [name, sym] of Object.entries(CIPHERS)) {
      for (const size of [0, 8, 15, 16, 17, 23, 24, 25, 31, 32]) {
        const { inPublic, sensitive } = keyOf(sym, bytes(size));
        const input = { inPrivate: sensitive, inPublic, hierarchy: RH.NULL };
        await both.run(`${name} ${size}`, C.LoadExternal, input);
        await both.flushAll();
      }
    }
    both.verdict();
  });

  it('whose parameters do not fit each other', async () => {
    for (const algorithm of [A.TDES, A.CAMELLIA, A.SM4, A.AES]) {
      for (const keyBits of [0, 56, 64, 112, 128, 160, 168, 192, 256, 512]) {
        for (const mode of [...Object.values(MODES), A.CMAC, A.SHA256, 0]) {
          const label = `${algorithm} ${keyBits} ${mode}`;
          const sym = concat(...[algorithm, keyBits, mode].map((value) => u32Bytes(value).subarray(2)));
          const body = concat(fromHex('0025'), sym);
          await pair.same(
            label,
            concat(fromHex('8001'), u32Bytes(10 + body.length), u32Bytes(T.TPM_CC.TestParms), body),
          );
        }
      }
    }
  });

  it.each(Object.entries(ALL))('%s made by the TPM, of every use, mode and origin', async (name, sym) => {
    const parent = await mustPrimary('parent', T.SRK_ECC_P256);
    for (const mode of [...Object.values(MODES), A.CMAC]) {
      for (const use of [O.sign, O.decrypt, O.sign | O.decrypt, O.sign | O.restricted, STORAGE, 0]) {
        for (const origin of [MADE, USER]) {
          for (const size of [0, 16, 24, 32]) {
            const label = `${name} ${mode} ${use.toString(16)} ${origin.toString(16)} ${size}`;
            const area = cipher(origin | use, { ...sym, mode });
            const value = bytes(size);
            const made = await create(label, parent, area, value);
            const child = made && (await load(label, parent, (side) => made[side]));
            if (child !== undefined) {
              await both.run(label, C.ReadPublic, (side) => ({ objectHandle: child[side].objectHandle }));
              await both.flush([child[0].objectHandle, child[1].objectHandle]);
            }
            const top = await primary(label, area, value);
            if (top !== undefined) await both.flush([top[0].objectHandle, top[1].objectHandle]);
          }
        }
      }
    }
    both.verdict();
  });

  it('of triple DES that the TPM makes have odd parity', async () => {
    const parent = await mustPrimary('parent', T.SRK_ECC_P256);
    for (const keyBits of [128, 192]) {
      const sym = { algorithm: A.TDES, keyBits, mode: A.CFB };
      const area = { ...cipher(MADE | O.decrypt, sym), authPolicy: DUPLICATE_POLICY };
      const made = await both.must('key', C.CreateLoaded, (side) => ({
        parentHandle: parent[side].objectHandle,
        inSensitive: { userAuth: EMPTY, data: EMPTY },
        inPublic: T.encode(T.TPMT_PUBLIC, area),
      }));
      for (const side of [0, 1] as const) {
        const session = await duplicationSession(side);
        const { duplicate } = await clientOf(side).call(
          C.Duplicate,
          {
            objectHandle: made[side].objectHandle,
            newParentHandle: RH.NULL,
            encryptionKeyIn: EMPTY,
            symmetricAlg: NO_SYMMETRIC,
          },
          { auth: [{ session }] },
        );
        // Used once, the session is gone.
        const key = T.decode(T.TPM2B_SENSITIVE, duplicate)?.sensitive ?? EMPTY;
        expect(key).toHaveLength(keyBits / 8);
        const ones = Array.from(key, (byte) => byte.toString(2).replaceAll('0', '').length % 2);
        expect(ones).toEqual(ones.map(() => 1));
      }
      await both.flush([made[0].objectHandle, made[1].objectHandle]);
    }
    both.verdict();
  });

  it('of triple DES whose value is given, good and weak', async () => {
    const parent = await mustPrimary('parent', T.SRK_ECC_P256);
    const sym = CIPHERS['triple DES of two keys'];
    for (const [label, value] of [
      ['good', concat(GOOD[0], GOOD[1])],
      ['equal', concat(GOOD[0], GOOD[0])],
      ['weak', concat(GOOD[0], new Uint8Array(8).fill(0xfe))],
      ['zeros', new Uint8Array(16)],
    ] as const) {
      const area = cipher(USER | O.sign | O.decrypt, sym);
      const made = await create(label, parent, area, value);
      await primary(label, area, value);
      await both.run(label, C.CreateLoaded, (side) => ({
        parentHandle: parent[side].objectHandle,
        inSensitive: { userAuth: EMPTY, data: value },
        inPublic: T.encode(T.TPMT_PUBLIC, area),
      }));
      await both.run('flush', C.FlushContext, { flushHandle: 0x80000001 });
      await both.run('flush', C.FlushContext, { flushHandle: 0x80000002 });
      const child = made && (await load(label, parent, (side) => made[side]));
      if (child === undefined) continue;
      const input = { decrypt: 0, mode: A.NULL, ivIn: new Uint8Array(8), inData: data(20) };
      await both.run(label, C.EncryptDecrypt, (side) => ({ keyHandle: child[side].objectHandle, ...input }), {
        auth: [d20],
        mode: 'bytes',
      });
      await both.flush([child[0].objectHandle, child[1].objectHandle]);
    }
    both.verdict();
  });
});

const derivationParent: T.TPMT_PUBLIC = {
  ...keyedHash(USER | STORAGE, XOR),
  unique: hmac('sha256', seed, seed),
} as T.TPMT_PUBLIC;

it('derived keys are the same on both', async () => {
  const srk = await mustPrimary('SRK', T.SRK_ECC_P256);
  const secret = {
    sensitiveType: A.KEYEDHASH,
    authValue: new Uint8Array(32),
    seedValue: seed,
    sensitive: seed,
  } as const;
  const imported = await both.must('import', C.Import, (side) => ({
    parentHandle: srk[side].objectHandle,
    encryptionKey: EMPTY,
    objectPublic: derivationParent,
    duplicate: T.encode(T.TPM2B_SENSITIVE, secret),
    inSymSeed: EMPTY,
    symmetricAlg: NO_SYMMETRIC,
  }));
  const parent = await load('parent', srk, (side) => ({
    outPrivate: imported[side].outPrivate,
    outPublic: derivationParent,
  }));
  if (parent === undefined) throw new Error('the parent was refused');
  for (const [name, sym] of Object.entries(ALL)) {
    for (const mode of [A.CFB, A.CMAC]) {
      for (const label of ['a', 'b', 'c', 'd']) {
        const use = mode === A.CMAC ? O.sign : O.sign | O.decrypt;
        const area = T.encode(T.TPMT_PUBLIC, cipher(USER | O.fixedParent | use, { ...sym, mode }));
        const unique = concat(fromHex('0001'), utf8(label), fromHex('0000'));
        const made = await both.must(
          `${name} ${label}`,
          C.CreateLoaded,
          (side) => ({
            parentHandle: parent[side].objectHandle,
            inSensitive: { userAuth: EMPTY, data: EMPTY },
            inPublic: concat(area.subarray(0, -2), unique),
          }),
          { mode: 'bytes' },
        );
        const keyHandle = made[0].objectHandle;
        if (mode === A.CMAC) {
          const input = { handle: keyHandle, buffer: data(20), hashAlg: A.NULL };
          await both.must(`${name} ${label}`, C.HMAC, input, { mode: 'bytes' });
        } else {
          const input = { keyHandle, decrypt: 0, mode: A.NULL, ivIn: new Uint8Array(blockOf(sym)), inData: data(20) };
          await both.must(`${name} ${label}`, C.EncryptDecrypt, input, { mode: 'bytes' });
        }
        await both.flush([keyHandle, made[1].objectHandle]);
      }
    }
  }
  both.verdict();
});

describe('MACs', () => {
  const SIZES = [0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 1023, 1024];

  it.each(Object.entries(ALL))('of %s, at once and in pieces', async (name, sym) => {
    for (const own of [A.CMAC, A.NULL, A.CFB]) {
      for (const attributes of [
        USER | O.sign,
        USER | O.sign | O.restricted,
        USER | O.decrypt,
        USER | O.sign | O.decrypt,
      ]) {
        const key = keyOf({ ...sym, mode: own }, bytes(sym.keyBits / 8), attributes);
        const input = { inPrivate: key.sensitive, inPublic: key.inPublic, hierarchy: RH.NULL };
        const id = `${name} ${own} ${attributes.toString(16)}`;
        await both.flushAll();
        const loaded = await both.run(id, C.LoadExternal, input);
        if (loaded === undefined) continue;
        const handle = loaded[0].objectHandle;
        for (const hashAlg of [A.CMAC, A.NULL, A.SHA256, A.CFB]) {
          for (const size of SIZES) {
            await both.run(
              `${id} ${hashAlg} ${size}`,
              C.HMAC,
              { handle, buffer: data(size), hashAlg },
              { mode: 'bytes' },
            );
          }
          for (const pieces of [
            [0, 0],
            [16, 0],
            [8, 8, 8],
            [1, 15, 16, 1],
            [5, 1000, 3, 0],
            [17, 17],
          ]) {
            const label = `${id} ${hashAlg} of ${pieces.join('+')}`;
            const started = await both.run(label, C.HMAC_Start, { handle, auth: d20, hashAlg }, { mode: 'bytes' });
            if (started === undefined) continue;
            const { sequenceHandle } = started[0];
            await both.run(label, C.ReadPublic, { objectHandle: sequenceHandle });
            const last = pieces.at(-1) ?? 0;
            for (const size of pieces.slice(0, -1)) {
              await both.must(label, C.SequenceUpdate, { sequenceHandle, buffer: data(size) }, { auth: [d20] });
            }
            const complete = { sequenceHandle, buffer: data(last), hierarchy: RH.OWNER };
            await both.run(label, C.SequenceComplete, complete, { auth: [EMPTY] });
            const event = { pcrHandle: 16, sequenceHandle, buffer: data(last) };
            await both.run(label, C.EventSequenceComplete, event, { auth: [EMPTY, d20] });
            await both.must(label, C.SequenceComplete, complete, { auth: [d20], mode: 'bytes' });
            await both.run(label, C.SequenceComplete, complete, { auth: [d20] });
          }
        }
      }
    }
    both.verdict();
  });

  it('with CMAC and another key', async () => {
    for (const key of [
      S.sample('HMAC'),
      S.sample('HMAC', { scheme: NULL_SCHEME }, USER | O.sign | O.decrypt),
      S.sample('RSA'),
      S.sample('ECC'),
    ]) {
      await both.withExternal(key, async (handle) => {
        await both.run(`${key.inPublic.type}`, C.HMAC, { handle, buffer: d20, hashAlg: A.CMAC });
        await both.run(`${key.inPublic.type}`, C.HMAC_Start, { handle, auth: EMPTY, hashAlg: A.CMAC });
      });
    }
    both.verdict();
  });

  it('that a signature command does not make', async () => {
    const key = keyOf({ ...S.AES, mode: A.CMAC }, bytes(16), USER | O.sign);
    await both.withExternal(key, async (keyHandle) => {
      for (const inScheme of [NULL_SCHEME, S.HMAC as T.TPMT_SIG_SCHEME]) {
        const digest = hash('sha256', d20);
        await both.run('sign', C.Sign, { keyHandle, digest, inScheme, validation: S.NO_TICKET });
      }
      const input = { keyHandle, decrypt: 0, mode: A.NULL, ivIn: new Uint8Array(16), inData: data(16) };
      await both.run('encrypt', C.EncryptDecrypt, input);
      await both.run('encrypt', C.EncryptDecrypt, { ...input, mode: A.CFB });
      await both.run('decrypt', C.EncryptDecrypt2, { ...input, decrypt: 1, mode: A.CFB });
    });
    both.verdict();
  });
});

/** What follows is left out: swtpm 0.7.1 ends with a memory fault where such a sequence is used again (docs/tpm.md). */
it('sequences of CMACs in saved contexts', async () => {
  for (const [name, sym] of Object.entries(ALL)) {
    const key = keyOf({ ...sym, mode: A.CMAC }, bytes(sym.keyBits / 8), USER | O.sign);
    await both.withExternal(key, async (handle) => {
      const [{ sequenceHandle }] = await both.must(name, C.HMAC_Start, { handle, auth: d20, hashAlg: A.NULL });
      await both.must(name, C.SequenceUpdate, { sequenceHandle, buffer: data(21) }, { auth: [d20] });
      const saved = await both.must(name, C.ContextSave, { saveHandle: sequenceHandle }, { mode: 'code' });
      await both.flush([sequenceHandle, sequenceHandle]);
      await both.must(name, C.ContextLoad, (side) => ({ context: saved[side].context }));
    });
  }
  both.verdict();
});

/** Kinds of keys that protect others, with a cipher. */
const PARENTS: Readonly<Record<string, (symmetric: Symmetric, attributes: number) => T.TPMT_PUBLIC>> = {
  EC: (symmetric, attributes) => ecc(attributes, NULL_SCHEME, { symmetric }),
  RSA: (symmetric, attributes) => rsa(attributes, NULL_SCHEME, { symmetric }),
  cipher: (symmetric, attributes) => cipher(attributes, symmetric),
};
const parents = Object.entries(CIPHERS).flatMap(([name, symmetric]) =>
  Object.entries(PARENTS).map(([kind, template]) => [`${kind} ${name}`, symmetric, template] as const),
);
describe.each(parents)('a parent: %s', (name, symmetric, template) => {
  it('children, which it protects, and theirs', async () => {
    const parent = await mustPrimary(name, template(symmetric, MADE | FIXED | STORAGE));
    const objects: Record<string, T.TPMT_PUBLIC> = {
      sealed: keyedHash(USER | FIXED),
      'HMAC key': keyedHash(MADE | FIXED | O.sign, S.HMAC),
      'EC key': ecc(MADE | FIXED | O.sign, S.ECDSA),
      ...Object.fromEntries(Object.entries(ALL).map(([of, sym]) => [of, cipher(MADE | FIXED | O.decrypt, sym)])),
      ...Object.fromEntries(
        Object.entries(ALL).map(([of, sym]) => [`${of} parent`, template(sym, MADE | FIXED | STORAGE)]),
      ),
      'parent in another mode': template({ ...symmetric, mode: A.CTR as typeof A.CFB }, MADE | FIXED | STORAGE),
      'duplicable parent': template(ALL['AES-128'], MADE | STORAGE),
    };
    for (const [kind, area] of Object.entries(objects)) {
      // Keys of RSA take their time.
      if (area.type === A.RSA && kind !== `${name.slice(4)} parent`) continue;
      const label = `${kind} below ${name}`;
      const made = await create(label, parent, area, kind === 'sealed' ? d20 : EMPTY);
      if (made === undefined) continue;
      const child = await load(label, parent, (side) => made[side]);
      if (child === undefined) continue;
      const objectHandle = (side: Side): number => child[side].objectHandle;
      const parentHandle = (side: Side): number => parent[side].objectHandle;
      const changed = await both.must(
        label,
        C.ObjectChangeAuth,
        (side) => ({ objectHandle: objectHandle(side), parentHandle: parentHandle(side), newAuth: utf8('new') }),
        { auth: [d20] },
      );
      await both.flush([objectHandle(0), objectHandle(1)]);
      const outPrivate = (side: Side): Uint8Array => changed[side].outPrivate;
      const again = await load(label, parent, (side) => ({ ...made[side], outPrivate: outPrivate(side) }));
      if (again !== undefined) await both.flush([again[0].objectHandle, again[1].objectHandle]);
      for (const at of [0, 1, 2, 33, 34, 35, 36, 42, 43, 44, 52, 60]) {
        const damaged = (side: Side) => outPrivate(side).map((byte, i) => (i === at ? byte ^ 1 : byte));
        await load(`${label}, ${at}`, parent, (side) => ({ ...made[side], outPrivate: damaged(side) }));
      }
      for (const size of [0, 2, 34, 35, 36, 40, 44, 45, 52]) {
        await load(`${label} of ${size}`, parent, (side) => ({
          ...made[side],
          outPrivate: outPrivate(side).slice(0, size),
        }));
      }
    }
    both.verdict();
  });

  it('credentials of each for a key of the other', async () => {
    const parent = await mustPrimary(name, template(symmetric, MADE | FIXED | STORAGE));
    const foreign = await both.must('public', C.LoadExternal, (side) => ({
      inPrivate: undefined,
      inPublic: parent[other(side)].outPublic,
      hierarchy: RH.OWNER,
    }));
    const crossed = await both.run('for the other', C.MakeCredential, (side) => ({
      handle: foreign[side].objectHandle,
      credential: d20,
      objectName: parent[other(side)].name,
    }));
    if (crossed !== undefined) {
      const input = (side: Side) => ({
        activateHandle: parent[side].objectHandle,
        keyHandle: parent[side].objectHandle,
        credentialBlob: crossed[other(side)].credentialBlob,
        secret: crossed[other(side)].secret,
      });
      const options = { auth: [EMPTY, EMPTY], mode: 'bytes' } as const;
      const out = await both.must('of the other', C.ActivateCredential, input, options);
      expect(out[0].certInfo).toEqual(d20);
      for (const side of [0, 1] as const) {
        // And one that a client made.
        const { outPublic, objectHandle, name: objectName } = parent[side];
        const shared = outPublic.type === A.RSA ? 'rsa' : 'ec';
        const random =
          shared === 'rsa'
            ? ({ kind: shared, seed: bytes(32, 'seed'), oaepSeed: bytes(32, 'oaep') } as const)
            : ({ kind: shared, ephemeral: bytes(32, 'scalar').fill(1, 0, 1) } as const);
        const made = T.makeCredential(outPublic, objectName, d20, random);
        const { certInfo } = await clientOf(side).call(
          C.ActivateCredential,
          { activateHandle: objectHandle, keyHandle: objectHandle, ...made },
          { auth: [EMPTY, EMPTY] },
        );
        expect(certInfo).toEqual(d20);
      }
    }
    both.verdict();
  });

  it('duplicates of each for a parent on the other, inner wrappers of every cipher', async () => {
    const parent = await mustPrimary(name, template(symmetric, MADE | FIXED | STORAGE));
    const area = { ...cipher(MADE | O.sign | O.decrypt, symmetric), authPolicy: DUPLICATE_POLICY };
    const child = await both.must('child', C.CreateLoaded, (side) => ({
      parentHandle: parent[side].objectHandle,
      inSensitive: { userAuth: d20, data: EMPTY },
      inPublic: T.encode(T.TPMT_PUBLIC, area),
    }));
    const foreign = await both.must('public', C.LoadExternal, (side) => ({
      inPrivate: undefined,
      inPublic: parent[other(side)].outPublic,
      hierarchy: RH.OWNER,
    }));
    for (const [wrapper, symmetricAlg] of Object.entries({ none: NO_SYMMETRIC, ...ALL })) {
      for (const target of [foreign, undefined]) {
        for (const keySize of [0, 8, 16, 24, 32]) {
          const label = `${wrapper} ${keySize} ${target === undefined ? 'alone' : 'and outer'}`;
          const session = (await Promise.all([duplicationSession(0), duplicationSession(1)]))[0] ?? 0;
          const encryptionKeyIn = new Uint8Array(keySize);
          const out = await both.run(
            label,
            C.Duplicate,
            (side) => ({
              objectHandle: child[side].objectHandle,
              newParentHandle: target?.[side].objectHandle ?? RH.NULL,
              encryptionKeyIn,
              symmetricAlg,
            }),
            { auth: [{ session }] },
          );
          await both.run('flush', C.FlushContext, { flushHandle: session });
          if (out === undefined) continue;
          const from = (side: Side) => out[other(side)];
          const input = (side: Side) => ({
            parentHandle: parent[side].objectHandle,
            encryptionKey: keySize === 0 ? from(side).encryptionKeyOut : encryptionKeyIn,
            objectPublic: child[other(side)].outPublic,
            duplicate: from(side).duplicate,
            inSymSeed: from(side).outSymSeed,
            symmetricAlg,
          });
          const imported = await both.must(label, C.Import, input);
          await both.run(`${label} short key`, C.Import, (side) => ({
            ...input(side),
            encryptionKey: input(side).encryptionKey.slice(1),
          }));
          await both.run(`${label} cut`, C.Import, (side) => ({
            ...input(side),
            duplicate: from(side).duplicate.slice(0, 20),
          }));
          await both.run('flush', C.FlushContext, (side) => ({ flushHandle: foreign[side].objectHandle }));
          const loaded = await both.must(label, C.Load, (side) => ({
            parentHandle: parent[side].objectHandle,
            inPrivate: imported[side].outPrivate,
            inPublic: child[other(side)].outPublic,
          }));
          await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
          await both.must('public', C.LoadExternal, (side) => ({
            inPrivate: undefined,
            inPublic: parent[other(side)].outPublic,
            hierarchy: RH.OWNER,
          }));
          await both.run(`${label} rewrapped`, C.Rewrap, (side) => ({
            oldParent: from(side).outSymSeed.length > 0 ? parent[side].objectHandle : RH.NULL,
            newParent: foreign[side].objectHandle,
            inDuplicate: from(side).duplicate,
            name: child[other(side)].name,
            inSymSeed: from(side).outSymSeed,
          }));
        }
      }
    }
    both.verdict();
  });
});

describe('sessions', () => {
  it('in every mode and key size', async () => {
    for (const algorithm of [A.TDES, A.CAMELLIA, A.AES]) {
      for (const keyBits of [112, 128, 168, 192, 256]) {
        for (const mode of [...Object.values(MODES), A.CMAC]) {
          const started = await both.run(`${algorithm} ${keyBits} ${mode}`, C.StartAuthSession, {
            tpmKey: RH.NULL,
            bind: RH.NULL,
            nonceCaller: new Uint8Array(16),
            encryptedSalt: EMPTY,
            sessionType: T.TPM_SE.HMAC,
            symmetric: { algorithm, keyBits, mode } as T.TPMT_SYM_DEF,
            authHash: A.SHA256,
          });
          if (started !== undefined) await both.flush([started[0].sessionHandle, started[1].sessionHandle]);
        }
      }
    }
    both.verdict();
  });

  it.each(Object.entries(CIPHERS))('with parameters under %s, salted by a key that has it', async (name, symmetric) => {
    const parent = await mustPrimary(name, ecc(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric }));
    for (const side of [0, 1] as const) {
      const { objectHandle, outPublic } = parent[side];
      let count = 0;
      const session = await T.ClientSession.start(clientOf(side), {
        symmetric,
        salt: { handle: objectHandle, publicArea: outPublic },
        random: (size) => bytes(size, `${name} ${side} ${count++}`),
      });
      const attributes = T.TPMA_SESSION.decrypt | T.TPMA_SESSION.encrypt | T.TPMA_SESSION.continueSession;
      for (const size of [0, 1, 7, 8, 20, 1000]) {
        // What was sent encrypted is hashed, and the digest comes back encrypted.
        const input = { data: data(size), hashAlg: A.SHA256, hierarchy: RH.NULL };
        const { outHash } = await clientOf(side).call(C.Hash, input, { auth: [{ with: session, attributes }] });
        expect(outHash).toEqual(hash('sha256', data(size)));
      }
      await clientOf(side).call(C.FlushContext, { flushHandle: session.handle });
    }
    both.verdict();
  });
});

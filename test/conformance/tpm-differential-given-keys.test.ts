/**
 * Public keys that are odd but loaded all the same: exponents that are even, coordinates of other lengths than the field's, points that
 * are not on the curve or not those of the private key. What swtpm makes of them in every command that uses the public key.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { concat, fromHex } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both } from './tpm-both.ts';
import { AES, EMPTY, ecKey, NULL_SCHEME, type Sample, STORAGE, sample, USER } from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPM_RH: RH, TPMA_OBJECT: O } = T;

let pair: TpmPair;
let both: Both;
beforeAll(async () => {
  pair = await TpmPair.start();
  await pair.same('start', T.encodeCommand(C.Startup, { startupType: T.TPM_SU.CLEAR }));
  both = new Both(pair);
});
afterAll(() => pair?.stop());

const KEY = 0x80000000;
const digest = new Uint8Array(32).fill(2);
const NO_TICKET = { tag: T.TPM_ST.HASHCHECK, hierarchy: RH.NULL, digest: EMPTY };

interface Given {
  readonly unique?: unknown;
  readonly parameters?: object;
  readonly named?: boolean;
}

/** A sample key with a public part of its own. */
function given(kind: 'RSA' | 'ECC', attributes: number, { unique, parameters, named = false }: Given): Sample {
  const symmetric = attributes === STORAGE ? { symmetric: AES } : {};
  const { inPublic, sensitive } = sample(kind, { ...symmetric, ...parameters }, USER | attributes);
  const nameAlg = named ? A.SHA256 : A.NULL;
  return { inPublic: { ...inPublic, nameAlg, ...(unique !== undefined && { unique }) } as T.TPMT_PUBLIC, sensitive };
}

/** Every command that works with a public key; `handle` is a key, and nothing else is loaded. */
async function use(label: string, kind: 'RSA' | 'ECC'): Promise<void> {
  const run = <In, Out>(row: T.CommandRow<In, Out>, input: In, mode: 'code' | 'bytes' = 'code') =>
    both.run(label, row, input, { mode });
  await run(C.ReadPublic, { objectHandle: KEY }, 'bytes');
  for (const credential of [EMPTY, digest.subarray(0, 5)])
    await run(C.MakeCredential, { handle: KEY, credential, objectName: digest });
  await run(C.Rewrap, { oldParent: RH.NULL, newParent: KEY, inDuplicate: digest, name: digest, inSymSeed: EMPTY });
  const signatures =
    kind === 'RSA'
      ? [A.RSASSA, A.RSAPSS].map((sigAlg) => ({ sigAlg, hash: A.SHA256, sig: new Uint8Array(128).fill(1) }))
      : [A.ECSCHNORR, A.SM2].map((sigAlg) => ({
          ...{ sigAlg, hash: A.SHA256 },
          ...{ signatureR: new Uint8Array(32).fill(3), signatureS: new Uint8Array(32).fill(5) },
        }));
  for (const signature of signatures)
    await run(C.VerifySignature, { keyHandle: KEY, digest, signature: signature as T.TPMT_SIGNATURE }, 'bytes');
  if (kind === 'ECC') await run(C.ECDH_KeyGen, { keyHandle: KEY });
  else {
    const message = new Uint8Array(20).fill(9);
    await run(C.RSA_Encrypt, { keyHandle: KEY, message, inScheme: NULL_SCHEME, label: EMPTY }, 'bytes');
    for (const inScheme of [{ scheme: A.RSAES }, { scheme: A.OAEP, hashAlg: A.SHA1 }] as const)
      await run(C.RSA_Encrypt, { keyHandle: KEY, message, inScheme, label: EMPTY });
  }
}

const SIGNER = 0x80000001;
const CERTIFICATE = fromHex(
  '3052300c310a300806035504030c01493020170d3230303130313030303030305a180f32313030303130313030303030305a300c310a300806035504030c0153a3123010300e0603551d0f0101ff040403020780',
);

/** A certificate of the key by an RSA key, whose signature leaves nothing to chance. */
async function certify(label: string): Promise<void> {
  const { inPublic, sensitive } = sample('RSA', {}, USER | O.sign);
  await both.must('signer', C.LoadExternal, { inPrivate: sensitive, inPublic, hierarchy: RH.NULL });
  const inScheme = { scheme: A.RSASSA, hashAlg: A.SHA256 } as const;
  const input = { objectHandle: KEY, signHandle: SIGNER, reserved: EMPTY, inScheme, partialCertificate: CERTIFICATE };
  await both.run(`${label}, certified`, C.CertifyX509, input, { auth: [EMPTY, EMPTY], mode: 'bytes' });
}

async function tried(label: string, kind: 'RSA' | 'ECC', change: Given, privates: readonly boolean[]): Promise<void> {
  for (const attributes of [O.sign | O.decrypt, O.sign, STORAGE]) {
    for (const withPrivate of privates) {
      const { inPublic, sensitive } = given(kind, attributes, change);
      const inPrivate = withPrivate ? sensitive : undefined;
      const name = `${label}, ${attributes.toString(16)}${withPrivate ? '' : ', public'}`;
      await both.flushAll();
      const loaded = await both.run(
        name,
        C.LoadExternal,
        { inPrivate, inPublic, hierarchy: RH.NULL },
        { mode: 'code' },
      );
      if (loaded === undefined) continue;
      await use(name, kind);
      await certify(name);
    }
  }
}

describe('RSA exponents', () => {
  it.each([7, 8, 0x10000, 0xfffffffe, 0xffffffff])('%i', async (exponent) => {
    for (const named of [true, false]) await tried(`${named}`, 'RSA', { parameters: { exponent }, named }, [false]);
    both.verdict();
  });
});

const { x, y } = ecKey;
const padded = (by: number, value: Uint8Array): Uint8Array => concat(new Uint8Array(by), value);
const POINTS: Readonly<Record<string, { readonly x: Uint8Array; readonly y: Uint8Array }>> = {
  'as it should be': { x, y },
  'longer by one': { x: padded(1, x), y: padded(1, y) },
  'as long as can be': { x: padded(48, x), y: padded(48, y) },
  'off the curve': { x: y, y: x },
  zero: { x: new Uint8Array(32), y: new Uint8Array(32) },
  ones: { x: new Uint8Array(80).fill(255), y: new Uint8Array(80).fill(255) },
  short: { x: new Uint8Array([1]), y: new Uint8Array([2]) },
  none: { x: EMPTY, y: EMPTY },
};

describe('points', () => {
  it.each(Object.entries(POINTS))('%s', async (_, unique) => {
    for (const named of [true, false]) await tried(`${named}`, 'ECC', { unique, named }, [true, false]);
    both.verdict();
  });

  it('with coordinates of another length, as parties to a secret', async () => {
    for (const unique of [POINTS['longer by one'], { x, y }]) {
      const { inPublic, sensitive } = given('ECC', STORAGE, { unique, named: true });
      await both.flushAll();
      await both.must('parent', C.CreatePrimary, {
        ...{ primaryHandle: RH.OWNER, inSensitive: { userAuth: EMPTY, data: EMPTY }, inPublic: T.SRK_ECC_P256 },
        ...{ outsideInfo: EMPTY, creationPCR: [] },
      });
      const imported = await both.must('import', C.Import, {
        ...{ parentHandle: KEY, encryptionKey: EMPTY, objectPublic: inPublic, inSymSeed: EMPTY },
        ...{
          duplicate: T.encode(T.TPM2B_SENSITIVE, { ...sensitive, seedValue: digest }),
          symmetricAlg: { algorithm: A.NULL },
        },
      });
      await both.must('load', C.Load, (side) => ({
        parentHandle: KEY,
        inPrivate: imported[side].outPrivate,
        inPublic,
      }));
      const made = await both.must('made', C.MakeCredential, {
        handle: SIGNER,
        credential: digest,
        objectName: T.objectName(inPublic),
      });
      // What one TPM made the other opens.
      await both.must(
        'opened',
        C.ActivateCredential,
        (side) => ({ activateHandle: SIGNER, keyHandle: SIGNER, ...made[side === 0 ? 1 : 0] }),
        { auth: [EMPTY, EMPTY], mode: 'bytes' },
      );
    }
    both.verdict();
  });

  it('of another key than the private one, and its signatures', async () => {
    const { inPublic, sensitive } = given('ECC', O.sign, { unique: { x: y, y: x } });
    await both.flushAll();
    await both.must('key', C.LoadExternal, { inPrivate: sensitive, inPublic, hierarchy: RH.NULL });
    for (const scheme of [A.ECSCHNORR, A.SM2]) {
      const inScheme = { scheme, hashAlg: A.SHA256 } as never;
      const made = await both.must('signed', C.Sign, { keyHandle: KEY, digest, inScheme, validation: NO_TICKET });
      await both.run(
        'checked',
        C.VerifySignature,
        (side) => ({ keyHandle: KEY, digest, signature: made[side].signature }),
        {
          mode: 'bytes',
        },
      );
    }
    both.verdict();
  });
});

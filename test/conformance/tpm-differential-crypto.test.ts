/** Encryption, signatures, key exchange, duplication and attestation on the embedded TPM and on swtpm, and across. */
import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concat, fromHex, toBigInt, utf8 } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { sumOfPoints } from '../../src/crypto/ec-points.ts';
import { ecKeyPair } from '../../src/crypto/ecdsa.ts';
import { hash, hmac } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both, type Side } from './tpm-both.ts';
import * as S from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const {
  AES,
  cipher,
  ecc,
  EMPTY,
  external,
  keyedHash,
  MADE,
  NO_SYMMETRIC,
  NULL_SCHEME,
  rsa,
  NO_TICKET,
  STORAGE,
  sample,
  USER,
} = S;

let pair: TpmPair;
let both: Both;
beforeAll(async () => {
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(() => pair.stop());

const d20 = hash('sha1', utf8('x'));
const d32 = hash('sha256', utf8('x'));
const none = { userAuth: EMPTY, data: EMPTY };

const flushAll = (): Promise<void> => both.flushAll();
const withKey: Both['withExternal'] = (...key) => both.withExternal(...key);
/** A primary key of each side. */
async function primary(inPublic: T.TPMT_PUBLIC, primaryHandle: number = RH.OWNER) {
  const made = await both.must('primary', C.CreatePrimary, {
    primaryHandle,
    inSensitive: none,
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
  return made;
}

describe('RSA', () => {
  const schemes = {
    none: NULL_SCHEME,
    RSAES: { scheme: A.RSAES },
    'OAEP SHA-1': { scheme: A.OAEP, hashAlg: A.SHA1 },
    'OAEP SHA-256': { scheme: A.OAEP, hashAlg: A.SHA256 },
    'OAEP SHA-512': { scheme: A.OAEP, hashAlg: A.SHA512 },
  } as const;
  const labels = { none: EMPTY, label: utf8('abc\0'), bare: utf8('abc'), zero: fromHex('00') };
  const keys: Record<string, S.Sample> = {
    open: sample('RSA'),
    OAEP: sample('RSA', { scheme: schemes['OAEP SHA-256'] }, USER | O.decrypt),
    RSAES: sample('RSA', { scheme: { scheme: A.RSAES } }, USER | O.decrypt),
    signing: sample('RSA', undefined, USER | O.sign),
    RSASSA: sample('RSA', { scheme: { scheme: A.RSASSA, hashAlg: A.SHA256 } }, USER | O.sign),
    ECC: sample('ECC'),
    HMAC: sample('HMAC'),
  };

  it.each(Object.entries(keys))(
    'encryption with a key of kind %s',
    async (name, key) => {
      await withKey(key, async (keyHandle) => {
        for (const [how, inScheme] of Object.entries(schemes)) {
          for (const [which, label] of Object.entries(labels)) {
            for (const size of [0, 1, 20, 62, 63, 86, 87, 117, 118, 127, 128, 129]) {
              const id = `${name} ${how} label ${which} ${size} bytes`;
              const message = new Uint8Array(size).fill(0x55);
              const mode = how === 'none' && name === 'open' ? 'bytes' : 'shape';
              const made = await both.run(id, C.RSA_Encrypt, { keyHandle, message, inScheme, label }, { mode });
              // Each opens what the other has made.
              const cipherOf = (side: Side) => (made === undefined ? message : made[side === 0 ? 1 : 0].outData);
              await both.run(
                `${id} back`,
                C.RSA_Decrypt,
                (side) => ({ keyHandle, cipherText: cipherOf(side), inScheme, label }),
                { mode: 'bytes' },
              );
            }
          }
          for (const cipherText of [EMPTY, new Uint8Array(127), new Uint8Array(128), new Uint8Array(128).fill(0xff)]) {
            await both.run(`${name} ${how} bad`, C.RSA_Decrypt, { keyHandle, cipherText, inScheme, label: EMPTY });
            await both.run(`${name} ${how} raw`, C.RSA_Encrypt, {
              keyHandle,
              message: cipherText,
              inScheme,
              label: EMPTY,
            });
          }
        }
      });
      both.verdict();
    },
    60_000,
  );
});

describe('ciphers', () => {
  const modes = { none: A.NULL, CTR: A.CTR, OFB: A.OFB, CBC: A.CBC, CFB: A.CFB, ECB: A.ECB };
  it.each(Object.entries(modes))(
    'key with mode %s',
    async (name, own) => {
      const key = sample('AES', { sym: { ...AES, mode: own } });
      const iv = fromHex('000102030405060708090a0bffffffff');
      for (const attributes of [USER | O.sign | O.decrypt, USER | O.sign, USER | O.decrypt]) {
        await withKey(
          key,
          async (keyHandle) => {
            for (const mode of Object.values(modes)) {
              for (const decrypt of [0, 1]) {
                for (const size of [0, 1, 15, 16, 17, 32, 100, 1024]) {
                  const inData = new Uint8Array(size).map((_, i) => i * 7);
                  for (const ivIn of [iv, EMPTY]) {
                    const input = { keyHandle, decrypt, mode, ivIn, inData };
                    const id = `${name} ${mode.toString(16)} ${decrypt} ${size} ${ivIn.length}`;
                    await both.run(id, C.EncryptDecrypt, input, { mode: 'bytes' });
                    if (size < 40) await both.run(id, C.EncryptDecrypt2, input, { mode: 'bytes' });
                  }
                }
              }
            }
            const bad = { keyHandle, decrypt: 0, ivIn: iv.subarray(1), inData: iv, mode: A.CFB };
            await both.run('short vector', C.EncryptDecrypt, bad);
          },
          { objectAttributes: attributes },
        );
      }
      both.verdict();
    },
    60_000,
  );

  it('other keys', async () => {
    for (const name of ['RSA', 'ECC', 'HMAC']) {
      await withKey(sample(name), async (keyHandle) => {
        const input = { keyHandle, decrypt: 0, ivIn: new Uint8Array(16), inData: d32, mode: A.CFB };
        await both.run(name, C.EncryptDecrypt, input);
        await both.run(name, C.EncryptDecrypt2, input);
      });
    }
    for (const sym of [{ ...AES, keyBits: 256 }]) {
      const { sensitive } = external.AES as S.Sample;
      const value = new Uint8Array(sym.keyBits / 8).fill(9);
      const inPublic = { ...cipher(USER | O.sign | O.decrypt, sym), unique: hash('sha256', concat(S.seed, value)) };
      await withKey(
        { inPublic: inPublic as T.TPMT_PUBLIC, sensitive: { ...sensitive, sensitive: value } },
        async (keyHandle) => {
          const input = { keyHandle, decrypt: 0, ivIn: new Uint8Array(16), inData: d32, mode: A.NULL };
          await both.run('long keys', C.EncryptDecrypt2, input, { mode: 'bytes' });
        },
      );
    }
    both.verdict();
  });
});

describe('signatures', () => {
  const schemes: readonly T.TPMT_SIG_SCHEME[] = [
    NULL_SCHEME,
    ...[A.RSASSA, A.RSAPSS, A.ECDSA, A.ECSCHNORR, A.HMAC].flatMap((scheme) =>
      [A.SHA1, A.SHA256, A.SHA384, A.SHA512].map((hashAlg) => ({ scheme, hashAlg }) as T.TPMT_SIG_SCHEME),
    ),
    { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 },
  ];
  const keys: Record<string, S.Sample> = {
    RSA: sample('RSA'),
    'RSA decrypting': sample('RSA', undefined, USER | O.decrypt),
    RSASSA: sample('RSA', { scheme: { scheme: A.RSASSA, hashAlg: A.SHA256 } }, USER | O.sign),
    RSAPSS: sample('RSA', { scheme: { scheme: A.RSAPSS, hashAlg: A.SHA1 } }, USER | O.sign),
    ECC: sample('ECC'),
    ECDSA: sample('ECC', { scheme: { scheme: A.ECDSA, hashAlg: A.SHA256 } }, USER | O.sign),
    ECSCHNORR: sample('ECC', { scheme: { scheme: A.ECSCHNORR, hashAlg: A.SHA256 } }, USER | O.sign),
    ECDAA: sample('ECC', { scheme: { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 } }, USER | O.sign),
    HMAC: sample('HMAC'),
    'HMAC both': sample('HMAC', { scheme: NULL_SCHEME }, USER | O.sign | O.decrypt),
    AES: sample('AES'),
    x509: sample('ECC', undefined, USER | O.sign | O.x509sign),
  };

  it.each(Object.entries(keys))(
    '%s',
    async (name, key) => {
      await withKey(key, async (keyHandle) => {
        for (const inScheme of schemes) {
          const id = `${name} ${inScheme.scheme.toString(16)} ${'hashAlg' in inScheme ? inScheme.hashAlg : ''}`;
          for (const digest of [EMPTY, d20, d32, hash('sha384', d32), hash('sha512', d32)]) {
            const mode = inScheme.scheme === A.RSASSA || inScheme.scheme === A.HMAC ? 'bytes' : 'shape';
            const made = await both.run(
              `${id} ${digest.length}`,
              C.Sign,
              { keyHandle, digest, inScheme, validation: NO_TICKET },
              { mode },
            );
            if (made === undefined) continue;
            const check = (label: string, change: (signature: T.TPMT_SIGNATURE) => T.TPMT_SIGNATURE, of = digest) =>
              both.run(
                `${id} ${label}`,
                C.VerifySignature,
                (side) => ({ keyHandle, digest: of, signature: change(made[side === 0 ? 1 : 0].signature) }),
                { mode: 'bytes' },
              );
            await check('across', (signature) => signature);
            await check(
              'another digest',
              (signature) => signature,
              d32.map((value) => value ^ 1),
            );
            await check('a short digest', (signature) => signature, digest.subarray(1));
            await check('no digest', (signature) => signature, EMPTY);
            await check('another hash', (s) => ('hash' in s ? { ...s, hash: A.SHA1 } : s));
            await check('another value', (s) =>
              'sig' in s
                ? { ...s, sig: s.sig.map((value) => value ^ 1) }
                : 'signatureR' in s
                  ? { ...s, signatureR: s.signatureR.map((value) => value ^ 1) }
                  : s,
            );
            await check('a short value', (s) => ('sig' in s ? { ...s, sig: s.sig.subarray(1) } : s));
            await check('zeros', (s) => ('signatureR' in s ? { ...s, signatureR: new Uint8Array(32) } : s));
            await check('empty', (s) => ('signatureR' in s ? { ...s, signatureS: EMPTY } : s));
            await check('long', (s) => ('signatureR' in s ? { ...s, signatureS: new Uint8Array(33).fill(255) } : s));
            await check('HMAC', () => ({ sigAlg: A.HMAC, hmac: { hashAlg: A.SHA1, digest: d20 } }) as T.TPMT_SIGNATURE);
            await check('RSA', () => ({ sigAlg: A.RSASSA, hash: A.SHA1, sig: new Uint8Array(128) }));
            await check('DAA', () => ({ sigAlg: A.ECDAA, hash: A.SHA1, signatureR: d20, signatureS: d20 }));
          }
        }
      });
      both.verdict();
    },
    60_000,
  );

  it('tickets of restricted keys, and of what was verified', async () => {
    await flushAll();
    const ak = await primary(T.AK_ECC_P256, RH.ENDORSEMENT);
    const [data, alike] = [utf8('some data'), fromHex('ff544347aa')];
    for (const buffer of [data, alike]) {
      for (const hierarchy of [RH.OWNER, RH.ENDORSEMENT, RH.NULL]) {
        const hashed = await both.must('hash', C.Hash, { data: buffer, hashAlg: A.SHA256, hierarchy });
        const sign = (label: string, change: (side: Side) => object) =>
          both.run(`${label} ${hierarchy}`, C.Sign, (side) => ({
            keyHandle: ak[side].objectHandle,
            digest: hashed[side].outHash,
            inScheme: NULL_SCHEME,
            validation: hashed[side].validation,
            ...change(side),
          }));
        const made = await sign('ticket', () => ({}));
        await sign('no ticket', () => ({ validation: NO_TICKET }));
        await sign('another digest', () => ({ digest: d32 }));
        await sign('another hierarchy', (side) => ({
          validation: { ...hashed[side].validation, hierarchy: RH.PLATFORM },
        }));
        if (made === undefined) continue;
        await both.run('verified', C.VerifySignature, (side) => ({
          keyHandle: ak[side].objectHandle,
          digest: hashed[side].outHash,
          signature: made[side].signature,
        }));
      }
    }
    const publicOnly = await both.must('public', C.LoadExternal, (side) => ({
      inPrivate: undefined,
      inPublic: ak[side].outPublic,
      hierarchy: RH.OWNER,
    }));
    await both.run('public key signs', C.Sign, (side) => ({
      keyHandle: publicOnly[side].objectHandle,
      digest: d32,
      inScheme: NULL_SCHEME,
      validation: NO_TICKET,
    }));
    await flushAll();
    both.verdict();
  });
});

describe('key exchange', () => {
  it('ECDH', async () => {
    for (const curveID of [3, 4, 5, 0, 99])
      await both.run(`${curveID}`, C.ECC_Parameters, { curveID }, { mode: 'bytes' });
    const peer = ecKeyPair('P-256', d32);
    if (peer === undefined) throw new Error('unreachable');
    for (const key of [
      sample('ECC'),
      sample('ECC', { scheme: { scheme: A.ECDH, hashAlg: A.SHA256 } }, USER | O.decrypt),
      sample('ECC', { scheme: { scheme: A.ECMQV, hashAlg: A.SHA256 } }, USER | O.decrypt),
      sample('ECC', undefined, USER | O.sign),
      sample('RSA'),
    ]) {
      await withKey(key, async (keyHandle) => {
        const id = `${key.inPublic.objectAttributes.toString(16)}`;
        await both.run(id, C.ECDH_KeyGen, { keyHandle });
        for (const inPoint of [
          peer,
          { x: peer.y, y: peer.x },
          { x: EMPTY, y: EMPTY },
          { x: peer.x, y: EMPTY },
          { x: new Uint8Array(33), y: peer.y },
        ]) {
          await both.run(id, C.ECDH_ZGen, { keyHandle, inPoint }, { mode: 'bytes' });
        }
        for (const curveID of [3, 4]) {
          const made = await both.run(id, C.EC_Ephemeral, { curveID });
          if (made === undefined) continue;
          both.expect('counter', made[0].counter === made[1].counter);
          // ECMQV sends this version of libtpms into failure mode.
          for (const inScheme of [A.ECDH, A.NULL]) {
            for (const counter of [made[0].counter, made[0].counter, made[0].counter + 1]) {
              await both.run(`${id} ${inScheme} ${counter}`, C.ZGen_2Phase, {
                keyA: keyHandle,
                inQsB: peer,
                inQeB: peer,
                inScheme,
                counter,
              });
            }
          }
        }
      });
    }
    both.verdict();
  });

  it('two phases agree across: each TPM with the other', async () => {
    for (const inScheme of [A.ECDH]) {
      const other = ecKeyPair('P-256', hash('sha256', d32));
      if (other === undefined) throw new Error('unreachable');
      const { inPublic, sensitive } = sample('ECC');
      const unique = (side: Side) => (side === 0 ? { x: S.ecKey.x, y: S.ecKey.y } : { x: other.x, y: other.y });
      await flushAll();
      const loaded = await both.must('load', C.LoadExternal, (side) => ({
        inPrivate: { ...sensitive, sensitive: side === 0 ? S.ecKey.d : other.d },
        inPublic: { ...inPublic, unique: unique(side) } as T.TPMT_PUBLIC,
        hierarchy: RH.NULL,
      }));
      const made = await both.must('ephemeral', C.EC_Ephemeral, { curveID: 3 });
      const agreed = await both.must('exchange', C.ZGen_2Phase, (side) => ({
        keyA: loaded[side].objectHandle,
        inQsB: unique(side === 0 ? 1 : 0),
        inQeB: made[side === 0 ? 1 : 0].Q,
        inScheme,
        counter: made[side].counter,
      }));
      expect(agreed[0]).toEqual(agreed[1]);
    }
    both.verdict();
  });

  it('anonymous commitments', async () => {
    const key = sample('ECC', { scheme: { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 } }, USER | O.sign);
    const no = { x: EMPTY, y: EMPTY };
    await withKey(key, async (signHandle) => {
      for (const P1 of [no, { x: S.ecKey.x, y: S.ecKey.y }, { x: S.ecKey.y, y: S.ecKey.x }]) {
        for (const [s2, y2] of [
          [EMPTY, EMPTY],
          [d32, EMPTY],
          [EMPTY, d32],
          [d32, d32],
        ] as const) {
          const made = await both.run(`${P1.x.length} ${s2.length} ${y2.length}`, C.Commit, { signHandle, P1, s2, y2 });
          if (made === undefined) continue;
          const { counter } = made[0];
          both.expect('counters', counter === made[1].counter);
          for (const count of [counter + 1, counter, counter]) {
            const inScheme = { scheme: A.ECDAA, hashAlg: A.SHA256, count };
            const request = { keyHandle: signHandle, digest: d32, inScheme, validation: NO_TICKET };
            // The nonce is as long as its value needs.
            await both.run(`sign ${count}`, C.Sign, request, { mode: 'code' });
          }
        }
      }
      const made = await both.must('commit', C.Commit, { signHandle, P1: no, s2: EMPTY, y2: EMPTY });
      const inScheme = { scheme: A.ECDAA, hashAlg: A.SHA256, count: made[0].counter };
      const request = { objectHandle: signHandle, signHandle, qualifyingData: d20, inScheme };
      const attested = await both.must('certify', C.Certify, request, { mode: 'code' });
      both.expect('certified', attested[0].certifyInfo.length === attested[1].certifyInfo.length);
      await both.run('own scheme', C.Sign, {
        keyHandle: signHandle,
        digest: d32,
        inScheme: NULL_SCHEME,
        validation: NO_TICKET,
      });
    });
    await withKey(sample('ECC'), async (signHandle) => {
      await both.run('no anonymous key', C.Commit, { signHandle, P1: no, s2: EMPTY, y2: EMPTY });
    });
    await withKey(sample('RSA'), async (signHandle) => {
      await both.run('RSA', C.Commit, { signHandle, P1: no, s2: EMPTY, y2: EMPTY });
    });
    both.verdict();
  });
});

describe('anonymous signatures', () => {
  const curves = [
    ['P-256', T.TPM_ECC_CURVE.NIST_P256],
    ['P-384', T.TPM_ECC_CURVE.NIST_P384],
    ['P-521', T.TPM_ECC_CURVE.NIST_P521],
  ] as const;
  const hashes = [
    ['sha1', A.SHA1],
    ['sha256', A.SHA256],
    ['sha384', A.SHA384],
    ['sha512', A.SHA512],
  ] as const;
  const SIGNATURES = 12;

  it.each(curves.flatMap((curve) => hashes.map((name) => [...curve, ...name] as const)))(
    'on %s (%i) with %s: sG = E + H(nonce, digest)Q, the nonce as long as the curve',
    async (curve, curveID, name, hashAlg) => {
      await flushAll();
      const { size, order } = CURVES[curve];
      const scheme = { scheme: A.ECDAA, hashAlg, count: 0 } as const;
      const made = await primary(ecc(MADE | O.sign | O.fixedTPM | O.fixedParent, scheme, { curveID }));
      const digest = hash(name, d32);
      for (let i = 0; i < SIGNATURES; i++) {
        const point = await both.must('commit', C.Commit, (side) => ({
          signHandle: made[side].objectHandle,
          ...{ P1: { x: EMPTY, y: EMPTY }, s2: EMPTY, y2: EMPTY },
        }));
        const request = (side: Side) => ({
          ...{ keyHandle: made[side].objectHandle, digest, validation: NO_TICKET },
          inScheme: { ...scheme, count: point[side].counter },
        });
        const signed = await both.must('sign', C.Sign, request, { mode: 'code' });
        for (const side of [0, 1] as const) {
          const { signature } = signed[side];
          const { type, unique } = made[side].outPublic;
          if (signature.sigAlg !== A.ECDAA || type !== A.ECC) throw new Error('another signature');
          const { signatureR: nonce, signatureS: s } = signature;
          expect([s.length, nonce.length <= size && nonce.length > size - 4, nonce[0] !== 0]).toEqual([
            size,
            true,
            true,
          ]);
          const t = toBigInt(hash(name, concat(nonce, digest))) % order;
          const right = [
            { scalar: 1n, point: point[side].E },
            { scalar: t, point: unique },
          ];
          expect(sumOfPoints(curve, [{ scalar: toBigInt(s) }])).toEqual(sumOfPoints(curve, right));
        }
      }
      await flushAll();
      both.verdict();
    },
  );
});

describe('credentials', () => {
  const policyOfEk = async (side: Side): Promise<number> => {
    const client = new T.Tpm2Client(side === 0 ? pair.ours : pair.theirs);
    const { sessionHandle } = await client.call(C.StartAuthSession, {
      tpmKey: RH.NULL,
      bind: RH.NULL,
      nonceCaller: new Uint8Array(16),
      encryptedSalt: EMPTY,
      sessionType: T.TPM_SE.POLICY,
      symmetric: NO_SYMMETRIC,
      authHash: A.SHA256,
    });
    await client.call(C.PolicySecret, {
      authHandle: RH.ENDORSEMENT,
      policySession: sessionHandle,
      nonceTPM: EMPTY,
      cpHashA: EMPTY,
      policyRef: EMPTY,
      expiration: 0,
    });
    return sessionHandle;
  };

  it.each([
    ['RSA', T.EK_RSA2048],
    ['ECC', T.EK_ECC_P256],
  ])(
    'made by each TPM for the %s key of the other',
    async (name, template) => {
      await flushAll();
      const ek = await primary(template, RH.ENDORSEMENT);
      const theirs = await both.must('public', C.LoadExternal, (side) => ({
        inPrivate: undefined,
        inPublic: ek[side === 0 ? 1 : 0].outPublic,
        hierarchy: RH.NULL,
      }));
      const credential = d20;
      for (const size of [0, 20, 32, 33]) {
        await both.run(`${size} bytes`, C.MakeCredential, (side) => ({
          handle: theirs[side].objectHandle,
          credential: new Uint8Array(size),
          objectName: ek[side].name,
        }));
      }
      const made = await both.must('make', C.MakeCredential, (side) => ({
        handle: theirs[side].objectHandle,
        credential,
        objectName: ek[side === 0 ? 1 : 0].name,
      }));
      for (const [label, change] of [
        ['whole', (x: Uint8Array) => x],
        ['cut', (x: Uint8Array) => x.slice(0, 10)],
        ['changed', (x: Uint8Array) => x.map((value, i) => (i === 40 ? value ^ 1 : value))],
        ['empty', () => EMPTY],
      ] as const) {
        for (const part of ['credentialBlob', 'secret'] as const) {
          const input = async (side: Side) => {
            const { credentialBlob, secret } = made[side === 0 ? 1 : 0];
            const session = await policyOfEk(side);
            const whole = { credentialBlob, secret };
            return {
              session,
              in: {
                activateHandle: ek[side].objectHandle,
                keyHandle: ek[side].objectHandle,
                ...whole,
                [part]: change(whole[part]),
              },
            };
          };
          const [a, b] = [await input(0), await input(1)];
          expect(a.session).toBe(b.session);
          const second = [await policyOfEk(0), await policyOfEk(1)];
          expect(second[0]).toBe(second[1]);
          const auth = [{ session: a.session }, { session: second[0] ?? 0 }] as unknown as readonly T.Authorization[];
          const opened = await both.run(
            `${name} ${label} ${part}`,
            C.ActivateCredential,
            (side) => (side === 0 ? a.in : b.in),
            { auth },
          );
          if (opened !== undefined) expect(opened[0].certInfo).toEqual(credential);
          for (const flushHandle of [a.session, second[0] ?? 0]) {
            for (const tpm of [pair.ours, pair.theirs])
              await tpm.transmit(T.encodeCommand(C.FlushContext, { flushHandle }), 0);
          }
        }
      }
      for (const [kind, sampleName] of [
        ['RSA', 'RSA'],
        ['HMAC', 'HMAC'],
        ['ECC', 'ECC'],
      ] as const) {
        await withKey(sample(sampleName), async (handle) => {
          await both.run(`for ${kind}`, C.MakeCredential, { handle, credential, objectName: d32 });
        });
      }
      both.verdict();
    },
    60_000,
  );
});

describe('duplication', () => {
  const parents: Record<string, T.TPMT_PUBLIC> = {
    RSA: rsa(MADE | STORAGE | O.fixedTPM | O.fixedParent, NULL_SCHEME, { symmetric: AES }),
    ECC: T.SRK_ECC_P256,
    'ECC AES-256': ecc(MADE | STORAGE | O.fixedTPM | O.fixedParent, NULL_SCHEME, {
      symmetric: { ...AES, keyBits: 256 },
    }),
    AES: cipher(MADE | STORAGE | O.fixedTPM | O.fixedParent),
  };
  const DUPLICATE_POLICY = (() => {
    const code = new Uint8Array(4);
    new DataView(code.buffer).setUint32(0, T.TPM_CC.Duplicate);
    return hash('sha256', concat(new Uint8Array(32), fromHex('0000016c'), code));
  })();

  async function session(side: Side): Promise<number> {
    const client = new T.Tpm2Client(side === 0 ? pair.ours : pair.theirs);
    const { sessionHandle } = await client.call(C.StartAuthSession, {
      tpmKey: RH.NULL,
      bind: RH.NULL,
      nonceCaller: new Uint8Array(16),
      encryptedSalt: EMPTY,
      sessionType: T.TPM_SE.POLICY,
      symmetric: NO_SYMMETRIC,
      authHash: A.SHA256,
    });
    await client.call(C.PolicyCommandCode, { policySession: sessionHandle, code: T.TPM_CC.Duplicate });
    return sessionHandle;
  }
  const objects: Record<string, T.TPMT_PUBLIC> = {
    'EC key': { ...ecc(MADE | O.sign, S.ECDSA), authPolicy: DUPLICATE_POLICY },
    'RSA key': { ...rsa(MADE | O.sign | O.decrypt, NULL_SCHEME, { keyBits: 1024 }), authPolicy: DUPLICATE_POLICY },
    'HMAC key': { ...keyedHash(MADE | O.sign, S.HMAC), authPolicy: DUPLICATE_POLICY },
    'encrypted only': { ...ecc(MADE | O.sign | O.encryptedDuplication, S.ECDSA), authPolicy: DUPLICATE_POLICY },
    fixed: { ...ecc(MADE | O.sign | O.fixedTPM | O.fixedParent, S.ECDSA), authPolicy: DUPLICATE_POLICY },
  };

  it.each(Object.entries(parents))(
    'from each TPM to a parent of kind %s on the other',
    async (name, template) => {
      for (const [kind, inPublic] of Object.entries(objects)) {
        await flushAll();
        const parent = await primary(template);
        const made = await both.must('create', C.CreateLoaded, (side) => ({
          parentHandle: parent[side].objectHandle,
          inSensitive: { userAuth: d20, data: EMPTY },
          inPublic: T.encode(T.TPMT_PUBLIC, inPublic),
        }));
        const other = await both.must('public', C.LoadExternal, (side) => ({
          inPrivate: undefined,
          inPublic: parent[side === 0 ? 1 : 0].outPublic,
          hierarchy: RH.OWNER,
        }));
        for (const target of ['other', 'none', 'itself'] as const) {
          for (const symmetricAlg of [NO_SYMMETRIC, AES, { ...AES, keyBits: 256 }] as const) {
            for (const keySize of [0, 16, 32]) {
              const id = `${kind} to ${name} ${target} ${'keyBits' in symmetricAlg ? symmetricAlg.keyBits : 0} ${keySize}`;
              const sessions = [await session(0), await session(1)];
              const auth = [{ session: sessions[0] ?? 0 }] as unknown as readonly T.Authorization[];
              const handleOf = (side: Side): number =>
                target === 'other' ? other[side].objectHandle : target === 'none' ? RH.NULL : made[side].objectHandle;
              const encryptionKeyIn = new Uint8Array(keySize).fill(5);
              const out = await both.run(
                id,
                C.Duplicate,
                (side) => ({
                  objectHandle: made[side].objectHandle,
                  newParentHandle: handleOf(side),
                  encryptionKeyIn,
                  symmetricAlg,
                }),
                { auth },
              );
              for (const flushHandle of [sessions[0] ?? 0]) {
                for (const tpm of [pair.ours, pair.theirs])
                  await tpm.transmit(T.encodeCommand(C.FlushContext, { flushHandle }), 0);
              }
              if (out === undefined) continue;
              const from = (side: Side) => out[side === 0 ? 1 : 0];
              const origin = (side: Side) => made[side === 0 ? 1 : 0];
              const importInput = (side: Side) => ({
                parentHandle: parent[side].objectHandle,
                encryptionKey: keySize === 0 ? from(side).encryptionKeyOut : encryptionKeyIn,
                objectPublic: origin(side).outPublic,
                duplicate: from(side).duplicate,
                inSymSeed: from(side).outSymSeed,
                symmetricAlg,
              });
              const imported = await both.run(`${id} import`, C.Import, importInput);
              await both.run(`${id} without key`, C.Import, (side) => ({ ...importInput(side), encryptionKey: EMPTY }));
              // Without its seed an encrypted blob is read as it is, and begins with any size: both TPMs get the same one.
              await both.run(`${id} without seed`, C.Import, (side) => ({
                ...importInput(0),
                parentHandle: parent[side].objectHandle,
                inSymSeed: EMPTY,
              }));
              await both.run(`${id} cut seed`, C.Import, (side) => ({
                ...importInput(side),
                inSymSeed: from(side).outSymSeed.slice(0, 20),
              }));
              await both.run(`${id} cut`, C.Import, (side) => ({
                ...importInput(side),
                duplicate: from(side).duplicate.slice(0, 20),
              }));
              await both.run(`${id} empty`, C.Import, (side) => ({ ...importInput(side), duplicate: EMPTY }));
              await both.run(`${id} changed`, C.Import, (side) => ({
                ...importInput(side),
                duplicate: from(side).duplicate.map((value, i) => (i === 40 ? value ^ 1 : value)),
              }));
              for (const mask of [O.fixedTPM, O.fixedParent, O.encryptedDuplication, O.noDA]) {
                await both.run(`${id} with ${mask}`, C.Import, (side) => ({
                  ...importInput(side),
                  objectPublic: {
                    ...origin(side).outPublic,
                    objectAttributes: origin(side).outPublic.objectAttributes ^ mask,
                  },
                }));
              }
              if (imported !== undefined && keySize === 0) {
                await both.run('flush', C.FlushContext, (side) => ({ flushHandle: other[side].objectHandle }));
                const loaded = await both.run(`${id} load`, C.Load, (side) => ({
                  parentHandle: parent[side].objectHandle,
                  inPrivate: imported[side].outPrivate,
                  inPublic: origin(side).outPublic,
                }));
                if (loaded !== undefined) {
                  const inScheme =
                    kind === 'RSA key' ? ({ scheme: A.RSASSA, hashAlg: A.SHA256 } as const) : NULL_SCHEME;
                  await both.run(
                    `${id} sign`,
                    C.Sign,
                    (side) => ({ keyHandle: loaded[side].objectHandle, digest: d32, inScheme, validation: NO_TICKET }),
                    { auth: [d20] },
                  );
                  await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
                }
                await both.must('public', C.LoadExternal, (side) => ({
                  inPrivate: undefined,
                  inPublic: parent[side === 0 ? 1 : 0].outPublic,
                  hierarchy: RH.OWNER,
                }));
              }
              const rewrap = (
                label: string,
                newParent: (side: Side) => number,
                change: (side: Side) => object = () => ({}),
              ) =>
                both.run(`${id} ${label}`, C.Rewrap, (side) => ({
                  oldParent: from(side).outSymSeed.length > 0 ? parent[side].objectHandle : RH.NULL,
                  newParent: newParent(side),
                  inDuplicate: from(side).duplicate,
                  name: origin(side).name,
                  inSymSeed: from(side).outSymSeed,
                  ...change(side),
                }));
              await rewrap('rewrap', (side) => other[side].objectHandle);
              await rewrap('rewrap to none', () => RH.NULL);
              await rewrap('rewrap to a key', (side) => made[side].objectHandle);
              await rewrap(
                'rewrap of another',
                () => RH.NULL,
                () => ({ name: d20 }),
              );
              await rewrap(
                'rewrap without seed',
                () => RH.NULL,
                () => ({ inSymSeed: EMPTY }),
              );
              await rewrap(
                'rewrap of a cut seed',
                () => RH.NULL,
                (side) => ({ inSymSeed: from(side).outSymSeed.slice(0, 9) }),
              );
              await rewrap(
                'rewrap of nothing',
                () => RH.NULL,
                () => ({ inDuplicate: EMPTY }),
              );
              await rewrap(
                'rewrap from none',
                () => RH.NULL,
                () => ({ oldParent: RH.NULL }),
              );
            }
          }
        }
      }
      await flushAll();
      both.verdict();
    },
    120_000,
  );
});

describe('attestation', () => {
  it('certificates, creation, time, with every scheme and without a key', async () => {
    await flushAll();
    const object = await primary(T.AK_RSA2048, RH.ENDORSEMENT);
    const signers: Record<string, readonly [number, number] | number> = { none: RH.NULL };
    for (const [name, template, hierarchy] of [
      ['EC AK', T.AK_ECC_P256, RH.OWNER],
      ['EC AK of endorsement', T.AK_ECC_P256, RH.ENDORSEMENT],
      ['open EC key', ecc(MADE | O.sign | O.fixedTPM | O.fixedParent), RH.PLATFORM],
      [
        'Schnorr',
        ecc(MADE | O.sign | O.restricted | O.fixedTPM | O.fixedParent, { scheme: A.ECSCHNORR, hashAlg: A.SHA256 }),
        RH.OWNER,
      ],
      [
        'PSS',
        rsa(MADE | O.sign | O.restricted | O.fixedTPM | O.fixedParent, { scheme: A.RSAPSS, hashAlg: A.SHA384 }),
        RH.OWNER,
      ],
      ['open RSA key', rsa(MADE | O.sign | O.fixedTPM | O.fixedParent, NULL_SCHEME, { keyBits: 1024 }), RH.OWNER],
      ['HMAC', keyedHash(MADE | O.sign | O.fixedTPM | O.fixedParent, S.HMAC), RH.OWNER],
      ['SRK', T.SRK_ECC_P256, RH.OWNER],
      ['AES', cipher(MADE | O.sign | O.decrypt | O.fixedTPM | O.fixedParent), RH.OWNER],
      ['none', undefined, 0],
    ] as const) {
      const made = template && (await primary(template, hierarchy));
      const handles =
        made === undefined ? ([RH.NULL, RH.NULL] as const) : ([made[0].objectHandle, made[1].objectHandle] as const);
      signers[name] = handles;
      for (const inScheme of [
        NULL_SCHEME,
        { scheme: A.ECDSA, hashAlg: A.SHA256 },
        { scheme: A.ECDSA, hashAlg: A.SHA1 },
        { scheme: A.RSASSA, hashAlg: A.SHA256 },
        { scheme: A.RSAPSS, hashAlg: A.SHA512 },
        { scheme: A.HMAC, hashAlg: A.SHA256 },
        { scheme: A.ECSCHNORR, hashAlg: A.SHA256 },
      ] as const) {
        const id = `${name} with ${inScheme.scheme.toString(16)}`;
        const common = { qualifyingData: d20, inScheme };
        const PCRselect = [T.pcrSelection(A.SHA256, [0, 1])];
        await both.run(id, C.Quote, (side) => ({ signHandle: handles[side], ...common, PCRselect }));
        await both.run(id, C.Certify, (side) => ({
          objectHandle: object[side].objectHandle,
          signHandle: handles[side],
          ...common,
        }));
        await both.run(id, C.GetTime, (side) => ({
          privacyAdminHandle: RH.ENDORSEMENT,
          signHandle: handles[side],
          ...common,
        }));
        for (const change of ['none', 'hash', 'ticket'] as const) {
          await both.run(`${id} ${change}`, C.CertifyCreation, (side) => ({
            signHandle: handles[side],
            objectHandle: object[side].objectHandle,
            ...common,
            creationHash: change === 'hash' ? d32 : object[side].creationHash,
            creationTicket:
              change === 'ticket'
                ? { ...object[side].creationTicket, hierarchy: RH.OWNER }
                : object[side].creationTicket,
          }));
        }
      }
      if (made !== undefined) await both.flush([made[0].objectHandle, made[1].objectHandle]);
    }
    both.verdict();
  }, 60_000);

  it('signatures that node:crypto accepts', async () => {
    await flushAll();
    const ak = await primary(T.AK_ECC_P256, RH.ENDORSEMENT);
    const certified = await both.must('certify', C.Certify, (side) => ({
      objectHandle: ak[side].objectHandle,
      signHandle: ak[side].objectHandle,
      qualifyingData: d20,
      inScheme: NULL_SCHEME,
    }));
    for (const side of [0, 1] as const) {
      const { unique } = ak[side].outPublic as T.EccPublicArea;
      const { signature, certifyInfo } = certified[side];
      if (signature.sigAlg !== A.ECDSA) throw new Error('not ECDSA');
      const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
      const key = createPublicKey({
        key: { kty: 'EC', crv: 'P-256', x: text(unique.x), y: text(unique.y) },
        format: 'jwk',
      });
      const value = concat(signature.signatureR, signature.signatureS);
      expect(verify('sha256', certifyInfo, { key, dsaEncoding: 'ieee-p1363' }, value)).toBe(true);
      const attest = T.decode(T.TPMS_ATTEST, certifyInfo);
      expect(attest.type === T.TPM_ST.ATTEST_CERTIFY && attest.attested.name).toEqual(ak[side].name);
    }
    const time = await both.must('time', C.GetTime, (side) => ({
      privacyAdminHandle: RH.ENDORSEMENT,
      signHandle: ak[side].objectHandle,
      qualifyingData: d20,
      inScheme: NULL_SCHEME,
    }));
    for (const { timeInfo } of time) expect(T.decode(T.TPMS_ATTEST, timeInfo).type).toBe(T.TPM_ST.ATTEST_TIME);
    const rsaSide = T.decode(T.TPMS_ATTEST, time[0].timeInfo);
    expect(rsaSide.extraData).toEqual(d20);
    await flushAll();
  });

  it('parameters a TPM can be asked about', async () => {
    for (const template of [
      rsa(0),
      ecc(0),
      keyedHash(0),
      cipher(0),
      cipher(0, NO_SYMMETRIC),
      ecc(0, NULL_SCHEME, { curveID: 5 }),
    ]) {
      for (const change of [{}, { keyBits: 3072 }, { keyBits: 4096 }, { exponent: 3 }]) {
        const parameters = { type: template.type, parameters: { ...template.parameters, ...change } } as never;
        await both.run(`${template.type} ${JSON.stringify(change)}`, C.TestParms, { parameters });
      }
    }
    both.verdict();
    expect(hmac('sha256', d32, d32)).toHaveLength(32);
  });
});

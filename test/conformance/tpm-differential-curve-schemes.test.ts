/**
 * Schemes on every curve, on the embedded TPM and on swtpm: each verifies what the other signed, finds the point that the other finds,
 * and OpenSSL judges the signatures on the curves it knows.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sm2Exchange } from '../../sim/tpm/sm2-exchange.ts';
import { concat, fromBigInt, fromHex, toBigInt, utf8 } from '../../src/bytes/bytes.ts';
import { hasCurveOid } from '../../src/crypto/asn1-oids.ts';
import * as W from '../../src/crypto/asn1-write.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { curveParameters, sumOfPoints } from '../../src/crypto/ec-points.ts';
import { hash } from '../../src/crypto/hash.ts';
import { encodeSpki } from '../../src/crypto/keys.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import type { EcPoint } from '../../src/crypto/primitives.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both, type Side } from './tpm-both.ts';
import * as S from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const { CURVE_IDS, ecc, EMPTY, FIXED, keyOn, MADE, NO_TICKET, NULL_SCHEME, sampleOn, USER } = S;

let pair: TpmPair;
let both: Both;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'esxsim-curves-'));
  pair = await TpmPair.start();
  both = new Both(pair);
  await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
});
afterAll(async () => {
  await pair.stop();
  rmSync(directory, { recursive: true, force: true });
});

const HASHES = [
  ['sha1', A.SHA1],
  ['sha256', A.SHA256],
  ['sha384', A.SHA384],
  ['sha512', A.SHA512],
] as const;
const DIGESTS = HASHES.map(([name]) => hash(name, utf8('x')));
const d20 = hash('sha1', utf8('x'));
const d32 = hash('sha256', utf8('x'));
const NO_POINT: EcPoint = { x: EMPTY, y: EMPTY };
const other = (side: Side): Side => (side === 0 ? 1 : 0);
type EccSignature = Extract<T.TPMT_SIGNATURE, { signatureR: Uint8Array }>;
const isEcc = (signature: T.TPMT_SIGNATURE): signature is EccSignature => 'signatureR' in signature;

/** Whether OpenSSL takes (r, s) for an ECDSA signature of the digest. */
function opensslAccepts(spki: Uint8Array, digest: Uint8Array, { signatureR, signatureS }: EccSignature): boolean {
  const write = (name: string, content: Uint8Array | string): void => writeFileSync(join(directory, name), content);
  write('key.pem', encodePem('PUBLIC KEY', spki));
  write('digest', digest);
  write('signature', W.derSequence(W.derInteger(signatureR), W.derInteger(signatureS)));
  const args = ['pkeyutl', '-verify', '-pubin', '-inkey', 'key.pem', '-in', 'digest', '-sigfile', 'signature'];
  try {
    return execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: 'pipe' }).includes('Success');
  } catch {
    return false;
  }
}

describe.each(CURVE_IDS)('%s', (curve, curveID) => {
  const { size, order } = CURVES[curve];
  const on = [curve, curveID] as const;

  it.each([
    ['ECDSA', A.ECDSA],
    ['ECSCHNORR', A.ECSCHNORR],
    ['SM2', A.SM2],
  ] as const)(
    'signatures with %s verify across',
    async (name, scheme) => {
      for (const own of [false, true]) {
        const keyScheme = { scheme, hashAlg: A.SHA256 };
        const key = own ? sampleOn(on, { scheme: keyScheme, attributes: USER | O.sign }) : sampleOn(on);
        await both.withExternal(key, async (keyHandle) => {
          for (const [hashName, hashAlg] of HASHES) {
            const thorough = !own && hashAlg === A.SHA256;
            const inScheme = { scheme, hashAlg };
            for (const digest of [...DIGESTS, EMPTY]) {
              const id = `${name} ${hashName} ${digest.length} ${own}`;
              const request = { keyHandle, digest, inScheme, validation: NO_TICKET };
              const made = await both.run(id, C.Sign, request);
              if (made === undefined) continue;
              const check = (label: string, change: (signature: EccSignature) => EccSignature, of = digest) =>
                both.run(
                  `${id} ${label}`,
                  C.VerifySignature,
                  (side) => {
                    const { signature } = made[other(side)];
                    if (!isEcc(signature)) throw new Error('another signature');
                    return { keyHandle, digest: of, signature: change(signature) };
                  },
                  { mode: 'bytes' },
                );
              expect(await check('across', (s) => s), id).toBeDefined();
              await check('another digest', (s) => s, d32.with(0, 1));
              if (!thorough) continue;
              for (const length of [0, 1, 20, 32, 48, 64]) {
                await check(`digest of ${length}`, (s) => s, new Uint8Array(length).fill(255));
              }
              await check('cut digest', (s) => s, digest.subarray(1));
              await check('another hash', (s) => ({ ...s, hash: A.SHA1 }));
              await check('unknown hash', (s) => ({ ...s, hash: A.SM3_256 as typeof A.SHA1 }));
              const values = [0n, 1n, order - 1n, order, order + 1n, (1n << 640n) - 1n];
              for (const value of values) {
                const bytes = fromBigInt(value, value >> 639n === 0n ? size : 80);
                await check(`r ${value}`, (s) => ({ ...s, signatureR: bytes }));
                await check(`s ${value}`, (s) => ({ ...s, signatureS: bytes }));
              }
              await check('opposite s', (s) => ({
                ...s,
                signatureS: fromBigInt(order - toBigInt(s.signatureS), size),
              }));
              await check('long', (s) => ({ ...s, signatureR: fromBigInt(toBigInt(s.signatureR), 80) }));
              await check('empty', (s) => ({ ...s, signatureS: EMPTY }));
              for (const sigAlg of [A.ECDSA, A.ECSCHNORR, A.SM2, A.ECDAA]) {
                await check(`as ${sigAlg}`, (s) => ({ ...s, sigAlg }) as EccSignature);
              }
            }
          }
        });
      }
      both.verdict();
    },
    60_000,
  );

  // There are no identifiers for BN curves in certificates, and none in OpenSSL.
  if (hasCurveOid(curve)) {
    it('signatures that OpenSSL accepts', async () => {
      const { x, y } = keyOn(curve, 'test');
      const spki = encodeSpki({ kind: 'ec', curve, x, y });
      // With keys on the curve of SM2, OpenSSL knows the scheme of SM2 alone, and digests as long as those of SM3.
      const isSm2 = curve === 'SM2 P-256';
      const scheme = isSm2 ? A.SM2 : A.ECDSA;
      await both.withExternal(sampleOn(on), async (keyHandle) => {
        for (const [i, [name, hashAlg]] of HASHES.entries()) {
          const digest = DIGESTS[i] ?? EMPTY;
          if (isSm2 && digest.length !== 32) continue;
          const request = { keyHandle, digest, inScheme: { scheme, hashAlg }, validation: NO_TICKET };
          const made = await both.must(name, C.Sign, request);
          for (const { signature } of made) {
            if (!isEcc(signature)) throw new Error('another signature');
            const changed = digest.map((byte) => byte ^ 1);
            expect([name, opensslAccepts(spki, digest, signature)]).toEqual([name, true]);
            expect([name, opensslAccepts(spki, changed, signature)]).toEqual([name, false]);
          }
        }
      });
      both.verdict();
    });
  }

  it('an SM2 signature whose parts add up to the order', async () => {
    const key = keyOn(curve, 'test');
    const s = order / 3n;
    const point = sumOfPoints(curve, [{ scalar: s }, { scalar: s, point: key }]);
    const e = (((order - s - toBigInt(point?.x ?? EMPTY)) % order) + order) % order;
    if (size > 64) return;
    await both.withExternal(sampleOn(on), async (keyHandle) => {
      const signature = {
        ...{ sigAlg: A.SM2, hash: A.SHA256 },
        ...{ signatureR: fromBigInt(order - s, size), signatureS: fromBigInt(s, size) },
      };
      for (const digest of [fromBigInt(e, size), fromBigInt(e + 1n, size)]) {
        await both.run(`${digest.length}`, C.VerifySignature, { keyHandle, digest, signature }, { mode: 'bytes' });
      }
    });
    both.verdict();
  });

  it.each(HASHES)('anonymous signatures with %s: sG = E + H(nonce, digest)Q', async (name, hashAlg) => {
    await both.flushAll();
    const scheme = { scheme: A.ECDAA, hashAlg, count: 0 } as const;
    const [key, digest] = [keyOn(curve, 'test'), hash(name, d32)];
    await both.withExternal(sampleOn(on, { scheme, attributes: USER | O.sign }), async (signHandle) => {
      const point = await both.must('commit', C.Commit, { signHandle, P1: NO_POINT, s2: EMPTY, y2: EMPTY });
      const signed = await both.must(
        'sign',
        C.Sign,
        (side) => ({
          ...{ keyHandle: signHandle, digest, validation: NO_TICKET },
          inScheme: { ...scheme, count: point[side].counter },
        }),
        { mode: 'code' },
      );
      for (const side of [0, 1] as const) {
        const { signature } = signed[side];
        if (!isEcc(signature)) throw new Error('another signature');
        const { signatureR: nonce, signatureS } = signature;
        expect([signatureS.length, nonce.length <= size && nonce.length > size - 4]).toEqual([size, true]);
        const t = toBigInt(hash(name, concat(nonce, digest))) % order;
        const right = [
          { scalar: 1n, point: point[side].E },
          { scalar: t, point: key },
        ];
        expect(sumOfPoints(curve, [{ scalar: toBigInt(signatureS) }])).toEqual(sumOfPoints(curve, right));
      }
    });
    both.verdict();
  });

  it('commitments to a point and to a basename', async () => {
    const scheme = { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 };
    const key = keyOn(curve, 'test');
    const { p, a, b } = curveParameters(curve);
    const [prime, factor, constant] = [toBigInt(p), toBigInt(a), toBigInt(b)];
    const power = (base: bigint, exponent: bigint): bigint => {
      let [result, square] = [1n, base % prime];
      for (let rest = exponent; rest > 0n; rest >>= 1n) {
        if (rest & 1n) result = (result * square) % prime;
        square = (square * square) % prime;
      }
      return result;
    };
    // A basename whose digest is the x of a point, where the root is easy to take: p = 3 modulo 4.
    const basename = (): { s2: Uint8Array; y2: Uint8Array } | undefined => {
      if (prime % 4n !== 3n) return undefined;
      for (let i = 0; ; i++) {
        const s2 = utf8(`basename ${i}`);
        const x = toBigInt(hash('sha256', s2)) % prime;
        const square = (x * x * x + factor * x + constant) % prime;
        const y = power(square, (prime + 1n) / 4n);
        if ((y * y) % prime === square) return { s2, y2: fromBigInt(y, size) };
      }
    };
    const named = basename();
    await both.withExternal(sampleOn(on, { scheme, attributes: USER | O.sign }), async (signHandle) => {
      for (const P1 of [NO_POINT, keyOn(curve, 'P1'), { x: key.y, y: key.x }]) {
        for (const [s2, y2] of [
          [EMPTY, EMPTY],
          [d32, d32],
          [d32, EMPTY],
          ...(named === undefined ? [] : ([[named.s2, named.y2]] as const)),
          ...(named === undefined ? [] : ([[named.s2, named.y2.map((byte) => byte ^ 1)]] as const)),
        ] as const) {
          const id = `${P1.x.length} ${s2.length} ${y2.length}`;
          const made = await both.run(id, C.Commit, { signHandle, P1, s2, y2 });
          if (made === undefined || named === undefined || s2 !== named.s2) continue;
          const base = { x: fromBigInt(toBigInt(hash('sha256', s2)) % prime, size), y: y2 };
          const K = sumOfPoints(curve, [{ scalar: toBigInt(key.d), point: base }]);
          for (const side of [0, 1] as const) expect(made[side].K).toEqual(K);
        }
      }
    });
    both.verdict();
  });

  it('key exchange of one pass', async () => {
    const peer = keyOn(curve, 'peer');
    const { p } = curveParameters(curve);
    const long = (value: Uint8Array, length: number): Uint8Array => fromBigInt(toBigInt(value), length);
    const keys = {
      open: sampleOn(on),
      ECDH: sampleOn(on, { scheme: { scheme: A.ECDH, hashAlg: A.SHA256 }, attributes: USER | O.decrypt }),
      ECMQV: sampleOn(on, { scheme: { scheme: A.ECMQV, hashAlg: A.SHA256 }, attributes: USER | O.decrypt }),
      SM2: sampleOn(on, { scheme: { scheme: A.SM2, hashAlg: A.SHA256 }, attributes: USER | O.decrypt }),
      signing: sampleOn(on, { attributes: USER | O.sign }),
    };
    for (const [name, key] of Object.entries(keys)) {
      await both.withExternal(key, async (keyHandle) => {
        const generated = await both.run(name, C.ECDH_KeyGen, { keyHandle });
        for (const side of [0, 1] as const) {
          if (generated === undefined) continue;
          const d = toBigInt(keyOn(curve, 'test').d);
          expect(sumOfPoints(curve, [{ scalar: d, point: generated[side].pubPoint }])).toEqual(generated[side].zPoint);
        }
        const points: Record<string, EcPoint> = {
          right: peer,
          negative: { x: peer.x, y: fromBigInt(toBigInt(p) - toBigInt(peer.y), size) },
          exchanged: { x: peer.y, y: peer.x },
          empty: NO_POINT,
          'empty y': { x: peer.x, y: EMPTY },
          zero: { x: new Uint8Array(size), y: new Uint8Array(size) },
          long: { x: long(peer.x, 80), y: long(peer.y, 80) },
          'x + p': { x: fromBigInt(toBigInt(peer.x) + toBigInt(p), 80), y: peer.y },
          'all ones': { x: new Uint8Array(80).fill(255), y: peer.y },
        };
        for (const [label, inPoint] of Object.entries(points)) {
          await both.run(`${name} ${label}`, C.ECDH_ZGen, { keyHandle, inPoint }, { mode: 'bytes' });
        }
      });
    }
    both.verdict();
  });

  // With ECMQV, and with SM2 where the order has more than 512 bits, libtpms goes into failure mode.
  const PHASES = size > 64 ? [A.ECDH] : [A.ECDH, A.SM2];
  it('key exchange of two phases: each TPM with the other', async () => {
    const prime = toBigInt(curveParameters(curve).p);
    for (const inScheme of PHASES) {
      for (const hashAlg of [A.NULL, A.SHA256]) {
        const scheme = hashAlg === A.NULL ? NULL_SCHEME : { scheme: inScheme, hashAlg };
        const pairs = [keyOn(curve, `a ${hashAlg}`), keyOn(curve, `b ${hashAlg}`)] as const;
        await both.flushAll();
        const loaded = await both.must('load', C.LoadExternal, (side) => {
          const { inPublic, sensitive } = sampleOn(on, { scheme, attributes: USER | O.decrypt, key: pairs[side] });
          return { inPrivate: sensitive, inPublic, hierarchy: RH.NULL };
        });
        const made = await both.must('ephemeral', C.EC_Ephemeral, { curveID });
        const request = (side: Side) => ({
          keyA: loaded[side].objectHandle,
          inQsB: pairs[other(side)],
          inQeB: made[other(side)].Q,
          inScheme,
          counter: made[side].counter,
        });
        for (const bad of [NO_POINT, { x: pairs[0].y, y: pairs[0].x }]) {
          await both.run('bad static', C.ZGen_2Phase, (side) => ({ ...request(side), inQsB: bad }));
          await both.run('bad ephemeral', C.ZGen_2Phase, (side) => ({ ...request(side), inQeB: bad }));
        }
        for (const wrong of [A.NULL, A.ECDSA, inScheme === A.ECDH ? A.SM2 : A.ECDH]) {
          if (wrong === A.SM2 && hashAlg === A.NULL) continue;
          if (wrong === A.ECDH && hashAlg === A.NULL) continue;
          await both.run(`as ${wrong}`, C.ZGen_2Phase, (side) => ({ ...request(side), inScheme: wrong }));
        }
        const agreed = await both.must('exchange', C.ZGen_2Phase, request);
        expect(agreed[0]).toEqual(agreed[1]);
        await both.run('again', C.ZGen_2Phase, request);
        // Coordinates count modulo p, but for the bits that SM2 takes of one.
        const [fixed, passing] = [keyOn(curve, 'static'), keyOn(curve, 'ephemeral')];
        const larger = ({ x, y }: EcPoint): EcPoint => ({ x: fromBigInt(toBigInt(x) + prime, 80), y });
        const begun = await both.must('ephemeral', C.EC_Ephemeral, { curveID });
        const found = await both.must('with x + p', C.ZGen_2Phase, (side) => ({
          ...{ keyA: loaded[side].objectHandle, inQsB: larger(fixed), inQeB: larger(passing) },
          ...{ inScheme, counter: begun[side].counter },
        }));
        for (const side of [0, 1] as const) {
          const { Q } = begun[side];
          const expected =
            inScheme === A.SM2
              ? sm2Exchange(fixed, { ...passing, x: larger(passing).x }, pairs[side], Q, Q.x)
              : sumOfPoints(curve, [{ scalar: toBigInt(fixed.d), point: pairs[side] }]);
          expect(found[side].outZ1).toEqual(expected);
        }
      }
    }
    await both.flushAll();
    both.verdict();
  });

  it.each([
    ['ECDSA', A.ECDSA],
    ['SM2', A.SM2],
    ['ECSCHNORR', A.ECSCHNORR],
  ] as const)('attestations by a restricted key with %s verify across', async (_, scheme) => {
    for (const [name, hashAlg] of HASHES) {
      await both.flushAll();
      const inPublic = ecc(MADE | FIXED | O.sign | O.restricted, { scheme, hashAlg }, { curveID });
      const ak = await both.must('AK', C.CreatePrimary, {
        ...{ primaryHandle: RH.ENDORSEMENT, inPublic, outsideInfo: EMPTY, creationPCR: [] },
        inSensitive: { userAuth: EMPTY, data: EMPTY },
      });
      const signed: (readonly [Uint8Array, T.TPMT_SIGNATURE])[][] = [[], []];
      const request = (side: Side) => ({
        ...{ signHandle: ak[side].objectHandle, qualifyingData: d20, inScheme: NULL_SCHEME },
      });
      const quoted = await both.must('quote', C.Quote, (side) => ({
        ...request(side),
        PCRselect: [T.pcrSelection(A.SHA256, [0, 1])],
      }));
      const certified = await both.must('certify', C.Certify, (side) => ({
        ...request(side),
        objectHandle: ak[side].objectHandle,
      }));
      const created = await both.must('creation', C.CertifyCreation, (side) => ({
        ...request(side),
        objectHandle: ak[side].objectHandle,
        creationHash: ak[side].creationHash,
        creationTicket: ak[side].creationTicket,
      }));
      const time = await both.must('time', C.GetTime, (side) => ({
        ...request(side),
        privacyAdminHandle: RH.ENDORSEMENT,
      }));
      for (const side of [0, 1] as const) {
        signed[side]?.push([quoted[side].quoted, quoted[side].signature]);
        signed[side]?.push([certified[side].certifyInfo, certified[side].signature]);
        signed[side]?.push([created[side].certifyInfo, created[side].signature]);
        signed[side]?.push([time[side].timeInfo, time[side].signature]);
      }
      const theirs = await both.must('public', C.LoadExternal, (side) => ({
        inPrivate: undefined,
        inPublic: ak[other(side)].outPublic,
        hierarchy: RH.NULL,
      }));
      for (let i = 0; i < 4; i++) {
        await both.must(`verify ${i}`, C.VerifySignature, (side) => {
          const [attest = EMPTY, signature] = signed[other(side)]?.[i] ?? [];
          if (signature === undefined) throw new Error('unreachable');
          return { keyHandle: theirs[side].objectHandle, digest: hash(name, attest), signature };
        });
      }
    }
    await both.flushAll();
    both.verdict();
  });

  it('X.509 certificates', async () => {
    const name = (text: string) => W.derSequence(W.derSetOf(W.derSequence(W.derOid('2.5.4.3'), W.derUtf8(text))));
    const usage = W.derSequence(W.derOid('2.5.29.15'), W.derBoolean(true), W.derOctets(W.derNamedBits([0])));
    const validity = W.derSequence(W.derTime(1_577_836_800_000), W.derTime(4_102_444_800_000));
    const partialCertificate = W.derSequence(name('a'), validity, name('b'), W.derContext(3, W.derSequence(usage)));
    await both.flushAll();
    const handles: number[] = [];
    for (const key of [sampleOn(on, { attributes: USER | O.sign }), S.sample('ECC', undefined, USER | O.sign)]) {
      const [made] = await both.must('load', C.LoadExternal, {
        ...{ inPrivate: key.sensitive, inPublic: key.inPublic, hierarchy: RH.NULL },
      });
      handles.push(made.objectHandle);
    }
    for (const objectHandle of handles) {
      for (const signHandle of handles) {
        for (const scheme of [A.ECDSA, A.SM2, A.ECSCHNORR]) {
          const inScheme = { scheme, hashAlg: A.SHA256 };
          const request = { objectHandle, signHandle, reserved: EMPTY, inScheme, partialCertificate };
          const id = `${objectHandle} by ${signHandle} with ${scheme}`;
          const made = await both.run(id, C.CertifyX509, request, { mode: 'code' });
          if (made === undefined) continue;
          expect(made[0].addedToCertificate).toEqual(made[1].addedToCertificate);
          expect(made[0].tbsDigest).toEqual(made[1].tbsDigest);
          const verified = { keyHandle: signHandle, digest: made[0].tbsDigest };
          await both.must(id, C.VerifySignature, (side) => ({ ...verified, signature: made[other(side)].signature }));
        }
      }
    }
    await both.flushAll();
    both.verdict();
  });
});

describe('the SM2 signature of the standard', () => {
  // GB/T 32918.5-2017, A.2: the key, the digest e of the message "message digest" with the signer's Z, and the signature.
  const d = fromHex('3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8');
  const e = fromHex('f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640');
  const r = fromHex('f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3');
  const s = fromHex('b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa');

  it('is one to both', async () => {
    const x = fromHex('09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020');
    const y = fromHex('ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13');
    const key = { kind: 'ec', curve: 'SM2 P-256', d, x, y } as const;
    await both.withExternal(sampleOn(['SM2 P-256', 0x20], { key }), async (keyHandle) => {
      const signature = { sigAlg: A.SM2, hash: A.SHA256, signatureR: r, signatureS: s } as const;
      const request = { keyHandle, digest: e, signature };
      await both.must('verify', C.VerifySignature, request, { mode: 'bytes' });
    });
    both.verdict();
  });
});

/** Keys on every curve: parameters, creation, loading, derivation, contexts and parents, on the embedded TPM and on swtpm. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concat, fromBigInt, fromHex, toBigInt, utf8 } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { curveParameters } from '../../src/crypto/ec-points.ts';
import { hash, hmac } from '../../src/crypto/hash.ts';
import * as T from '../../src/tpm2/index.ts';
import { Both, type Side } from './tpm-both.ts';
import * as S from './tpm-key-samples.ts';
import { TpmPair } from './tpm-pair.ts';

const { COMMANDS: C, TPM_ALG: A, TPMA_OBJECT: O, TPM_RH: RH } = T;
const { AES, CURVE_IDS, ecc, ECDSA, EMPTY, FIXED, keyOn, MADE, NO_SYMMETRIC, NULL_SCHEME, sampleOn, STORAGE, USER } = S;

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
const creation = { inSensitive: none, outsideInfo: EMPTY, creationPCR: [] };
const primary = (inPublic: T.TPMT_PUBLIC, primaryHandle: number = RH.OWNER) =>
  both.must('primary', C.CreatePrimary, { ...creation, primaryHandle, inPublic });
const flushAll = () => both.flushAll();
/** Bytes of the longest coordinate or secret that can be sent. */
const LONGEST = 80;
const other = (side: Side): Side => (side === 0 ? 1 : 0);

const SCHEMES = {
  none: NULL_SCHEME,
  ECDSA,
  'ECDSA with SHA-1': { scheme: A.ECDSA, hashAlg: A.SHA1 },
  'ECDSA with SHA-512': { scheme: A.ECDSA, hashAlg: A.SHA512 },
  ECDAA: { scheme: A.ECDAA, hashAlg: A.SHA256, count: 0 },
  SM2: { scheme: A.SM2, hashAlg: A.SHA256 },
  'SM2 with SHA-384': { scheme: A.SM2, hashAlg: A.SHA384 },
  'SM2 with SM3': { scheme: A.SM2, hashAlg: A.SM3_256 },
  ECSCHNORR: { scheme: A.ECSCHNORR, hashAlg: A.SHA256 },
  ECDH: { scheme: A.ECDH, hashAlg: A.SHA256 },
  ECMQV: { scheme: A.ECMQV, hashAlg: A.SHA512 },
} as const;
const USES = {
  signing: MADE | FIXED | O.sign,
  'restricted signing': MADE | FIXED | O.sign | O.restricted,
  decrypting: MADE | FIXED | O.decrypt,
  both: MADE | FIXED | O.sign | O.decrypt,
  parent: MADE | FIXED | STORAGE,
};

it('parameters of every curve identifier', async () => {
  for (let curveID = 0; curveID <= 0x30; curveID++) {
    await both.run(`${curveID}`, C.ECC_Parameters, { curveID }, { mode: 'bytes' });
    const parameters = { type: A.ECC, parameters: ecc(0, NULL_SCHEME, { curveID }).parameters } as never;
    await both.run(`${curveID}`, C.TestParms, { parameters }, { mode: 'bytes' });
    await both.run(`${curveID}`, C.EC_Ephemeral, { curveID });
  }
  both.verdict();
});

describe.each(CURVE_IDS)('%s', (curve, curveID) => {
  const { size, order } = CURVES[curve];
  const on = [curve, curveID] as const;
  const template = (attributes: number, scheme: object = NULL_SCHEME, change: object = {}): T.TPMT_PUBLIC =>
    ecc(attributes, scheme, { curveID, ...change });
  const parent = template(MADE | FIXED | STORAGE, NULL_SCHEME, { symmetric: AES });

  it('schemes that are tested, created, or refused', async () => {
    await flushAll();
    const srk = await primary(T.SRK_ECC_P256);
    for (const [name, scheme] of Object.entries(SCHEMES)) {
      for (const kdf of [NULL_SCHEME, { scheme: A.KDF1_SP800_56A, hashAlg: A.SHA256 }]) {
        const parameters = { type: A.ECC, parameters: template(0, scheme, { kdf }).parameters } as never;
        await both.run(`${name} ${kdf.scheme}`, C.TestParms, { parameters });
      }
      for (const [use, attributes] of Object.entries(USES)) {
        const symmetric = use === 'parent' ? AES : NO_SYMMETRIC;
        const inPublic = template(attributes, scheme, { symmetric });
        const label = `${name}, ${use}`;
        const below = await both.run(label, C.Create, (side) => ({
          ...creation,
          parentHandle: srk[side].objectHandle,
          inPublic,
        }));
        if (below !== undefined) {
          const loaded = await both.must(label, C.Load, (side) => ({
            parentHandle: srk[side].objectHandle,
            inPrivate: below[side].outPrivate,
            inPublic: below[side].outPublic,
          }));
          await both.run(label, C.ReadPublic, (side) => ({ objectHandle: loaded[side].objectHandle }));
          await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
        }
        for (const primaryHandle of [RH.OWNER, RH.NULL]) {
          const made = await both.run(label, C.CreatePrimary, { ...creation, primaryHandle, inPublic });
          if (made !== undefined) await both.flush([made[0].objectHandle, made[1].objectHandle]);
        }
        const request = {
          parentHandle: RH.ENDORSEMENT,
          inSensitive: none,
          inPublic: T.encode(T.TPMT_PUBLIC, inPublic),
        };
        const made = await both.run(label, C.CreateLoaded, request);
        if (made !== undefined) await both.flush([made[0].objectHandle, made[1].objectHandle]);
      }
    }
    for (const [x, y] of [
      [1, 1],
      [size, size],
      [66, 66],
      [67, 67],
      [80, 80],
    ] as const) {
      const unique = { x: new Uint8Array(x).fill(1), y: new Uint8Array(y).fill(2) };
      const inPublic = { ...template(MADE | FIXED | O.sign, ECDSA), unique } as T.TPMT_PUBLIC;
      const made = await both.run(`unique ${x} ${y}`, C.CreatePrimary, {
        ...creation,
        primaryHandle: RH.OWNER,
        inPublic,
      });
      if (made !== undefined) await both.flush([made[0].objectHandle, made[1].objectHandle]);
    }
    await flushAll();
    both.verdict();
  }, 60_000);

  it('keys from outside, whole, public and without a Name', async () => {
    await flushAll();
    const { inPublic, sensitive } = sampleOn(on);
    const key = keyOn(curve, 'test');
    const { p } = curveParameters(curve);
    const attempt = async (label: string, area: T.TPMT_PUBLIC, secret: T.TPMT_SENSITIVE | undefined) => {
      for (const hierarchy of [RH.NULL, RH.OWNER]) {
        const input = { inPrivate: secret, inPublic: area, hierarchy };
        const loaded = await both.run(label, C.LoadExternal, input, { mode: 'bytes' });
        if (loaded !== undefined) await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
      }
    };
    const at = (unique: { x: Uint8Array; y: Uint8Array }): T.TPMT_PUBLIC => ({ ...inPublic, unique }) as T.TPMT_PUBLIC;
    const long = (value: Uint8Array) => concat(new Uint8Array(1), value);
    const plusPrime = (value: Uint8Array, length: number): Uint8Array => {
      const sum = toBigInt(value) + toBigInt(p);
      return sum >> BigInt(8 * length) === 0n ? fromBigInt(sum, length) : value;
    };
    const points: Record<string, { x: Uint8Array; y: Uint8Array }> = {
      right: key,
      negative: { x: key.x, y: fromBigInt(toBigInt(p) - toBigInt(key.y), size) },
      exchanged: { x: key.y, y: key.x },
      zero: { x: new Uint8Array(size), y: new Uint8Array(size) },
      empty: { x: EMPTY, y: EMPTY },
      'empty y': { x: key.x, y: EMPTY },
      short: { x: key.x.subarray(1), y: key.y },
      long: { x: long(key.x), y: long(key.y) },
      'long x': { x: long(key.x), y: key.y },
      'x + p': { x: plusPrime(key.x, size + 1), y: key.y },
      'x + p where it fits': { x: plusPrime(key.x, size), y: key.y },
      'y + p where it fits': { x: key.x, y: plusPrime(key.y, size) },
      'all ones': { x: new Uint8Array(size).fill(255), y: new Uint8Array(size).fill(255) },
      '66 bytes': { x: new Uint8Array(66).fill(1), y: key.y },
      '80 bytes': { x: new Uint8Array(80).fill(1), y: key.y },
    };
    for (const [label, point] of Object.entries(points)) {
      if (point.x.length > LONGEST) continue;
      await attempt(`${label}, public`, at(point), undefined);
      await attempt(`${label}, whole`, at(point), sensitive);
      await attempt(`${label}, public, no Name`, { ...at(point), nameAlg: A.NULL }, undefined);
      await attempt(`${label}, whole, no Name`, { ...at(point), nameAlg: A.NULL }, sensitive);
    }
    const secrets: Record<string, Uint8Array> = {
      none: EMPTY,
      zero: new Uint8Array(size),
      one: fromHex('01'),
      order: fromBigInt(order, size),
      'order - 1': fromBigInt(order - 1n, size),
      'order + 1': fromBigInt(order + 1n, size),
      long: long(key.d),
      'of 80 bytes': fromBigInt(toBigInt(key.d), 80),
      'all ones': new Uint8Array(80).fill(255),
      another: keyOn(curve, 'another').d,
    };
    for (const [label, secret] of Object.entries(secrets)) {
      if (secret.length > LONGEST) continue;
      for (const nameAlg of [A.SHA256, A.NULL]) {
        const area = { ...inPublic, nameAlg } as T.TPMT_PUBLIC;
        await attempt(`secret ${label} ${nameAlg}`, area, { ...sensitive, sensitive: secret });
      }
    }
    both.verdict();
  }, 60_000);

  it('derived keys, the same on both', async () => {
    await flushAll();
    const srk = await primary(T.SRK_ECC_P256);
    const area = {
      ...S.keyedHash(USER | STORAGE, S.XOR),
      unique: hmac('sha256', S.seed, S.seed),
    } as T.TPMT_PUBLIC;
    const secret: T.TPMT_SENSITIVE = {
      sensitiveType: A.KEYEDHASH,
      authValue: new Uint8Array(32),
      seedValue: S.seed,
      sensitive: S.seed,
    };
    const imported = await both.must('import', C.Import, (side) => ({
      parentHandle: srk[side].objectHandle,
      encryptionKey: EMPTY,
      objectPublic: area,
      duplicate: T.encode(T.TPM2B_SENSITIVE, secret),
      inSymSeed: EMPTY,
      symmetricAlg: NO_SYMMETRIC,
    }));
    const from = await both.must('load', C.Load, (side) => ({
      parentHandle: srk[side].objectHandle,
      inPrivate: imported[side].outPrivate,
      inPublic: area,
    }));
    for (const inPublic of [
      template(USER | O.fixedParent | O.sign, ECDSA),
      template(USER | O.fixedParent | O.sign, SCHEMES.SM2),
      template(USER | O.fixedParent | O.decrypt, SCHEMES.ECDH),
      template(USER | O.fixedParent | STORAGE, NULL_SCHEME, { symmetric: AES }),
    ]) {
      for (const label of ['a', 'label', 'another one']) {
        const whole = T.encode(T.TPMT_PUBLIC, inPublic);
        const named = concat(fromHex('00'), new Uint8Array([label.length]), utf8(label), fromHex('0002'), utf8('xy'));
        const request = (side: Side) => ({
          parentHandle: from[side].objectHandle,
          inSensitive: none,
          inPublic: concat(whole.subarray(0, whole.length - 4), named),
        });
        const made = await both.run(label, C.CreateLoaded, request, { mode: 'bytes' });
        if (made !== undefined) await both.flush([made[0].objectHandle, made[1].objectHandle]);
      }
    }
    await flushAll();
    both.verdict();
  });

  it('kept in NV, saved as a context and after a restart', async () => {
    await flushAll();
    const made = await primary(template(MADE | FIXED | O.sign, ECDSA));
    const saved = await both.must('save', C.ContextSave, (side) => ({ saveHandle: made[side].objectHandle }), {
      mode: 'code',
    });
    await both.flush([made[0].objectHandle, made[1].objectHandle]);
    const loaded = await both.must('load', C.ContextLoad, (side) => saved[side], { mode: 'bytes' });
    const persistentHandle = 0x81000000 + curveID;
    await both.must('persist', C.EvictControl, (side) => ({
      auth: RH.OWNER,
      objectHandle: loaded[side].loadedHandle,
      persistentHandle,
    }));
    await both.run('shutdown', C.Shutdown, { shutdownType: T.TPM_SU.CLEAR });
    await pair.both((tpm) => tpm.powerOn());
    await both.must('start', C.Startup, { startupType: T.TPM_SU.CLEAR });
    const read = await both.must('read', C.ReadPublic, { objectHandle: persistentHandle });
    for (const side of [0, 1] as const) expect(read[side].outPublic).toEqual(made[side].outPublic);
    await both.must('sign', C.Sign, {
      keyHandle: persistentHandle,
      digest: d32,
      inScheme: NULL_SCHEME,
      validation: S.NO_TICKET,
    });
    await both.must('evict', C.EvictControl, { auth: RH.OWNER, objectHandle: persistentHandle, persistentHandle });
    // The same seed and template, the same key.
    const again = await primary(template(MADE | FIXED | O.sign, ECDSA));
    for (const side of [0, 1] as const) expect(again[side].outPublic).toEqual(made[side].outPublic);
    await flushAll();
    both.verdict();
  });

  it('a parent: children, and a session with a salt for it', async () => {
    await flushAll();
    const from = await primary(parent);
    for (const inPublic of [
      template(MADE | FIXED | O.sign, ECDSA),
      parent,
      S.keyedHash(MADE | FIXED | O.sign, S.HMAC),
    ]) {
      const made = await both.must('create', C.Create, (side) => ({
        ...creation,
        parentHandle: from[side].objectHandle,
        inPublic,
      }));
      const loaded = await both.must('load', C.Load, (side) => ({
        parentHandle: from[side].objectHandle,
        inPrivate: made[side].outPrivate,
        inPublic: made[side].outPublic,
      }));
      await both.flush([loaded[0].objectHandle, loaded[1].objectHandle]);
    }
    for (const [side, tpm] of [pair.ours, pair.theirs].entries()) {
      const client = new T.Tpm2Client(tpm);
      const { objectHandle: handle, outPublic: publicArea } = from[side as Side];
      const random = (length: number) => new Uint8Array(length).fill(7);
      const session = await T.ClientSession.start(client, { salt: { handle, publicArea }, random });
      const read = await client.call(
        C.ReadPublic,
        { objectHandle: handle },
        {
          auth: [{ with: session, attributes: T.TPMA_SESSION.audit }],
          names: { objectHandle: from[side as Side].name },
        },
      );
      expect(read.outPublic).toEqual(publicArea);
    }
    const away = keyOn(curve, 'ephemeral');
    const { p } = curveParameters(curve);
    const point = T.encode(T.TPMS_ECC_POINT, away);
    const salts: Record<string, Uint8Array> = {
      right: point,
      'off the curve': point.map((value, i) => (i === point.length - 1 ? value ^ 1 : value)),
      cut: point.subarray(0, point.length - 1),
      'with more': concat(point, fromHex('00')),
      empty: T.encode(T.TPMS_ECC_POINT, { x: EMPTY, y: EMPTY }),
      zero: T.encode(T.TPMS_ECC_POINT, { x: new Uint8Array(size), y: new Uint8Array(size) }),
      'of 80 bytes': T.encode(T.TPMS_ECC_POINT, { x: new Uint8Array(80), y: new Uint8Array(80) }),
      'x + p': T.encode(T.TPMS_ECC_POINT, { ...away, x: fromBigInt(toBigInt(away.x) + toBigInt(p), LONGEST) }),
      padded: T.encode(T.TPMS_ECC_POINT, { x: fromBigInt(toBigInt(away.x), LONGEST), y: away.y }),
      'of 81 bytes': concat(fromHex('0051'), new Uint8Array(81), fromHex('0050'), new Uint8Array(80)),
    };
    for (const [label, encryptedSalt] of Object.entries(salts)) {
      const started = await both.run(`salt ${label}`, C.StartAuthSession, (side) => ({
        tpmKey: from[side].objectHandle,
        bind: RH.NULL,
        nonceCaller: new Uint8Array(16),
        encryptedSalt,
        sessionType: T.TPM_SE.HMAC,
        symmetric: NO_SYMMETRIC,
        authHash: A.SHA256,
      }));
      if (started !== undefined) await both.flush([started[0].sessionHandle, started[1].sessionHandle]);
    }
    await flushAll();
    both.verdict();
  });

  it('credentials made by each TPM for the key of the other', async () => {
    await flushAll();
    const ek = await primary(parent);
    const theirs = await both.must('public', C.LoadExternal, (side) => ({
      inPrivate: undefined,
      inPublic: ek[other(side)].outPublic,
      hierarchy: RH.NULL,
    }));
    const made = await both.must('make', C.MakeCredential, (side) => ({
      handle: theirs[side].objectHandle,
      credential: d20,
      objectName: ek[other(side)].name,
    }));
    const changes: Record<string, (secret: Uint8Array) => Uint8Array> = {
      whole: (secret) => secret,
      changed: (secret) => secret.map((value, i) => (i === 5 ? value ^ 1 : value)),
      cut: (secret) => secret.subarray(0, 30),
    };
    for (const [label, change] of Object.entries(changes)) {
      const opened = await both.run(
        label,
        C.ActivateCredential,
        (side) => ({
          activateHandle: ek[side].objectHandle,
          keyHandle: ek[side].objectHandle,
          credentialBlob: made[other(side)].credentialBlob,
          secret: change(made[other(side)].secret),
        }),
        { auth: [EMPTY, EMPTY] },
      );
      if (label === 'whole') for (const side of [0, 1] as const) expect(opened?.[side].certInfo).toEqual(d20);
    }
    await flushAll();
    both.verdict();
  });

  it('keys moved from each TPM to a parent on the other', async () => {
    await flushAll();
    const code = new Uint8Array(4);
    new DataView(code.buffer).setUint32(0, T.TPM_CC.Duplicate);
    const authPolicy = hash('sha256', concat(new Uint8Array(32), fromHex('0000016c'), code));
    const from = await primary(parent);
    const made = await both.must('create', C.CreateLoaded, (side) => ({
      parentHandle: from[side].objectHandle,
      inSensitive: none,
      inPublic: T.encode(T.TPMT_PUBLIC, { ...template(MADE | O.sign, ECDSA), authPolicy }),
    }));
    const theirs = await both.must('public', C.LoadExternal, (side) => ({
      inPrivate: undefined,
      inPublic: from[other(side)].outPublic,
      hierarchy: RH.OWNER,
    }));
    const session = await both.must('session', C.StartAuthSession, {
      tpmKey: RH.NULL,
      bind: RH.NULL,
      nonceCaller: new Uint8Array(16),
      encryptedSalt: EMPTY,
      sessionType: T.TPM_SE.POLICY,
      symmetric: NO_SYMMETRIC,
      authHash: A.SHA256,
    });
    const policySession = session[0].sessionHandle;
    expect(session[1].sessionHandle).toBe(policySession);
    await both.must('policy', C.PolicyCommandCode, { policySession, code: T.TPM_CC.Duplicate });
    const out = await both.must(
      'duplicate',
      C.Duplicate,
      (side) => ({
        objectHandle: made[side].objectHandle,
        newParentHandle: theirs[side].objectHandle,
        encryptionKeyIn: EMPTY,
        symmetricAlg: AES,
      }),
      { auth: [{ session: policySession }] as unknown as readonly T.Authorization[] },
    );
    await both.flush([theirs[0].objectHandle, theirs[1].objectHandle]);
    await both.flush([policySession, policySession]);
    const imported = await both.must('import', C.Import, (side) => ({
      parentHandle: from[side].objectHandle,
      encryptionKey: out[other(side)].encryptionKeyOut,
      objectPublic: made[other(side)].outPublic,
      duplicate: out[other(side)].duplicate,
      inSymSeed: out[other(side)].outSymSeed,
      symmetricAlg: AES,
    }));
    const loaded = await both.must('load', C.Load, (side) => ({
      parentHandle: from[side].objectHandle,
      inPrivate: imported[side].outPrivate,
      inPublic: made[other(side)].outPublic,
    }));
    await both.must('sign', C.Sign, (side) => ({
      keyHandle: loaded[side].objectHandle,
      digest: d32,
      inScheme: NULL_SCHEME,
      validation: S.NO_TICKET,
    }));
    await flushAll();
    both.verdict();
  });
});

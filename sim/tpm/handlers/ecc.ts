/** Elliptic curve operations (TPM 2.0 Library specification, Part 3, 14.4 to 14.7 and chapter 19). */
import { primitives } from '#primitives';
import { fromBigInt, toBigInt } from '../../../src/bytes/bytes.ts';
import { CURVES } from '../../../src/crypto/curves.ts';
import { curveParameters, reducedPoint } from '../../../src/crypto/ec-points.ts';
import { mqv } from '../../../src/crypto/ecc-schemes.ts';
import { ecKeyPair } from '../../../src/crypto/ecdsa.ts';
import type { CurveName, EcPoint, EcPrivateKey } from '../../../src/crypto/primitives.ts';
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import {
  Commit,
  EC_Ephemeral,
  ECC_Parameters,
  ECDH_KeyGen,
  ECDH_ZGen,
  ZGen_2Phase,
} from '../../../src/tpm2/commands/crypto.ts';
import { TPM_ALG } from '../../../src/tpm2/constants.ts';
import { hashWith } from '../../../src/tpm2/hash-alg.ts';
import { curveName } from '../../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { EccPublicArea } from '../../../src/tpm2/structures/index.ts';
import { commit, committedScalar, endCommitment, nextScalar } from '../commitments.ts';
import type { Tpm } from '../context.ts';
import { objectOf } from '../entities.ts';
import { handler } from '../handler.ts';
import { deriveEcKey } from '../primary-keys.ts';
import { ephemeralStream } from '../protection.ts';
import { refuse } from '../refusal.ts';
import { isAnonymous } from '../signing.ts';
import { sm2Exchange } from '../sm2-exchange.ts';
import type { TpmObject } from '../state.ts';

const EMPTY = new Uint8Array(0);
const ZERO = new Uint8Array(1);
const NO_POINT: EcPoint = { x: EMPTY, y: EMPTY };

/** The ECC key of a handle; refuses another kind. */
function eccKey(tpm: Tpm, handle: number, field: string): { object: TpmObject; area: EccPublicArea; curve: CurveName } {
  const object = objectOf(tpm, handle);
  const area = object.publicArea;
  const curve = area.type === TPM_ALG.ECC ? curveName(area.parameters.curveID) : undefined;
  if (area.type !== TPM_ALG.ECC || curve === undefined) throw refuse(TPM_RC.KEY, field);
  return { object, area, curve };
}

/** The private key, which an authorised object always has. */
function privateOf({ key }: TpmObject, field: string): EcPrivateKey {
  if (key?.kind !== 'ec') throw refuse(TPM_RC.KEY, field);
  return key;
}

/** A point that was given; refused where it is not on the curve. As libtpms has it, coordinates count modulo p. */
function onCurve(curve: CurveName, point: EcPoint, field: string, rc: number = TPM_RC.ECC_POINT): EcPoint {
  const reduced = reducedPoint(curve, point);
  if (!primitives.ecOnCurve(curve, reduced)) throw refuse(rc, field);
  return reduced;
}

function multiply(curve: CurveName, point: EcPoint, d: Uint8Array): EcPoint {
  const product = primitives.ecMultiply(curve, point, d);
  if (product === undefined) throw refuse(TPM_RC.NO_RESULT);
  return product;
}

const keyGen = handler(ECDH_KeyGen, (tpm, { keyHandle }) => {
  const { area, curve } = eccKey(tpm, keyHandle, 'keyHandle');
  const ephemeral = deriveEcKey(ephemeralStream(tpm), curve);
  const zPoint = multiply(curve, onCurve(curve, area.unique, 'keyHandle', TPM_RC.KEY), ephemeral.d);
  return { zPoint, pubPoint: { x: ephemeral.x, y: ephemeral.y } };
});

/** Refuses a key that may not exchange keys. */
function checkExchange({ objectAttributes }: EccPublicArea, field: string): void {
  const fit = !has(objectAttributes, TPMA_OBJECT.restricted) && has(objectAttributes, TPMA_OBJECT.decrypt);
  if (!fit) throw refuse(TPM_RC.ATTRIBUTES, field);
}

const zGen = handler(ECDH_ZGen, (tpm, { keyHandle, inPoint }) => {
  const { object, area, curve } = eccKey(tpm, keyHandle, 'keyHandle');
  checkExchange(area, 'keyHandle');
  const { scheme } = area.parameters.scheme;
  if (scheme !== TPM_ALG.ECDH && scheme !== TPM_ALG.NULL) throw refuse(TPM_RC.SCHEME, 'keyHandle');
  const point = onCurve(curve, inPoint, 'inPoint');
  return { outPoint: multiply(curve, point, privateOf(object, 'keyHandle').d) };
});

/** Hash of the key derivation that goes with each curve; undefined where none does. */
const KDF_HASH: Readonly<Record<CurveName, number | undefined>> = {
  'P-192': TPM_ALG.SHA256,
  'P-224': TPM_ALG.SHA256,
  'P-256': TPM_ALG.SHA256,
  'P-384': TPM_ALG.SHA384,
  'P-521': TPM_ALG.SHA512,
  'BN P-256': undefined,
  'BN P-638': undefined,
  'SM2 P-256': TPM_ALG.SM3_256,
};

const parameters = handler(ECC_Parameters, (_, { curveID }) => {
  const curve = curveName(curveID);
  if (curve === undefined) throw refuse(TPM_RC.VALUE, 'curveID');
  const { p, a, b, gx, gy, n } = curveParameters(curve);
  const hashAlg = KDF_HASH[curve];
  return {
    parameters: {
      curveID,
      keySize: CURVES[curve].bits,
      kdf: hashAlg === undefined ? { scheme: TPM_ALG.NULL } : { scheme: TPM_ALG.KDF1_SP800_56A, hashAlg },
      sign: { scheme: TPM_ALG.NULL },
      p,
      // As long as the field too, but where it is zero.
      a: toBigInt(a) === 0n ? ZERO : a,
      b,
      gX: gx,
      gY: gy,
      n,
      h: new Uint8Array([1]),
    },
  };
});

const ephemeral = handler(EC_Ephemeral, (tpm, { curveID }) => {
  const curve = curveName(curveID);
  const pair = curve && ecKeyPair(curve, nextScalar(tpm, curve, EMPTY));
  if (pair === undefined) throw refuse(TPM_RC.NO_RESULT);
  return { Q: { x: pair.x, y: pair.y }, counter: commit(tpm) };
});

const twoPhase = handler(ZGen_2Phase, (tpm, { keyA, inQsB, inQeB, inScheme, counter }) => {
  const { object, area, curve } = eccKey(tpm, keyA, 'keyA');
  checkExchange(area, 'keyA');
  const own = area.parameters.scheme.scheme;
  if (own !== TPM_ALG.NULL && own !== inScheme) throw refuse(TPM_RC.SCHEME, 'inScheme');
  if (inScheme === TPM_ALG.NULL) throw refuse(TPM_RC.SCHEME, 'inScheme');
  const fixed = onCurve(curve, inQsB, 'inQsB');
  const passing = onCurve(curve, inQeB, 'inQeB');
  const key = privateOf(object, 'keyA');
  const r = committedScalar(tpm, counter, curve, EMPTY);
  const pair = r && ecKeyPair(curve, r);
  if (pair === undefined) throw refuse(TPM_RC.VALUE, 'counter');
  const ecdh = inScheme === TPM_ALG.ECDH;
  const outZ1 = ecdh
    ? multiply(curve, fixed, key.d)
    : inScheme === TPM_ALG.SM2
      ? sm2Exchange(key, pair, fixed, passing, inQeB.x)
      : mqv(key, pair, fixed, passing);
  if (outZ1 === undefined) throw refuse(TPM_RC.NO_RESULT);
  const outZ2 = ecdh ? multiply(curve, passing, pair.d) : NO_POINT;
  endCommitment(tpm, counter);
  return { outZ1, outZ2 };
});

/** The point of a basename: x = H(s2) mod p, y = y2. */
function basePoint(area: EccPublicArea, curve: CurveName, s2: Uint8Array, y2: Uint8Array): EcPoint {
  if (area.nameAlg === TPM_ALG.NULL) throw refuse(TPM_RC.HASH, 'signHandle');
  const x = toBigInt(hashWith(area.nameAlg, s2)) % toBigInt(curveParameters(curve).p);
  return onCurve(curve, { x: fromBigInt(x, CURVES[curve].size), y: y2 }, 's2');
}

const commitHandler = handler(Commit, (tpm, { signHandle, P1, s2, y2 }) => {
  const { object, area, curve } = eccKey(tpm, signHandle, 'signHandle');
  if (!isAnonymous(area.parameters.scheme.scheme)) throw refuse(TPM_RC.SCHEME, 'signHandle');
  if ((s2.length === 0) !== (y2.length === 0)) throw refuse(TPM_RC.SIZE, 'y2');
  const key = privateOf(object, 'signHandle');
  const r = nextScalar(tpm, curve, object.name);
  const base = s2.length === 0 ? undefined : basePoint(area, curve, s2, y2);
  const given = P1.x.length === 0 && P1.y.length === 0 ? undefined : onCurve(curve, P1, 'P1');
  const K = base === undefined ? NO_POINT : multiply(curve, base, key.d);
  const L = base === undefined ? NO_POINT : multiply(curve, base, r);
  // Without any point, E is the commitment to the base point of the curve.
  const own = base === undefined ? (primitives.ecPublic(curve, r) ?? NO_POINT) : NO_POINT;
  const E = given === undefined ? own : multiply(curve, given, r);
  return { K, L, E, counter: commit(tpm) };
});

export const eccHandlers = [keyGen, zGen, parameters, ephemeral, twoPhase, commitHandler];

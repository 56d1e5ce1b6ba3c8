/** Schemes on elliptic curves besides ECDSA and ECDH: EC Schnorr, the TPM's half of ECDAA, SM2, ECMQV (TPM 2.0 Library specification, Part 1, annex C). */
import { concat, fromBigInt, leftPad, toBigInt } from '../bytes/bytes.ts';
import { CURVES } from './curves.ts';
import { sumOfPoints } from './ec-points.ts';
import { type EcdsaSignature, ecKeyPair } from './ecdsa.ts';
import { hash } from './hash.ts';
import { modInverse } from './modular.ts';
import type { CurveName, EcPoint, EcPrivateKey, EcPublicKey, HashName } from './primitives.ts';

const mod = (value: bigint, order: bigint): bigint => ((value % order) + order) % order;

/** Challenge of EC Schnorr: the digest of x and message digest, cut to the size of the order and reduced by it. */
function challenge(curve: CurveName, name: HashName, x: Uint8Array, digest: Uint8Array): bigint {
  const { size, order } = CURVES[curve];
  return toBigInt(hash(name, concat(x, digest)).subarray(0, size)) % order;
}

/** EC Schnorr signature (Part 1, C.4.3) with the secret nonce `k`; undefined where another nonce is needed. */
export function signSchnorr(
  key: EcPrivateKey,
  name: HashName,
  digest: Uint8Array,
  k: Uint8Array,
): EcdsaSignature | undefined {
  const { size, order } = CURVES[key.curve];
  const ephemeral = ecKeyPair(key.curve, k);
  if (ephemeral === undefined) return undefined;
  const r = challenge(key.curve, name, ephemeral.x, digest);
  const s = mod(toBigInt(k) + r * toBigInt(key.d), order);
  return r === 0n || s === 0n ? undefined : { r: fromBigInt(r, size), s: fromBigInt(s, size) };
}

/** Whether (r, s) is an EC Schnorr signature of the digest. */
export function verifySchnorr(
  key: EcPublicKey,
  name: HashName,
  digest: Uint8Array,
  signature: EcdsaSignature,
): boolean {
  const { order } = CURVES[key.curve];
  const [r, s] = [toBigInt(signature.r), toBigInt(signature.s)];
  if (r === 0n || r >= order || s === 0n || s >= order) return false;
  const point = sumOfPoints(key.curve, [{ scalar: s }, { scalar: -r, point: key }]);
  return point !== undefined && challenge(key.curve, name, point.x, digest) === r;
}

/**
 * ECDAA signature (Part 1, C.4.2) with the secret `r` of a commitment and the public `nonce`: s = r + H(nonce ‖ digest)·d.
 * Undefined in the practically impossible case s = 0.
 */
export function signEcdaa(
  key: EcPrivateKey,
  name: HashName,
  digest: Uint8Array,
  r: Uint8Array,
  nonce: Uint8Array,
): EcdsaSignature | undefined {
  const { size, order } = CURVES[key.curve];
  const t = toBigInt(hash(name, concat(nonce, digest))) % order;
  const s = mod(toBigInt(r) + t * toBigInt(key.d), order);
  return s === 0n ? undefined : { r: nonce, s: fromBigInt(s, size) };
}

/**
 * SM2 signature (GB/T 32918.2-2016, 6.1, from step A3 on) of e, the digest as it is, with the secret nonce `k`; undefined where
 * another nonce is needed, which also is so with every nonce for the one private key that cannot sign, n − 1.
 */
export function signSm2(key: EcPrivateKey, digest: Uint8Array, k: Uint8Array): EcdsaSignature | undefined {
  const { size, order } = CURVES[key.curve];
  const ephemeral = ecKeyPair(key.curve, k);
  const d = toBigInt(key.d);
  const inverse = modInverse(1n + d, order);
  if (ephemeral === undefined || inverse === undefined) return undefined;
  const r = (toBigInt(digest) + toBigInt(ephemeral.x)) % order;
  const s = (inverse * mod(toBigInt(k) - r * d, order)) % order;
  if (r === 0n || r + toBigInt(k) === order || s === 0n) return undefined;
  return { r: fromBigInt(r, size), s: fromBigInt(s, size) };
}

/**
 * Whether (r, s) is an SM2 signature (GB/T 32918.2-2016, 7.1, from step B5 on) of the digest. Of r + s = 0, which the standard
 * refuses, the reference implementation of the TPM takes s for the sum; so does this.
 */
export function verifySm2(key: EcPublicKey, digest: Uint8Array, signature: EcdsaSignature): boolean {
  const { order } = CURVES[key.curve];
  const [r, s] = [toBigInt(signature.r), toBigInt(signature.s)];
  if (r === 0n || r >= order || s === 0n || s >= order) return false;
  const t = (r + s) % order;
  const point = sumOfPoints(key.curve, [{ scalar: s }, { scalar: t === 0n ? s : t, point: key }]);
  return point !== undefined && (toBigInt(digest) + toBigInt(point.x)) % order === r;
}

/** Associate value of a public key (SP800-56A, 5.7.2.2): the low half of x with its top bit set. */
function associate(curve: CurveName, x: Uint8Array): bigint {
  const half = BigInt(Math.ceil(CURVES[curve].bits / 2));
  return (toBigInt(x) % (1n << half)) + (1n << half);
}

/** ECMQV (SP800-56A, 5.7.2.3): the shared point of static and ephemeral keys; undefined where it does not exist. */
export function mqv(
  own: EcPrivateKey,
  ownEphemeral: EcPrivateKey,
  peer: EcPoint,
  peerEphemeral: EcPoint,
): EcPoint | undefined {
  const { curve } = own;
  const { size, order } = CURVES[curve];
  const implicit = mod(toBigInt(ownEphemeral.d) + associate(curve, ownEphemeral.x) * toBigInt(own.d), order);
  return sumOfPoints(curve, [
    { scalar: implicit, point: peerEphemeral },
    { scalar: implicit * associate(curve, leftPad(peerEphemeral.x, size)), point: peer },
  ]);
}

/** Deterministic ECDSA (RFC 6979): the same key and digest give the same signature on every machine. */
import { primitives } from '#primitives';
import { concat, fromBigInt, toBigInt } from '../bytes/bytes.ts';
import { CURVES } from './curves.ts';
import { HASH_SIZE, hmac } from './hash.ts';
import { modInverse } from './modular.ts';
import type { CurveName, EcPrivateKey, EcPublicKey, HashName } from './primitives.ts';

/** An ECDSA signature; both numbers padded to the order's size. */
export interface EcdsaSignature {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
}

/** Leftmost bits of a digest as a number (RFC 6979, 2.3.2 bits2int). */
function bitsToInt(bytes: Uint8Array, bits: number): bigint {
  const value = toBigInt(bytes);
  const excess = bytes.length * 8 - bits;
  return excess > 0 ? value >> BigInt(excess) : value;
}

/** Nonces of RFC 6979, 3.2: an HMAC-DRBG keyed by private key and digest. */
function* nonces(curve: CurveName, d: Uint8Array, name: HashName, digest: Uint8Array): Generator<bigint> {
  const { bits, size, order } = CURVES[curve];
  const reduced = fromBigInt(bitsToInt(digest, bits) % order, size);
  const seed = concat(d, reduced);
  let v: Uint8Array = new Uint8Array(HASH_SIZE[name]).fill(1);
  let k: Uint8Array = new Uint8Array(HASH_SIZE[name]);
  for (const mark of [0, 1]) {
    k = hmac(name, k, concat(v, new Uint8Array([mark]), seed));
    v = hmac(name, k, v);
  }
  for (;;) {
    let t: Uint8Array = new Uint8Array(0);
    while (t.length * 8 < bits) {
      v = hmac(name, k, v);
      t = concat(t, v);
    }
    const candidate = bitsToInt(t.subarray(0, size), bits);
    if (candidate > 0n && candidate < order) yield candidate;
    k = hmac(name, k, concat(v, new Uint8Array(1)));
    v = hmac(name, k, v);
  }
}

/** Signs a digest; `name` is the hash of the nonce generator (RFC 6979 uses the message's). */
export function signEcdsa(key: EcPrivateKey, name: HashName, digest: Uint8Array): EcdsaSignature {
  const { bits, size, order } = CURVES[key.curve];
  const z = bitsToInt(digest, bits);
  const d = toBigInt(key.d);
  for (const k of nonces(key.curve, key.d, name, digest)) {
    const point = primitives.ecPublic(key.curve, fromBigInt(k, size));
    const inverse = modInverse(k, order);
    if (point === undefined || inverse === undefined) continue;
    const r = toBigInt(point.x) % order;
    const s = (inverse * ((z + r * d) % order)) % order;
    if (r !== 0n && s !== 0n) return { r: fromBigInt(r, size), s: fromBigInt(s, size) };
  }
  throw new Error('unreachable: the nonce generator never ends');
}

/** Whether (r, s) signs `message` hashed with `name`. */
export function verifyEcdsa(key: EcPublicKey, name: HashName, message: Uint8Array, signature: EcdsaSignature): boolean {
  return primitives.ecdsaVerify(key, name, message, signature.r, signature.s);
}

/** The key pair of a private scalar; undefined where the scalar is out of range. */
export function ecKeyPair<Curve extends CurveName>(curve: Curve, d: Uint8Array): EcPrivateKey<Curve> | undefined {
  const point = primitives.ecPublic(curve, d);
  return point === undefined ? undefined : { kind: 'ec', curve, d, x: point.x, y: point.y };
}

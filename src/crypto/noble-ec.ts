/** Elliptic curve operations on @noble/curves, shared by both platforms. */
import { concat, equalBytes, leftPad, toBigInt } from '../bytes/bytes.ts';
import { CURVES } from './curves.ts';
import { nobleCurve } from './noble-curves.ts';
import type { CurveName, EcPoint, EcPublicKey } from './primitives.ts';

const encode = (p: EcPoint, size: number): Uint8Array =>
  concat(new Uint8Array([4]), leftPad(p.x, size), leftPad(p.y, size));
const decode = (bytes: Uint8Array, size: number): EcPoint => ({
  x: bytes.slice(1, 1 + size),
  y: bytes.slice(1 + size),
});

/** d·G, or undefined where d is out of range. */
export function basePoint(name: CurveName, d: Uint8Array): EcPoint | undefined {
  const curve = nobleCurve(name);
  const { size } = CURVES[name];
  try {
    return decode(curve.Point.BASE.multiply(toBigInt(d)).toBytes(false), size);
  } catch {
    return undefined;
  }
}

/** d·P, or undefined where P is not on the curve or the result is infinity. */
export function multiply(name: CurveName, point: EcPoint, d: Uint8Array): EcPoint | undefined {
  const curve = nobleCurve(name);
  const { size } = CURVES[name];
  try {
    const scalar = toBigInt(d) % curve.Point.Fn.ORDER;
    return decode(curve.Point.fromBytes(encode(point, size)).multiply(scalar).toBytes(false), size);
  } catch {
    return undefined;
  }
}

/** Whether the point lies on the curve. */
export function onCurve(name: CurveName, point: EcPoint): boolean {
  const curve = nobleCurve(name);
  const { size } = CURVES[name];
  try {
    const encoded = encode(point, size);
    return equalBytes(curve.Point.fromBytes(encoded).toBytes(false), encoded);
  } catch {
    return false;
  }
}

/** ECDSA verification of a digest. */
export function verifyDigest(key: EcPublicKey, digest: Uint8Array, r: Uint8Array, s: Uint8Array): boolean {
  const curve = nobleCurve(key.curve);
  const { size } = CURVES[key.curve];
  try {
    const signature = concat(leftPad(r, size), leftPad(s, size));
    return curve.verify(signature, digest, encode(key, size), { prehash: false, lowS: false });
  } catch {
    return false;
  }
}

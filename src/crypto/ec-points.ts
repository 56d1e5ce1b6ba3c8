/** Sums of points of a curve, which neither ECDH nor ECDSA interfaces offer; on @noble/curves everywhere. */
import { concat, fromBigInt, leftPad, toBigInt } from '../bytes/bytes.ts';
import { CURVES } from './curves.ts';
import { nobleCurve } from './noble-curves.ts';
import type { CurveName, EcPoint } from './primitives.ts';

/** Constants of a curve y² = x³ + ax + b over the integers modulo p, with base point (gx, gy) of prime order n. */
export interface CurveParameters {
  readonly p: Uint8Array;
  readonly a: Uint8Array;
  readonly b: Uint8Array;
  readonly gx: Uint8Array;
  readonly gy: Uint8Array;
  readonly n: Uint8Array;
}

/** The constants of a curve; each number as long as the field. */
export function curveParameters(name: CurveName): CurveParameters {
  const { size } = CURVES[name];
  const curve = nobleCurve(name).Point.CURVE();
  const bytes = (value: bigint): Uint8Array => fromBigInt(value, size);
  return {
    p: bytes(curve.p),
    a: bytes(curve.a),
    b: bytes(curve.b),
    gx: bytes(curve.Gx),
    gy: bytes(curve.Gy),
    n: bytes(curve.n),
  };
}

/** A point whose coordinates may be of any length and not less than p: the same modulo p, as long as the field. */
export function reducedPoint(name: CurveName, { x, y }: EcPoint): EcPoint {
  const { size } = CURVES[name];
  const { p } = nobleCurve(name).Point.CURVE();
  return { x: fromBigInt(toBigInt(x) % p, size), y: fromBigInt(toBigInt(y) % p, size) };
}

/** One term of a sum: a scalar and a point; the base point where none is given. */
export interface Term {
  readonly scalar: bigint;
  readonly point?: EcPoint;
}

/** Σ scalar·point; undefined where a point is not on the curve or the sum is the point at infinity. Not constant time. */
export function sumOfPoints(name: CurveName, terms: readonly Term[]): EcPoint | undefined {
  const { size, order } = CURVES[name];
  const { Point } = nobleCurve(name);
  try {
    let sum = Point.ZERO;
    for (const { scalar, point } of terms) {
      const encoded = point && concat(new Uint8Array([4]), leftPad(point.x, size), leftPad(point.y, size));
      const base = encoded === undefined ? Point.BASE : Point.fromBytes(encoded);
      const factor = ((scalar % order) + order) % order;
      if (factor !== 0n) sum = sum.add(base.multiplyUnsafe(factor));
    }
    if (sum.is0()) return undefined;
    const bytes = sum.toBytes(false);
    return { x: bytes.slice(1, 1 + size), y: bytes.slice(1 + size) };
  } catch {
    return undefined;
  }
}

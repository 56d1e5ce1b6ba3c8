/** The curves as @noble/curves has them; those that it does not come with are made when they are first asked for. */
import { type ECDSA, ecdsa, weierstrass } from '@noble/curves/abstract/weierstrass.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { CURVE_CONSTANTS } from './curve-constants.ts';
import { isX509Curve } from './curves.ts';
import type { CurveName } from './primitives.ts';

const NIST = { 'P-256': p256, 'P-384': p384, 'P-521': p521 } as const;
const made = new Map<CurveName, ECDSA>();

/** A curve by name. */
export function nobleCurve(name: CurveName): ECDSA {
  if (isX509Curve(name)) return NIST[name];
  let curve = made.get(name);
  if (curve === undefined) {
    // Its own hash is never used: digests come from outside.
    curve = ecdsa(weierstrass({ ...CURVE_CONSTANTS[name], h: 1n }), sha256);
    made.set(name, curve);
  }
  return curve;
}

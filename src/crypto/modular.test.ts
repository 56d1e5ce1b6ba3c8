/** Modular inverses against their definition. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURVES } from './curves.ts';
import { modInverse } from './modular.ts';

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b));

/** The one x in 0 … m−1 with a·x ≡ 1, and none where a and m share a factor. */
function check(a: bigint, m: bigint): void {
  const x = modInverse(a, m);
  const shared = gcd(((a % m) + m) % m, m);
  if (shared !== 1n) return void expect([a, m, x]).toEqual([a, m, undefined]);
  expect(x).toBeTypeOf('bigint');
  const value = x ?? -1n;
  expect(value >= 0n && value < m && (((a * value) % m) + m) % m === 1n).toBe(true);
}

describe('modular inverse', () => {
  it('of small numbers, negative ones included', () => {
    for (let m = 2n; m < 70n; m++) for (let a = -5n; a < 80n; a++) check(a, m);
  });

  it('of numbers of any size', () => {
    const modulus = fc.bigInt({ min: 2n, max: 1n << 600n });
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 620n), max: 1n << 620n }), modulus, (a, m) => check(a, m)),
      { numRuns: 500 },
    );
  });

  it('of neighbouring Fibonacci numbers, which take the most steps, and of powers of two around the word size', () => {
    let [small, large] = [1n, 2n];
    while (large < 1n << 2100n) {
      check(small, large);
      [small, large] = [large, small + large];
    }
    for (let bits = 45n; bits < 60n; bits++) {
      for (const near of [-1n, 0n, 1n]) for (const a of [3n, (1n << bits) - 3n]) check(a, (1n << bits) + near);
    }
  });

  it('modulo the orders of the curves', () => {
    for (const { order } of Object.values(CURVES)) {
      fc.assert(
        fc.property(fc.bigInt({ min: 1n, max: order - 1n }), (k) => check(k, order)),
        { numRuns: 200 },
      );
      for (const k of [1n, 2n, order - 1n, order >> 1n]) check(k, order);
    }
  });
});

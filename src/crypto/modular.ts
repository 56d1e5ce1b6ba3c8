/** Modular arithmetic on big integers, for platforms without native RSA and primality tests. */

/** base^exponent mod modulus; exponent ≥ 0. */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let b = ((base % modulus) + modulus) % modulus;
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * b) % modulus;
    b = (b * b) % modulus;
  }
  return result % modulus;
}

/** Leading bits that a round of {@link modInverse} works on: sums and products of two such numbers' quotients stay exact. */
const WORD_BITS = 50;

const bitLength = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);

/** Factors of two numbers and of their successors: r0' = a·r0 + b·r1, r1' = c·r0 + d·r1. */
type Steps = readonly [a: number, b: number, c: number, d: number];

/**
 * The steps of Euclid's algorithm on two numbers that begin with `x` ≥ `y`, as far as these leading bits decide the quotients
 * (Knuth, The Art of Computer Programming, volume 2, 4.5.2, algorithm L). `exact`: they are the whole numbers.
 */
function leadingSteps(x: number, y: number, exact: boolean): Steps {
  let [a, b, c, d] = [1, 0, 0, 1];
  for (;;) {
    if (exact ? y === 0 : y + c <= 0 || y + d <= 0) break;
    const q = Math.floor((x + (exact ? 0 : a)) / (y + (exact ? 0 : c)));
    if (!exact && q !== Math.floor((x + b) / (y + d))) break;
    [a, c] = [c, a - q * c];
    [b, d] = [d, b - q * d];
    [x, y] = [y, x - q * y];
  }
  return [a, b, c, d];
}

/**
 * x with (a·x) mod m = 1, or undefined where a and m share a factor. Lehmer's variant of Euclid's algorithm: most steps are
 * done on leading bits as plain numbers, and only the sum of some 15 of them on the big ones.
 */
export function modInverse(a: bigint, m: bigint): bigint | undefined {
  let [r0, r1] = [m, ((a % m) + m) % m];
  let [t0, t1] = [0n, 1n];
  let shift = Math.max(0, bitLength(m) - WORD_BITS);
  while (r1 !== 0n) {
    const leading = Number(r0 >> BigInt(shift));
    shift = Math.max(0, shift - WORD_BITS + Math.ceil(Math.log2(leading + 1)));
    const by = BigInt(shift);
    const steps = leadingSteps(Number(r0 >> by), Number(r1 >> by), shift === 0);
    if (steps[1] === 0) {
      const q = r0 / r1;
      [r0, r1] = [r1, r0 - q * r1];
      [t0, t1] = [t1, t0 - q * t1];
      continue;
    }
    const [p, q, u, v] = [BigInt(steps[0]), BigInt(steps[1]), BigInt(steps[2]), BigInt(steps[3])];
    [r0, r1] = [p * r0 + q * r1, u * r0 + v * r1];
    [t0, t1] = [p * t0 + q * t1, u * t0 + v * t1];
  }
  return r0 === 1n ? ((t0 % m) + m) % m : undefined;
}

// The first 40 primes as Miller-Rabin bases: error below 4^-40 for the random candidates this is used for.
const BASES = [
  2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
  113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173,
].map(BigInt);

/** Miller–Rabin test with fixed bases (deterministic). */
export function probablePrime(n: bigint): boolean {
  if (n < 2n) return false;
  for (const p of BASES) if (n % p === 0n) return n === p;
  let d = n - 1n;
  let s = 0;
  while ((d & 1n) === 0n) {
    d >>= 1n;
    s++;
  }
  return BASES.every((a) => {
    let x = modPow(a, d, n);
    if (x === 1n || x === n - 1n) return true;
    for (let i = 1; i < s; i++) {
      x = (x * x) % n;
      if (x === n - 1n) return true;
    }
    return false;
  });
}

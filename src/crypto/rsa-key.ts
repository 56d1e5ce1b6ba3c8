/** RSA private keys from one of their primes, as the TPM keeps and exchanges them (TPM 2.0 Library specification, Part 1, B.2). */
import { fromBigInt, toBigInt } from '../bytes/bytes.ts';
import { modInverse } from './modular.ts';
import type { RsaPrivateKey } from './primitives.ts';

/** The key of two primes; undefined where they are equal or the exponent has no inverse. `size` is the modulus in bytes. */
export function rsaKeyFromPrimes(a: bigint, b: bigint, e: number, size: number): RsaPrivateKey | undefined {
  const [p, q] = a > b ? [a, b] : [b, a];
  if (q < 2n || p === q) return undefined;
  const d = modInverse(BigInt(e), (p - 1n) * (q - 1n));
  const qi = modInverse(q, p);
  if (d === undefined || qi === undefined) return undefined;
  const half = Math.ceil(size / 2);
  const part = (value: bigint): Uint8Array => fromBigInt(value, half);
  return {
    kind: 'rsa',
    n: fromBigInt(p * q, size),
    e,
    d: fromBigInt(d, size),
    p: part(p),
    q: part(q),
    dp: part(d % (p - 1n)),
    dq: part(d % (q - 1n)),
    qi: part(qi),
  };
}

/** The key of a modulus and one of its primes; undefined where the prime does not divide it. */
export function rsaKeyFromPrime(n: Uint8Array, e: number, prime: Uint8Array): RsaPrivateKey | undefined {
  const modulus = toBigInt(n);
  const p = toBigInt(prime);
  if (p < 2n || modulus % p !== 0n) return undefined;
  const q = modulus / p;
  // Both primes are half as long as the modulus: the parts of the key have fixed sizes.
  if (q >> BigInt(n.length * 4) !== 0n || p >> BigInt(n.length * 4) !== 0n) return undefined;
  return rsaKeyFromPrimes(p, q, e, n.length);
}

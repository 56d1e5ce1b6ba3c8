/**
 * Primary keys from a hierarchy's seed: the same seed and template give the same key on every machine. The method is
 * documented in docs/tpm-keys.md; it follows the shape of the specification (a DRBG seeded by the primary seed, the
 * template and the caller's data), not the bytes of any other TPM.
 */

import { primitives } from '#primitives';
import { concat, fromBigInt, toBigInt, toHex, u32Bytes } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { ecKeyPair } from '../../src/crypto/ecdsa.ts';
import type { CurveName, EcPrivateKey, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import { rsaKeyFromPrimes } from '../../src/crypto/rsa-key.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { RSA_DEFAULT_EXPONENT } from '../../src/tpm2/public-key.ts';

/** A source of key material. */
export interface ByteStream {
  /** The next `size` bytes. */
  bytes(size: number): Uint8Array;
}

/** A stream of bytes: block i = KDFa(SHA-256, seed, label, context, u32 i, 256 bits). */
export class KeyStream implements ByteStream {
  readonly #seed: Uint8Array;
  readonly #label: string;
  readonly #context: Uint8Array;
  #counter = 0;
  #left: Uint8Array = new Uint8Array(0);

  constructor(seed: Uint8Array, label: string, context: Uint8Array) {
    this.#seed = seed;
    this.#label = label;
    this.#context = context;
  }

  /** The next `size` bytes. */
  bytes(size: number): Uint8Array {
    const out = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      if (this.#left.length === 0) {
        this.#left = kdfa('sha256', this.#seed, this.#label, this.#context, u32Bytes(this.#counter++), 256);
      }
      const part = this.#left.subarray(0, size - at);
      out.set(part, at);
      at += part.length;
      this.#left = this.#left.subarray(part.length);
    }
    return out;
  }
}

/** An EC key: 64 bits more than the order, reduced (FIPS 186-4, B.4.1), so that no value is favoured. */
export function deriveEcKey<Curve extends CurveName>(stream: ByteStream, curve: Curve): EcPrivateKey<Curve> {
  const { size, order } = CURVES[curve];
  const d = (toBigInt(stream.bytes(size + 8)) % (order - 1n)) + 1n;
  const key = ecKeyPair(curve, fromBigInt(d, size));
  if (key === undefined) throw new Error('unreachable: 1 ≤ d < order');
  return key;
}

/** Odd primes below 8192: four candidates in five fall to them, which costs far less than a primality test. */
const SMALL_PRIMES: readonly number[] = (() => {
  const sieve = new Uint8Array(8192);
  const out: number[] = [];
  for (let n = 3; n < sieve.length; n += 2) {
    if (sieve[n]) continue;
    out.push(n);
    for (let m = n * n; m < sieve.length; m += 2 * n) sieve[m] = 1;
  }
  return out;
})();

/** Candidates examined from one random start before another start is drawn. */
const WINDOW = 4096;

/** Remainder of a big-endian number by a small one, three bytes at a time. */
function remainder(bytes: Uint8Array, small: number): number {
  let r = 0;
  let i = 0;
  for (const odd = bytes.length % 3; i < odd; i++) r = (r * 256 + (bytes[i] ?? 0)) % small;
  for (; i < bytes.length; i += 3) {
    const part = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    r = (r * 0x100_0000 + part) % small;
  }
  return r;
}

/** Offsets (even, ascending) from an odd start that no small prime divides. */
function survivors(start: Uint8Array): number[] {
  const composite = new Uint8Array(WINDOW);
  for (const p of SMALL_PRIMES) {
    // start + 2k ≡ 0 (mod p)  ⇔  k ≡ −start / 2 (mod p)
    const r = remainder(start, p);
    const negative = r === 0 ? 0 : p - r;
    for (let k = negative % 2 === 0 ? negative / 2 : (negative + p) / 2; k < WINDOW; k += p) composite[k] = 1;
  }
  const out: number[] = [];
  for (let k = 0; k < WINDOW; k++) if (!composite[k]) out.push(2 * k);
  return out;
}

/** A prime of exactly `size` bytes with its two top bits set, p − 1 not a multiple of the exponent. */
function derivePrime(stream: ByteStream, size: number, e: bigint): bigint {
  for (;;) {
    const start = stream.bytes(size);
    start[0] = (start[0] ?? 0) | 0xc0;
    start[size - 1] = (start[size - 1] ?? 0) | 1;
    const base = toBigInt(start);
    for (const offset of survivors(start)) {
      const candidate = base + BigInt(offset);
      if (candidate >> BigInt(size * 8) !== 0n) break;
      if ((candidate - 1n) % e !== 0n && primitives.isProbablePrime(fromBigInt(candidate, size))) return candidate;
    }
  }
}

/** An RSA key of `bits` bits. `e` is an odd prime. */
export function deriveRsaKey(stream: ByteStream, bits: number, e = RSA_DEFAULT_EXPONENT): RsaPrivateKey {
  const half = bits / 16;
  for (;;) {
    const a = derivePrime(stream, half, BigInt(e));
    const b = derivePrime(stream, half, BigInt(e));
    // Equal primes are practically impossible; a fresh pair costs nothing to allow for.
    const key = rsaKeyFromPrimes(a, b, e, 2 * half);
    if (key !== undefined) return key;
  }
}

/** Keys made lately: CreatePrimary with the same template gives the same key, so making it again is wasted work. */
const REMEMBERED = 4;

/** Derives primary keys, of one TPM or of several: what it remembers follows from their seeds. */
export class PrimaryKeys {
  readonly #made = new Map<string, RsaPrivateKey | EcPrivateKey>();

  /** The key that `derive` makes from the stream of (seed, context), remembered by those two. */
  get<K extends RsaPrivateKey | EcPrivateKey>(
    seed: Uint8Array,
    context: Uint8Array,
    kind: K['kind'],
    derive: (stream: KeyStream) => K,
  ): K {
    const id = toHex(concat(seed, context));
    const known = this.#made.get(id);
    if (known !== undefined && known.kind === kind) return known as K;
    const key = derive(new KeyStream(seed, 'PRIMARY KEY', context));
    const oldest = this.#made.keys().next();
    if (this.#made.size >= REMEMBERED && !oldest.done) this.#made.delete(oldest.value);
    this.#made.set(id, key);
    return key;
  }
}

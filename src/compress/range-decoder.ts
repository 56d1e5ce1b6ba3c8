/** The range decoder of LZMA: bits whose probabilities adapt (public format description of the LZMA SDK). */

/** Bits of a probability, how fast it adapts, and the range below which another byte is taken. */
const MODEL_BITS = 11;
const MOVE_BITS = 5;
const TOP = 1 << 24;
/** Bytes the decoder starts from; the first is always 0. */
export const RANGE_INIT = 5;

/** Probabilities, all even at first. */
export function evenProbabilities(count: number): Uint16Array {
  return new Uint16Array(count).fill(1 << (MODEL_BITS - 1));
}

/** Decodes bits from a range of bytes. Reading beyond its end gives zeros and is seen by {@link finished}. */
export class RangeDecoder {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  // Both are unsigned numbers of 32 bits, kept as signed ones: those need no memory of their own.
  #range = -1;
  #code = 0;

  /** The chunk from `at` to `end`, which must hold {@link RANGE_INIT} bytes. */
  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    for (let i = 1; i < RANGE_INIT; i++) this.#code = (this.#code << 8) | (bytes[at + i] ?? 0);
    this.#at = at + RANGE_INIT;
  }

  /** Whether exactly the bytes of the chunk were used and nothing is left in the code. */
  get finished(): boolean {
    this.#normalize();
    return this.#at === this.#end && this.#code === 0;
  }

  /** Whether more bytes were asked for than there are. */
  get overrun(): boolean {
    return this.#at > this.#end;
  }

  #normalize(): void {
    if (this.#range >>> 0 >= TOP) return;
    this.#range <<= 8;
    this.#code = (this.#code << 8) | (this.#at < this.#end ? (this.#bytes[this.#at] ?? 0) : 0);
    this.#at++;
  }

  /** One bit with the probability at `index`. */
  bit(probabilities: Uint16Array, index: number): 0 | 1 {
    this.#normalize();
    const p = probabilities[index] ?? 0;
    // Below 2^32: the probability has eleven bits.
    const bound = Math.imul(this.#range >>> MODEL_BITS, p);
    if (this.#code >>> 0 < bound >>> 0) {
      this.#range = bound;
      probabilities[index] = p + (((1 << MODEL_BITS) - p) >> MOVE_BITS);
      return 0;
    }
    this.#range = (this.#range - bound) | 0;
    this.#code = (this.#code - bound) | 0;
    probabilities[index] = p - (p >> MOVE_BITS);
    return 1;
  }

  /** A number of `bits` bits, most significant first, through a tree of probabilities from `base` on. */
  tree(probabilities: Uint16Array, base: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(probabilities, base + node);
    return node - (1 << bits);
  }

  /** The same with the least significant bit first. */
  reverseTree(probabilities: Uint16Array, base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(probabilities, base + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** A number of bits that are all even, most significant first. */
  direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const one = this.#code >>> 0 >= this.#range;
      if (one) this.#code = (this.#code - this.#range) | 0;
      value = value * 2 + (one ? 1 : 0);
    }
    return value;
  }
}

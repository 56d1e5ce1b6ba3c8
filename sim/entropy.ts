/**
 * The only source of randomness in the simulator. Every random byte comes from a labelled stream of one seed, so a run is
 * repeated by its seed, and a new consumer (its own label) never moves the numbers another one sees.
 *
 * Stream `label`, block i = HMAC-SHA-256(SHA-256("esxsim seed\0" ‖ seed text), label ‖ 0x00 ‖ u64 i).
 */
import { primitives } from '#primitives';
import { toHex, utf8 } from '../src/bytes/bytes.ts';

/** A deterministic stream of random bytes. */
export interface RandomStream {
  /** The next `size` bytes. */
  bytes(size: number): Uint8Array;
  /** A uniform number in 0 … `bound`−1, `bound` ≤ 2^48. */
  below(bound: number): number;
}

/** Bytes of one block and of its number. */
const BLOCK_SIZE = 32;
const COUNTER_SIZE = 8;

class LabelledStream implements RandomStream {
  readonly #key: Uint8Array;
  /** Label, zero byte and the number of the next block, counted in place. */
  readonly #input: Uint8Array;
  #block: Uint8Array = new Uint8Array(0);

  constructor(key: Uint8Array, label: string) {
    this.#key = key;
    this.#input = utf8(`${label}\0${'\0'.repeat(COUNTER_SIZE)}`);
  }

  bytes(size: number): Uint8Array {
    // A whole block is handed out as it is: most secrets are that long.
    if (this.#block.length === 0 && size === BLOCK_SIZE) return this.#next();
    const out = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      if (this.#block.length === 0) this.#block = this.#next();
      const part = this.#block.subarray(0, size - at);
      out.set(part, at);
      at += part.length;
      this.#block = this.#block.subarray(part.length);
    }
    return out;
  }

  #next(): Uint8Array {
    const input = this.#input;
    const block = primitives.hmac('sha256', this.#key, input);
    let i = input.length - 1;
    while (input[i] === 0xff) input[i--] = 0;
    input[i] = (input[i] ?? 0) + 1;
    return block;
  }

  below(bound: number): number {
    // Six bytes and rejection: no modulo bias.
    const range = 2 ** 48;
    const limit = range - (range % bound);
    for (;;) {
      const value = this.bytes(6).reduce((sum, b) => sum * 256 + b, 0);
      if (value < limit) return value % bound;
    }
  }
}

/** All randomness of one simulated world. */
export class Entropy {
  /** The seed, as text; reported with every result so that a run can be repeated. */
  readonly seed: string;
  readonly #key: Uint8Array;

  constructor(seed: string | number) {
    this.seed = String(seed);
    this.#key = primitives.hash('sha256', utf8(`esxsim seed\0${this.seed}`));
  }

  /** A new stream from its beginning; the same label always gives the same bytes. */
  stream(label: string): RandomStream {
    return new LabelledStream(this.#key, label);
  }

  /** `size` bytes of the stream `label`: for values drawn once, such as a seed or a nonce. */
  bytes(label: string, size: number): Uint8Array {
    return this.stream(label).bytes(size);
  }

  /** An independent source for a part of the world (a host of a fleet, one boot). */
  child(label: string): Entropy {
    return new Entropy(`${this.seed}/${label}`);
  }
}

/** Real randomness, only for `seed: "random"`: 16 hexadecimal digits, to be used and reported as the seed. */
export function randomSeed(): string {
  return toHex(globalThis.crypto.getRandomValues(new Uint8Array(8)));
}

/**
 * Decoders whose input comes in pieces. A decoder is a generator that says how many bytes it needs next and then gets them, so
 * that its code reads as one that has all its input, and keeps nothing but what it has asked for.
 */
import { concat } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';

/** Yields how many bytes it needs; gets that many, or fewer where the input ends. The bytes hold until it yields again. */
export type Asking<T = void> = Generator<number, T, Uint8Array>;

const EMPTY = new Uint8Array(0);

/** What decoded bytes are given to. They hold for the time of the call. */
export type Sink = (chunk: Uint8Array) => void;

/** Feeds a decoder. What follows the data it decodes is not looked at. */
export class Feeder {
  readonly #decoder: Asking;
  #wanted = 0;
  #done = false;
  /** Input that is not enough yet. */
  #rest: Uint8Array = EMPTY;

  constructor(decoder: Asking) {
    this.#decoder = decoder;
    this.#take(decoder.next());
  }

  #take({ done, value }: IteratorResult<number, void>): void {
    this.#done = done === true;
    this.#wanted = value ?? 0;
  }

  /** The next input. Throws what the decoder throws. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (!this.#done && this.#rest.length + chunk.length - at >= this.#wanted) {
      const fresh = chunk.subarray(at, at + this.#wanted - this.#rest.length);
      const bytes = this.#rest.length === 0 ? fresh : concat(this.#rest, fresh);
      at += fresh.length;
      this.#rest = EMPTY;
      this.#take(this.#decoder.next(bytes));
    }
    if (!this.#done && at < chunk.length) this.#rest = concat(this.#rest, chunk.subarray(at));
  }

  /** No more input comes. The decoder throws where it needs more. */
  end(): void {
    while (!this.#done) {
      const bytes = this.#rest;
      this.#rest = EMPTY;
      this.#take(this.#decoder.next(bytes));
    }
  }
}

/** Where in its input a decoder is, and how it reports what is wrong there. */
export class Place {
  /** Offset of what is asked for next. */
  at = 0;
  readonly structure: string;
  readonly name: string;

  /** @param name stands before fields in errors */
  constructor(structure: string, name: string) {
    this.structure = structure;
    this.name = name;
  }

  error(field: string, problem: string, offset = this.at, cause?: unknown): FormatError {
    const path = field === '' ? this.name : `${this.name}.${field}`;
    return new FormatError({ structure: this.structure, field: path, offset, problem }, { cause });
  }

  /** Asks for exactly `count` bytes; a FormatError where the input ends before. */
  *take(count: number, field: string): Asking<Uint8Array> {
    if (count === 0) return EMPTY;
    const bytes = yield count;
    if (bytes.length < count) throw this.error(field, `needs ${count} bytes, ${bytes.length} left`);
    this.at += count;
    return bytes;
  }
}

/** Decodes input at hand. `limit` bounds the output; what exceeds it is the decoder's error. */
export function decodeWhole(input: Uint8Array, decoder: (sink: Sink) => Asking): Uint8Array {
  const parts: Uint8Array[] = [];
  const feeder = new Feeder(decoder((chunk) => parts.push(chunk.slice())));
  feeder.push(input);
  feeder.end();
  return concat(...parts);
}

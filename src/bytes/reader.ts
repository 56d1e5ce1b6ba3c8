import { isBytes, shownValue } from './arguments.ts';
import { FormatError } from './errors.ts';

/** Byte order of multi-byte integers. */
export type Endian = 'big' | 'little';

/**
 * Reads fields from untrusted bytes in order. Every read names its field and checks what is left first, so a short or
 * lying input gives a {@link FormatError} with structure, field and offset, never a RangeError and never a huge allocation.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #little: boolean;
  readonly #base: number;
  /** Name used in errors. */
  readonly structure: string;
  /** Extensions of the format that are read, by names that its parsers give them; all of them where undefined. */
  readonly extensions: readonly string[] | undefined;
  #at = 0;

  /**
   * @param structure  name used in errors, e.g. `TPMS_ATTEST`
   * @param base       offset of `bytes[0]` in the whole input, so nested readers report absolute offsets
   * @param extensions what is read beyond the common part of the format, where not everything is
   */
  constructor(bytes: Uint8Array, structure: string, endian: Endian = 'big', base = 0, extensions?: readonly string[]) {
    if (!isBytes(bytes)) {
      throw new FormatError({
        structure,
        field: '',
        problem: `expected bytes (a Uint8Array), not ${shownValue(bytes)}`,
      });
    }
    this.structure = structure;
    this.extensions = extensions;
    this.#bytes = bytes;
    this.#little = endian === 'little';
    this.#base = base;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Absolute offset of the next byte. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** The error for a bad value of `field`, placed at the current offset (or at `offset`). */
  error(field: string, problem: string, offset = this.offset): FormatError {
    return new FormatError({ structure: this.structure, field, offset, problem });
  }

  #take(field: string, size: number): number {
    if (size > this.#bytes.length - this.#at) {
      throw this.error(field, `needs ${size} byte${size === 1 ? '' : 's'}, ${this.remaining} left`);
    }
    const at = this.#at;
    this.#at += size;
    return at;
  }

  u8(field: string): number {
    return this.#bytes[this.#take(field, 1)] ?? 0;
  }

  // Numbers are put together by hand: most readers read few, and a DataView for them costs more than all of those.
  u16(field: string): number {
    const at = this.#take(field, 2);
    const a = this.#bytes[at] ?? 0;
    const b = this.#bytes[at + 1] ?? 0;
    return this.#little ? (b << 8) | a : (a << 8) | b;
  }

  #word(at: number): number {
    const bytes = this.#bytes;
    const a = bytes[at] ?? 0;
    const b = bytes[at + 1] ?? 0;
    const c = bytes[at + 2] ?? 0;
    const d = bytes[at + 3] ?? 0;
    return (this.#little ? (d << 24) | (c << 16) | (b << 8) | a : (a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  }

  u32(field: string): number {
    return this.#word(this.#take(field, 4));
  }

  u64(field: string): bigint {
    const at = this.#take(field, 8);
    const first = BigInt(this.#word(at));
    const second = BigInt(this.#word(at + 4));
    return this.#little ? (second << 32n) | first : (first << 32n) | second;
  }

  /** A 64-bit length or count that must be at most `max` (itself at most 2^53−1). */
  u64number(field: string, max: number): number {
    const at = this.offset;
    const value = this.u64(field);
    if (value > BigInt(max)) throw this.error(field, `${value} exceeds the limit of ${max}`, at);
    return Number(value);
  }

  /** `size` bytes as a view of the input (not a copy). */
  bytes(field: string, size: number): Uint8Array {
    const at = this.#take(field, size);
    return this.#bytes.subarray(at, at + size);
  }

  /** Everything not read yet, as a view of the input. */
  rest(): Uint8Array {
    return this.bytes('', this.remaining);
  }

  skip(field: string, size: number): void {
    this.#take(field, size);
  }

  /** A reader over the next `size` bytes, which this reader passes over. */
  sub(field: string, size: number, structure = this.structure): ByteReader {
    const base = this.offset;
    const endian = this.#little ? 'little' : 'big';
    return new ByteReader(this.bytes(field, size), structure, endian, base, this.extensions);
  }

  /** Refuses bytes left over. */
  end(): void {
    if (this.remaining > 0) throw this.error('', `${this.remaining} byte${this.remaining === 1 ? '' : 's'} left over`);
  }
}

import type { Endian } from './reader.ts';

/** Appends fields to a growing buffer. The counterpart of {@link ByteReader}; values come from the program itself. */
export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  readonly #little: boolean;
  #length = 0;

  constructor(endian: Endian = 'big', capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
    this.#little = endian === 'little';
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  #grow(size: number): number {
    const at = this.#length;
    const need = at + size;
    if (need > this.#buffer.length) {
      const next = new Uint8Array(Math.max(need, this.#buffer.length * 2));
      next.set(this.#buffer.subarray(0, at));
      this.#buffer = next;
      this.#view = new DataView(next.buffer);
    }
    this.#length = need;
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, this.#little);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, this.#little);
    return this;
  }

  u64(value: bigint | number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), this.#little);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** `count` bytes of `value` (zeros by default). */
  fill(count: number, value = 0): this {
    const at = this.#grow(count);
    this.#buffer.fill(value, at, at + count);
    return this;
  }

  /** Zeros up to the next multiple of `size`. */
  align(size: number): this {
    const over = this.#length % size;
    return over === 0 ? this : this.fill(size - over);
  }

  /** Writes over an earlier 16-bit field, e.g. a size known only afterwards. */
  setU16(at: number, value: number): void {
    this.#view.setUint16(at, value, this.#little);
  }

  /** Writes over an earlier 32-bit field, e.g. a size known only afterwards. */
  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, this.#little);
  }

  /** Everything written, as a new array. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }
}

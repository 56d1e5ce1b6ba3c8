import type { Endian } from './reader.ts';

/** Room that a writer fills, and a view of it for numbers. */
interface Page {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Bytes of the rooms that are used again. */
const PAGE_SIZE = 4096;
/** How many are kept: writers rarely work inside each other more deeply. */
const MOST_KEPT = 8;
// Getting memory for a structure takes longer than writing it: rooms of finished writers are kept for the next ones.
const kept: Page[] = [];

function newPage(size: number): Page {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

/** Appends fields to a growing buffer. The counterpart of {@link ByteReader}; values come from the program itself. */
export class ByteWriter {
  #page: Page;
  readonly #little: boolean;
  #length = 0;

  /** @param capacity bytes that are expected; more only cost a copy */
  constructor(endian: Endian = 'big', capacity = 256) {
    this.#page = capacity > PAGE_SIZE ? newPage(capacity) : (kept.pop() ?? newPage(PAGE_SIZE));
    this.#little = endian === 'little';
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  #grow(size: number): number {
    const at = this.#length;
    const need = at + size;
    const { bytes } = this.#page;
    if (need > bytes.length) {
      this.#page = newPage(Math.max(need, bytes.length * 2));
      this.#page.bytes.set(bytes.subarray(0, at));
    }
    this.#length = need;
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#page.bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#page.view.setUint16(at, value, this.#little);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#page.view.setUint32(at, value, this.#little);
    return this;
  }

  u64(value: bigint | number): this {
    const at = this.#grow(8);
    this.#page.view.setBigUint64(at, BigInt(value), this.#little);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#page.bytes.set(value, at);
    return this;
  }

  /** `count` bytes of `value` (zeros by default). */
  fill(count: number, value = 0): this {
    const at = this.#grow(count);
    this.#page.bytes.fill(value, at, at + count);
    return this;
  }

  /** Zeros up to the next multiple of `size`. */
  align(size: number): this {
    const over = this.#length % size;
    return over === 0 ? this : this.fill(size - over);
  }

  /** Writes over an earlier 16-bit field, e.g. a size known only afterwards. */
  setU16(at: number, value: number): void {
    this.#page.view.setUint16(at, value, this.#little);
  }

  /** Writes over an earlier 32-bit field, e.g. a size known only afterwards. */
  setU32(at: number, value: number): void {
    this.#page.view.setUint32(at, value, this.#little);
  }

  /** Everything written so far, as a new array. */
  written(): Uint8Array {
    return this.#page.bytes.slice(0, this.#length);
  }

  /** Everything written, as a new array; the writer is empty again. */
  finish(): Uint8Array {
    const page = this.#page;
    const out = this.written();
    if (page.bytes.length === PAGE_SIZE && kept.length < MOST_KEPT) kept.push(page);
    this.#page = NO_PAGE;
    this.#length = 0;
    return out;
  }
}

/** Room of a writer that was finished. */
const NO_PAGE: Page = newPage(0);

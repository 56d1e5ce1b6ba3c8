/** The filters that may stand before LZMA2 in an .xz block (the .xz file format 1.1.0, 5.3.2 and 5.3.3), undone piece by piece. */
import type { Sink } from './asking.ts';

/** Content on its way through a filter. */
export interface Filter {
  /** The next piece, which is not kept and not changed. */
  push(chunk: Uint8Array): void;
  /** Nothing follows. */
  end(): void;
}

/** Makes a filter that passes on to `sink`; undefined where its properties are not valid. */
type MakeFilter = (properties: Uint8Array, sink: Sink) => Filter | undefined;

/** Each byte is stored as its difference from the one `distance` bytes before. */
class Delta implements Filter {
  readonly #before: Uint8Array;
  readonly #sink: Sink;
  #at = 0;

  constructor(distance: number, sink: Sink) {
    this.#before = new Uint8Array(distance);
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    const before = this.#before;
    const out = new Uint8Array(chunk.length);
    for (let i = 0; i < chunk.length; i++) {
      const value = (chunk[i] ?? 0) + (before[this.#at] ?? 0);
      out[i] = value;
      before[this.#at] = value;
      if (++this.#at === before.length) this.#at = 0;
    }
    this.#sink(out);
  }

  end(): void {}
}

/** Bytes of a CALL or JMP: the operation and a 32-bit distance. */
const CALL = 5;

/**
 * By the bits of `recent` (whether one, two and three bytes before there was an operation that was left as it is): the most
 * significant byte of that one's distance is how many bytes before the end of this one's.
 */
const SHARED_BYTE = [0, 1, 2, 2, 3, 3, 3, 3] as const;
/** Whether with these bits the distance may have been converted. */
const CONVERTIBLE = [true, true, true, false, true, false, false, false] as const;

/** Whether a distance with this most significant byte is near enough to be converted. */
const isNear = (byte: number | undefined): boolean => byte === 0x00 || byte === 0xff;

/** CALL and JMP of x86 code are stored with the address they lead to instead of the distance, little endian. */
class X86 implements Filter {
  readonly #sink: Sink;
  /** What was not long enough to be an operation. */
  #held: Uint8Array = new Uint8Array(0);
  /** Address of the first byte held. */
  #position: number;
  /** Address of the operation before. */
  #last = -Infinity;
  #recent = 0;

  constructor(start: number, sink: Sink) {
    this.#position = start;
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#held.length + chunk.length);
    bytes.set(this.#held);
    bytes.set(chunk, this.#held.length);
    const done = this.#convert(bytes);
    this.#position += done;
    this.#held = bytes.slice(done);
    if (done > 0) this.#sink(bytes.subarray(0, done));
  }

  end(): void {
    if (this.#held.length > 0) this.#sink(this.#held);
  }

  /** Converts in place; gives how many bytes are done with. */
  #convert(bytes: Uint8Array): number {
    let at = 0;
    while (at + CALL <= bytes.length) {
      const converts = ((bytes[at] ?? 0) & 0xfe) === 0xe8 && this.#operation(bytes, at);
      at += converts ? CALL : 1;
    }
    return at;
  }

  /** The operation at `at`; whether it was converted. */
  #operation(bytes: Uint8Array, at: number): boolean {
    const address = this.#position + at;
    const distance = address - this.#last;
    this.#last = address;
    const recent = distance > 3 ? 0 : (this.#recent << (distance - 1)) & 7;
    const shared = SHARED_BYTE[recent] ?? 0;
    const blocked = recent !== 0 && (CONVERTIBLE[recent] !== true || isNear(bytes[at + 4 - shared]));
    if (blocked || !isNear(bytes[at + 4])) {
      this.#recent = (recent << 1) | 1;
      return false;
    }
    this.#recent = recent;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4);
    let stored = view.getInt32(0, true);
    let target = (stored - (address + CALL)) | 0;
    // The encoder went on until the byte that an earlier operation shares could not be mistaken.
    while (recent !== 0 && isNear((target >>> (24 - 8 * shared)) & 0xff)) {
      stored = target ^ (2 ** (32 - 8 * shared) - 1);
      target = (stored - (address + CALL)) | 0;
    }
    // Of the top byte only the sign is kept.
    view.setInt32(0, (target << 7) >> 7, true);
    return true;
  }
}

const word = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);

/** Filters by id. */
export const XZ_FILTERS: ReadonlyMap<number, MakeFilter> = new Map<number, MakeFilter>([
  [
    0x03,
    ([distance, ...more], sink) =>
      distance === undefined || more.length > 0 ? undefined : new Delta(distance + 1, sink),
  ],
  [
    0x04,
    (properties, sink) => {
      if (properties.length === 0) return new X86(0, sink);
      return properties.length === 4 ? new X86(word(properties), sink) : undefined;
    },
  ],
]);

/**
 * Random access to the bytes of an archive that may be larger than memory: a file (Node), or bytes at hand. Reading is
 * synchronous, because everything that consumes an image is.
 */
import { FormatError, InputError } from '../bytes/errors.ts';

/** Bytes that are read piece by piece. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /** `length` bytes from `offset`; both are within the size. Throws InputError where they cannot be read. */
  read(offset: number, length: number): Uint8Array;
  /** Fills `target` from `offset` on, where a source can do so without memory of its own. Otherwise as {@link read}. */
  readInto?(offset: number, target: Uint8Array): void;
}

/** A source over bytes in memory; what it reads are views. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  const { length: size } = bytes;
  return { size, read: (offset, length) => (length === size ? bytes : bytes.subarray(offset, offset + length)) };
}

/** A source over bytes that are made or read each time, and not kept: for files that are small or rarely used. */
export function deferredSource(read: () => Uint8Array): ByteSource {
  return {
    get size() {
      return read().length;
    },
    read: (offset, length) => read().subarray(offset, offset + length),
  };
}

/** Several sources one after the other, as one. */
export function joinedSource(parts: readonly ByteSource[]): ByteSource {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const readInto = (offset: number, target: Uint8Array): void => {
    let start = 0;
    for (const part of parts) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + target.length, start + part.size);
      if (from < to) fillFrom(part, from - start, target.subarray(from - offset, to - offset));
      start += part.size;
    }
  };
  return {
    size: parts.reduce((sum, { size }) => sum + size, 0),
    readInto,
    read: (offset, length) => {
      const out = new Uint8Array(length);
      readInto(offset, out);
      return out;
    },
  };
}

function fillFrom(source: ByteSource, offset: number, target: Uint8Array): void {
  if (source.readInto === undefined) target.set(source.read(offset, target.length));
  else source.readInto(offset, target);
}

/** What may be given as bytes at hand or as a source, as a source. */
export const asSource = (data: Uint8Array | ByteSource): ByteSource => ('read' in data ? data : bytesSource(data));

/**
 * Bytes read at once from a source that is read to its end: at the usual ratio of boot modules, what unpacks to one output
 * buffer of the decompressor.
 */
const PIECE = 1600 << 10;
/** Buffers of that size that nobody reads into at the moment, at most as many as are filled side by side. */
const spare: Uint8Array[] = [];
const MAX_SPARE = 3;
/** Sources up to this size are read into a buffer of their own, which the collector frees soon. */
const SMALL = 64 << 10;

/**
 * The bytes of a source from beginning to end, in pieces of `length` bytes; each holds only until the next, or the end, is
 * asked for.
 */
export function* piecesOf(source: ByteSource, length = PIECE): Generator<Uint8Array, void> {
  const { size } = source;
  if (source.readInto === undefined) {
    for (let at = 0; at < size; at += length) yield source.read(at, Math.min(length, size - at));
    return;
  }
  const shared = length === PIECE && size > SMALL;
  const buffer = (shared ? spare.pop() : undefined) ?? new Uint8Array(shared ? PIECE : Math.min(length, size));
  for (let at = 0; at < size; at += length) {
    const piece = buffer.subarray(0, size - at);
    source.readInto(at, piece);
    yield piece;
  }
  if (shared && spare.length < MAX_SPARE) spare.push(buffer);
}

/** A part of a source as a source of its own. The part must lie within the source (InputError). */
export function sliceSource(source: ByteSource, offset: number, size: number): ByteSource {
  if (!isRange(source, offset, size)) throw new InputError(`bytes ${offset} to ${offset + size} are beyond the end`);
  return {
    size,
    read: (at, length) => source.read(offset + at, length),
    ...(source.readInto === undefined
      ? {}
      : { readInto: (at: number, target: Uint8Array) => source.readInto?.(offset + at, target) }),
  };
}

function isRange(source: ByteSource, offset: number, length: number): boolean {
  return offset >= 0 && length >= 0 && offset + length <= source.size;
}

/** A part that the archive itself states, as a source: one beyond the end is a FormatError with structure and field. */
export function sliceRange(
  source: ByteSource,
  offset: number,
  length: number,
  structure: string,
  field: string,
): ByteSource {
  if (isRange(source, offset, length)) return sliceSource(source, offset, length);
  const problem = `needs ${length} bytes, the input ends at ${source.size}`;
  throw new FormatError({ structure, field, offset, problem });
}

/** {@link sliceRange}, read at once. */
export function readRange(
  source: ByteSource,
  offset: number,
  length: number,
  structure: string,
  field: string,
): Uint8Array {
  sliceRange(source, offset, length, structure, field);
  const bytes = source.read(offset, length);
  if (bytes.length !== length) {
    throw new FormatError({
      structure,
      field,
      offset,
      problem: `needs ${length} bytes, ${bytes.length} could be read`,
    });
  }
  return bytes;
}

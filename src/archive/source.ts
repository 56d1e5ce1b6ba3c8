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
}

/** A source over bytes in memory; what it reads are views. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** A part of a source as a source of its own. The part must lie within the source (InputError). */
export function sliceSource(source: ByteSource, offset: number, size: number): ByteSource {
  if (!isRange(source, offset, size)) throw new InputError(`bytes ${offset} to ${offset + size} are beyond the end`);
  return { size, read: (at, length) => source.read(offset + at, length) };
}

function isRange(source: ByteSource, offset: number, length: number): boolean {
  return offset >= 0 && length >= 0 && offset + length <= source.size;
}

/** Reads a range that the archive itself states: a range beyond the end is a FormatError with structure and field. */
export function readRange(
  source: ByteSource,
  offset: number,
  length: number,
  structure: string,
  field: string,
): Uint8Array {
  if (!isRange(source, offset, length)) {
    const problem = `needs ${length} bytes, the input ends at ${source.size}`;
    throw new FormatError({ structure, field, offset, problem });
  }
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

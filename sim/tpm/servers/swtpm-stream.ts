/**
 * Commands of swtpm's control channel whose data may be longer than a message: HASH_DATA and SET_STATEBLOB. swtpm reads them on as
 * long as it takes, also after data that is too much; so do these, without keeping what no TPM takes.
 */
import { concat } from '../../../src/bytes/bytes.ts';

/** Data of a command that still comes. */
export interface DataStream {
  /** Bytes that one {@link take} gets at most: the size of swtpm's reads, after which it may have had enough. */
  readonly room: number;
  /** The next data; the answer once it is over. */
  take(part: Uint8Array): Uint8Array | undefined;
  /** The answer where the client sends no more. */
  end(): Uint8Array;
}

/** Data of HASH_DATA and of SET_STATEBLOB in one read. */
const HASH_ROOM = 4096;
const BLOB_ROOM = 3072;

/** An answer, or the stream it comes from. */
export type Reply = Uint8Array | DataStream;

/** The answer of a stream to the data that came with its command, or the stream itself. */
export const begin = (stream: DataStream, first: Uint8Array): Reply => stream.take(first) ?? stream;

/**
 * HASH_DATA: data handed on as it comes. As swtpm counts, in 32 bits: more than was announced is data too, and no end is reached then before
 * the client's.
 */
export function hashStream(
  length: number,
  each: (part: Uint8Array) => void,
  done: () => Uint8Array,
  cut: () => Uint8Array,
): DataStream {
  let left = length;
  return {
    room: HASH_ROOM,
    take(part) {
      each(part);
      left = (left - part.length) >>> 0;
      return left === 0 ? done() : undefined;
    },
    end: cut,
  };
}

/** SET_STATEBLOB: data collected up to `length` bytes, of which at most `max` are kept; what is not as announced is `wrong`. */
export function blobStream(
  length: number,
  max: number,
  done: (data: Uint8Array) => Uint8Array,
  wrong: () => Uint8Array,
): DataStream {
  const parts: Uint8Array[] = [];
  let left = length;
  return {
    room: BLOB_ROOM,
    take(part) {
      if (part.length > left) return wrong();
      left -= part.length;
      if (length <= max) parts.push(part.slice());
      if (left > 0) return undefined;
      return length <= max ? done(concat(...parts)) : wrong();
    },
    end: wrong,
  };
}

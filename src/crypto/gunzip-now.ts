/**
 * gunzip that neither waits nor keeps what it unpacked, for browsers and for what must be synchronous. By pako, a port of zlib:
 * as strict as Node's and with its messages, so that what is damaged in Node is damaged in a browser, in the same words. (Smaller
 * libraries check neither checksum nor length.)
 */
import {
  Z_BUF_ERROR,
  Z_NO_FLUSH,
  Z_OK,
  Z_STREAM_END,
  ZStream,
  zlibInflate,
  zlibInflateInit2,
  zlibInflateReset,
} from 'pako';

/** Bits of the largest window, and the flag for gzip alone. */
const GZIP_WINDOW_BITS = 15 + 16;
/** Output comes in pieces of at most this size. */
const CHUNK = 64 << 10;

/**
 * Decompresses all members of a gzip stream. As with Node, zeros behind a member are padding, and nobody looks at what follows
 * them. Throws an Error where the data are damaged or longer than `maxOutput`.
 *
 * @param onChunk gets the output; the bytes are its own only until it returns
 */
export function gunzipPieces(
  pieces: Iterable<Uint8Array>,
  maxOutput: number,
  onChunk: (chunk: Uint8Array) => void,
): void {
  const stream = new ZStream();
  zlibInflateInit2(stream, GZIP_WINDOW_BITS);
  stream.output = new Uint8Array(CHUNK);
  let size = 0;
  let ended = false;
  /** Goes on for as long as there is input or output; false where padding begins. */
  const inflate = (): boolean => {
    do {
      if (ended) {
        if (stream.input[stream.next_in] === 0) return false;
        zlibInflateReset(stream);
      }
      stream.next_out = 0;
      stream.avail_out = CHUNK;
      const status = zlibInflate(stream, Z_NO_FLUSH);
      if (status !== Z_OK && status !== Z_STREAM_END && status !== Z_BUF_ERROR) throw new Error(stream.msg);
      ended = status === Z_STREAM_END;
      size += stream.next_out;
      if (size > maxOutput) throw new Error(`decompressed data is too large (limit ${maxOutput} bytes)`);
      if (stream.next_out > 0) onChunk(stream.output.subarray(0, stream.next_out));
    } while (stream.avail_in > 0 || (stream.avail_out === 0 && !ended));
    return true;
  };
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    stream.input = piece;
    stream.next_in = 0;
    stream.avail_in = piece.length;
    if (!inflate()) return;
  }
  if (!ended) throw new Error('unexpected end of file');
}

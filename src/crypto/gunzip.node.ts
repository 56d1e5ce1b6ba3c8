/** {@link Primitives.gunzipEach} on node:zlib, whose threads decompress while the caller works on what they gave. */
import { createGunzip } from 'node:zlib';
import type { Primitives } from './primitives.ts';

/**
 * Output comes in buffers of this size at most. Each costs a change of threads, so that with 512 KiB two cores measure an image
 * 1.4 times as fast as one, with 2.5 MiB 1.6 times; more gains little and takes memory.
 */
const LARGEST_CHUNK = 2560 << 10;
/** Node may take smaller buffers from memory that others use too. */
const SMALLEST_CHUNK = 16 << 10;

/** Error of data that unpack to more than is allowed. */
export const tooLarge = (limit: number): Error => new Error(`decompressed data is too large (limit ${limit} bytes)`);

// A closed port drops what it is sent, and a buffer that was transferred is the sender's no longer.
const { port1: nowhere } = new MessageChannel();
nowhere.close();

/** Frees a buffer now: the collector, which sees only the small object in front of the memory, would leave dozens of them. */
function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer) nowhere.postMessage(undefined, [buffer]);
}

/** See {@link Primitives.gunzipEach}. */
export const gunzipEach: Primitives['gunzipEach'] = (pieces, maxOutput, onChunk, expected = LARGEST_CHUNK) =>
  new Promise((resolve, reject) => {
    // One byte more than expected: the stream then sees its end before it asks for another buffer.
    const chunkSize = Math.max(SMALLEST_CHUNK, Math.min(expected + 1, LARGEST_CHUNK));
    const gunzip = createGunzip({ chunkSize });
    const next = pieces[Symbol.iterator]();
    /** Output that nobody has seen yet. */
    const waiting: Buffer[] = [];
    /** The buffer that the stream still writes to, where it is the stream's own. */
    let current: ArrayBufferLike | undefined;
    let size = 0;

    const fail = (error: unknown): void => {
      waiting.length = 0;
      gunzip.destroy();
      reject(error);
    };
    const attempt = (run: () => void): void => {
      try {
        run();
      } catch (error) {
        fail(error);
      }
    };
    // One piece is read ahead of the decompressor, no more.
    const feed = (): void =>
      attempt(() => {
        const { done, value } = next.next();
        if (done) gunzip.end();
        else gunzip.write(value, (error) => error || feed());
      });
    const pass = (): void => {
      for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
        const { buffer, byteOffset, length } = chunk;
        onChunk(new Uint8Array(buffer, byteOffset, length));
        const own = buffer.byteLength === chunkSize;
        const full = own && byteOffset + length === chunkSize;
        current = own && !full ? buffer : undefined;
        if (full) free(buffer);
      }
    };
    gunzip.on('data', (chunk: Buffer) =>
      attempt(() => {
        size += chunk.length;
        if (size > maxOutput) throw tooLarge(maxOutput);
        // When this handler returns the stream goes on with its next buffer; the work on this one happens meanwhile.
        if (waiting.push(chunk) === 1) setImmediate(() => attempt(pass));
      }),
    );
    gunzip.once('end', () =>
      attempt(() => {
        pass();
        if (current !== undefined) free(current);
        resolve();
      }),
    );
    gunzip.on('error', fail);
    feed();
  });

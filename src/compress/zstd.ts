/**
 * Zstandard frames (RFC 8878) over fzstd. A walk over frames and blocks goes before it: that finds where the data end (a
 * signature may follow) and refuses windows that would take more memory than the limit before anything is allocated. Content
 * checksums (XXH64) are not compared: the payload's own SHA-256 covers the same bytes.
 */
import { Decompress } from 'fzstd';
import { concat } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { type Asking, decodeWhole, Place, type Sink } from './asking.ts';
import { UnsupportedCompression } from './layer.ts';

const STRUCTURE = 'zstd';
const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
/** Largest window taken, as `zstd -d` without `--long` or `--memory`. */
const MAX_WINDOW = 128 << 20;
const BLOCK = { raw: 0, rle: 1, compressed: 2, reserved: 3 } as const;

/** Whether the bytes start like a Zstandard frame. */
export const isZstd = (bytes: Uint8Array): boolean => [0x28, 0xb5, 0x2f, 0xfd].every((byte, i) => bytes[i] === byte);

/** Bytes passed over at once. */
const SKIP = 1 << 16;

/** Little-endian number. */
const number = (bytes: Uint8Array): number => bytes.reduce((sum, byte, i) => sum + byte * 256 ** i, 0);

/** A frame's own decompressor, which may keep what it is given; what it throws is damage. */
function frameDecoder(place: Place, sink: Sink): (bytes: Uint8Array, last?: boolean) => void {
  const stream = new Decompress((chunk) => sink(chunk));
  return (bytes, last = false) => {
    try {
      stream.push(bytes, last);
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw place.error('', `damaged: ${error instanceof Error ? error.message : String(error)}`, place.at, error);
    }
  };
}

/** Decodes a frame behind its magic. Dictionaries, and windows over the limit, are refused. */
function* decodeFrame(place: Place, magic: Uint8Array, sink: Sink): Asking {
  const field = 'frame';
  const at = place.at;
  const [flags = 0] = yield* place.take(1, field);
  const single = (flags & 0x20) !== 0;
  if ((flags & 8) !== 0) throw place.error(field, 'a reserved bit is set', at);
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0;
  const sizeBytes = flags >> 6 === 0 ? (single ? 1 : 0) : 1 << (flags >> 6);
  const rest = (yield* place.take((single ? 0 : 1) + dictionaryBytes + sizeBytes, field)).slice();
  const dictionaryAt = single ? 0 : 1;
  if (number(rest.subarray(dictionaryAt, dictionaryAt + dictionaryBytes)) !== 0) {
    throw new UnsupportedCompression('zstd with a dictionary');
  }
  const content = number(rest.subarray(dictionaryAt + dictionaryBytes)) + (sizeBytes === 2 ? 256 : 0);
  const descriptor = rest[0] ?? 0;
  const base = 2 ** (10 + (descriptor >> 3));
  const window = single ? content : base + (base / 8) * (descriptor & 7);
  if (window > MAX_WINDOW) throw place.error(field, `window of ${window} bytes, the limit is ${MAX_WINDOW}`, at);
  const push = frameDecoder(place, sink);
  push(concat(magic, Uint8Array.of(flags), rest));
  const checksum = (flags & 4) !== 0;
  for (let last = false; !last; ) {
    const header = (yield* place.take(3, 'block')).slice();
    const fields = number(header);
    last = (fields & 1) === 1;
    const type = (fields >> 1) & 3;
    if (type === BLOCK.reserved) throw place.error('block', 'type 3 is reserved');
    const body = yield* place.take(type === BLOCK.rle ? 1 : fields >> 3, 'block');
    push(concat(header, body), last && !checksum);
  }
  if (checksum) push((yield* place.take(4, 'checksum')).slice(), true);
}

/** Decodes all frames at the start. Damage and output over `limit` bytes are a `FormatError`; `name` stands in errors. */
export function* zstdDecoder(name: string, limit: number, sink: Sink): Asking {
  const place = new Place(STRUCTURE, name);
  let total = 0;
  const counted: Sink = (chunk) => {
    total += chunk.length;
    if (total > limit) throw place.error('', `decompresses to more than the limit of ${limit} bytes`, 0);
    sink(chunk);
  };
  for (let first = true; ; first = false) {
    // Fewer bytes, and other ones, are what follows the frames.
    const magic = (yield 4).slice();
    const value = magic.length < 4 ? 0 : number(magic);
    if (first && value !== FRAME) throw place.error('', 'does not start with 28 b5 2f fd', 0);
    place.at += magic.length;
    if (value === FRAME) {
      yield* decodeFrame(place, magic, counted);
    } else if ((value & 0xfffffff0) >>> 0 === SKIPPABLE) {
      for (let left = number(yield* place.take(4, 'skippable')); left > 0; left -= SKIP) {
        yield* place.take(Math.min(left, SKIP), 'skippable');
      }
    } else return;
  }
}

/** Decompresses all frames at the start of bytes at hand, as {@link zstdDecoder}. */
export const unzstd = (bytes: Uint8Array, name: string, limit: number): Uint8Array =>
  decodeWhole(bytes, (sink) => zstdDecoder(name, limit, sink));

/**
 * Zstandard frames (RFC 8878) over fzstd. The walk over frames and blocks comes first: it finds where the data end (a
 * signature may follow) and refuses windows that would take more memory than the limit before anything is allocated. Content
 * checksums (XXH64) are not compared: the payload's own SHA-256 covers the same bytes.
 */
import { Decompress } from 'fzstd';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { UnsupportedCompression } from './layer.ts';
import { Output } from './lzma2.ts';

const STRUCTURE = 'zstd';
const FRAME = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
/** Largest window taken, as `zstd -d` without `--long` or `--memory`. */
const MAX_WINDOW = 128 << 20;
const BLOCK = { raw: 0, rle: 1, compressed: 2, reserved: 3 } as const;

/** Whether the bytes start like a Zstandard frame. */
export const isZstd = (bytes: Uint8Array): boolean => [0x28, 0xb5, 0x2f, 0xfd].every((byte, i) => bytes[i] === byte);

/** Little-endian number of `size` bytes. */
function number(reader: ByteReader, field: string, size: number): number {
  return reader.bytes(field, size).reduce((sum, byte, i) => sum + byte * 256 ** i, 0);
}

/** Passes over a frame behind its magic. Dictionaries, and windows over the limit, are refused. */
function skipFrame(reader: ByteReader, name: string): void {
  const field = `${name}.frame`;
  const flags = reader.u8(field);
  const single = (flags & 0x20) !== 0;
  if ((flags & 8) !== 0) throw reader.error(field, 'a reserved bit is set');
  const descriptor = single ? undefined : reader.u8(field);
  const dictionary = number(reader, field, [0, 1, 2, 4][flags & 3] ?? 0);
  const sizeBytes = flags >> 6 === 0 ? (single ? 1 : 0) : 1 << (flags >> 6);
  const content = number(reader, field, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  if (dictionary !== 0) throw new UnsupportedCompression('zstd with a dictionary');
  const base = 2 ** (10 + ((descriptor ?? 0) >> 3));
  const window = descriptor === undefined ? content : base + (base / 8) * (descriptor & 7);
  if (window > MAX_WINDOW) throw reader.error(field, `window of ${window} bytes, the limit is ${MAX_WINDOW}`);
  for (let last = false; !last; ) {
    const header = number(reader, `${name}.block`, 3);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    if (type === BLOCK.reserved) throw reader.error(`${name}.block`, 'type 3 is reserved');
    reader.skip(`${name}.block`, type === BLOCK.rle ? 1 : header >> 3);
  }
  if ((flags & 4) !== 0) reader.skip(`${name}.checksum`, 4);
}

/** Offset behind the last frame. */
function framesEnd(bytes: Uint8Array, name: string): number {
  const reader = new ByteReader(bytes, STRUCTURE, 'little');
  while (reader.remaining >= 4) {
    const start = reader.offset;
    const magic = reader.u32(`${name}.magic`);
    if (magic === FRAME) skipFrame(reader, name);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE)
      reader.skip(`${name}.skippable`, reader.u32(`${name}.skippable`));
    else return start;
  }
  return reader.offset;
}

/** Decompresses all frames at the start. Damage and output over `limit` bytes are a `FormatError`; `name` stands in errors. */
export function unzstd(bytes: Uint8Array, name: string, limit: number): Uint8Array {
  const fail = (problem: string, cause?: unknown): FormatError =>
    new FormatError({ structure: STRUCTURE, field: name, problem }, { cause });
  if (!isZstd(bytes)) throw fail('does not start with 28 b5 2f fd');
  const frames = bytes.subarray(0, framesEnd(bytes, name));
  const out = new Output(limit, () => fail(`decompresses to more than the limit of ${limit} bytes`));
  try {
    new Decompress((chunk) => {
      out.reserve(chunk.length);
      out.bytes.set(chunk, out.length);
      out.length += chunk.length;
    }).push(frames, true);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw fail(`damaged: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  return out.bytes.subarray(0, out.length);
}

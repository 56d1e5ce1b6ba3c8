/**
 * .xz streams (the .xz file format 1.1.0). One stream is decoded; what follows it is left, since a module of the boot bank may
 * carry a signature behind its stream. Filters other than LZMA2 are recognised and refused by name.
 */
import { primitives } from '#primitives';
import { equalBytes } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { hash } from '../crypto/hash.ts';
import { crc64 } from './crc64.ts';
import { UnsupportedCompression } from './layer.ts';
import { decodeLzma2, Output } from './lzma2.ts';

const STRUCTURE = 'xz';
const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const HEADER_SIZE = 12;
const LZMA2 = 0x21;
const MAX_BLOCKS = 1_000_000;
/** Filters by their ids, for messages. */
const FILTER_NAMES: Readonly<Record<number, string>> = { 3: 'delta', 4: 'x86', 9: 'sparc', 10: 'arm64' };

/** Bytes of a checksum by its type, and how it is computed; types without a function are not compared. */
const CHECKS: Readonly<Record<number, (data: Uint8Array) => Uint8Array>> = {
  1: (data) => {
    const word = new DataView(new ArrayBuffer(4));
    word.setUint32(0, primitives.crc32(data), true);
    return new Uint8Array(word.buffer);
  },
  4: crc64,
  10: (data) => hash('sha256', data),
};
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

/** Whether the bytes start like an .xz stream. */
export const isXz = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

/** A number in 7-bit groups, least significant first. */
function varint(reader: ByteReader, field: string): number {
  let value = 0;
  for (let i = 0; i < 7; i++) {
    const byte = reader.u8(field);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw reader.error(field, 'number of more than 49 bits');
}

/** Compares the CRC-32 at the end of a structure. */
function checkCrc(bytes: Uint8Array, reader: ByteReader, start: number, end: number, field: string): void {
  if (reader.u32(field) !== primitives.crc32(bytes.subarray(start, end)))
    throw reader.error(field, 'CRC-32 does not match', start);
}

/** The dictionary size of a block: 2 or 3 times a power of two, from 4 KiB on. */
function dictionarySize(bits: number): number {
  return bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
}

/** Reads a block header at `at`; gives the dictionary's size and the sizes it states. */
function readBlockHeader(bytes: Uint8Array, at: number, name: string) {
  const size = ((bytes[at] ?? 0) + 1) * 4;
  const reader = new ByteReader(bytes.subarray(at), STRUCTURE, 'little', at).sub(`${name}.block`, size);
  reader.skip(`${name}.block.size`, 1);
  const flags = reader.u8(`${name}.block.flags`);
  if ((flags & 0x3c) !== 0) throw reader.error(`${name}.block.flags`, 'reserved bits are set');
  const packed = (flags & 0x40) === 0 ? undefined : varint(reader, `${name}.block.compressedSize`);
  const unpacked = (flags & 0x80) === 0 ? undefined : varint(reader, `${name}.block.uncompressedSize`);
  const filters = Array.from({ length: (flags & 3) + 1 }, () => {
    const id = varint(reader, `${name}.block.filter`);
    const properties = reader.bytes(`${name}.block.properties`, varint(reader, `${name}.block.propertiesSize`));
    return { id, properties };
  });
  reader.skip(`${name}.block.padding`, Math.max(reader.remaining - 4, 0));
  checkCrc(bytes, reader, at, at + size - 4, `${name}.block.crc`);
  const other = filters.find(({ id }) => id !== LZMA2);
  if (other !== undefined) throw new UnsupportedCompression(`xz filter ${FILTER_NAMES[other.id] ?? other.id}`);
  const bits = filters.length === 1 ? filters[0]?.properties[0] : undefined;
  if (bits === undefined || bits > 40) throw reader.error(`${name}.block.filter`, 'bad LZMA2 properties', at);
  return { end: at + size, packed, unpacked, window: dictionarySize(bits) };
}

/** Decompresses the first stream. Damage and output over `limit` bytes are a `FormatError`; `name` stands in errors. */
export function unxz(bytes: Uint8Array, name: string, limit: number): Uint8Array {
  const fail = (field: string, offset: number, problem: string): FormatError =>
    new FormatError({ structure: STRUCTURE, field: `${name}.${field}`, offset, problem });
  if (!isXz(bytes)) throw fail('magic', 0, 'does not start with fd 37 7a 58 5a 00');
  const header = new ByteReader(bytes, STRUCTURE, 'little');
  header.skip(`${name}.magic`, MAGIC.length);
  const flags = header.u16(`${name}.flags`);
  checkCrc(bytes, header, MAGIC.length, MAGIC.length + 2, `${name}.crc`);
  const checkType = flags >> 8;
  const checkSize = CHECK_SIZES[checkType];
  if ((flags & 0xff) !== 0 || checkSize === undefined) throw fail('flags', 6, 'flags are not known');
  const out = new Output(limit, () => fail('', 0, `decompresses to more than the limit of ${limit} bytes`));
  const sizes: { readonly unpadded: number; readonly size: number }[] = [];
  let at = HEADER_SIZE;
  while (bytes[at] !== 0) {
    if (at >= bytes.length) throw fail('index', at, 'cut off before the index');
    if (sizes.length >= MAX_BLOCKS) throw fail('block', at, `more than ${MAX_BLOCKS} blocks`);
    const block = readBlockHeader(bytes, at, name);
    const before = out.length;
    const end = decodeLzma2(bytes, block.end, out, block.window, name);
    const data = out.bytes.subarray(before, out.length);
    if (block.packed !== undefined && block.packed !== end - block.end)
      throw fail('block', at, 'compressed size differs');
    if (block.unpacked !== undefined && block.unpacked !== data.length) throw fail('block', at, 'size differs');
    const check = Math.ceil(end / 4) * 4;
    if (check + checkSize > bytes.length) throw fail('check', check, `needs ${checkSize} bytes`);
    const expected = CHECKS[checkType]?.(data);
    if (expected !== undefined && !equalBytes(expected, bytes.subarray(check, check + checkSize))) {
      throw fail('check', check, 'checksum of the content does not match');
    }
    sizes.push({ unpadded: end - at + checkSize, size: data.length });
    at = check + checkSize;
  }
  readIndex(bytes, at, flags, sizes, name);
  return out.bytes.subarray(0, out.length);
}

/** Compares index and footer with the blocks that were read. */
function readIndex(
  bytes: Uint8Array,
  at: number,
  flags: number,
  sizes: readonly { readonly unpadded: number; readonly size: number }[],
  name: string,
): void {
  const reader = new ByteReader(bytes.subarray(at), STRUCTURE, 'little', at);
  reader.skip(`${name}.index`, 1);
  const differs = varint(reader, `${name}.index.records`) !== sizes.length;
  const wrong = sizes.some(({ unpadded, size }) => {
    const same = varint(reader, `${name}.index.unpadded`) === unpadded;
    return varint(reader, `${name}.index.size`) !== size || !same;
  });
  if (differs || wrong) throw reader.error(`${name}.index`, 'does not describe the blocks', at);
  reader.skip(`${name}.index.padding`, (4 - ((reader.offset - at) % 4)) % 4);
  const indexSize = reader.offset - at;
  checkCrc(bytes, reader, at, at + indexSize, `${name}.index.crc`);
  const footer = reader.offset;
  const crc = reader.u32(`${name}.footer.crc`);
  const backward = (reader.u32(`${name}.footer.backwardSize`) + 1) * 4;
  const same = reader.u16(`${name}.footer.flags`) === flags && backward === indexSize + 4;
  if (
    !same ||
    reader.u16(`${name}.footer.magic`) !== 0x5a59 ||
    crc !== primitives.crc32(bytes.subarray(footer + 4, footer + 10))
  ) {
    throw reader.error(`${name}.footer`, 'does not fit the stream', footer);
  }
}

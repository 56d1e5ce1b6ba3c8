/**
 * .xz streams (the .xz file format 1.1.0). One stream is decoded; what follows it is left, since a module of the boot bank may
 * carry a signature behind its stream. Before LZMA2 may stand the filters x86 and delta; others are refused by name.
 */
import { primitives } from '#primitives';
import { concat, equalBytes } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import { createHash } from '../crypto/hash.ts';
import { type Asking, decodeWhole, Place, type Sink } from './asking.ts';
import { Crc64 } from './crc64.ts';
import { UnsupportedCompression } from './layer.ts';
import { decodeLzma2 } from './lzma2.ts';
import { type Filter, XZ_FILTERS } from './xz-filters.ts';

const STRUCTURE = 'xz';
const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const HEADER_SIZE = 12;
const LZMA2 = 0x21;
const MAX_BLOCKS = 1_000_000;
/** Filters by their ids, for messages. */
const FILTER_NAMES: Readonly<Record<number, string>> = {
  5: 'powerpc',
  6: 'ia64',
  7: 'arm',
  8: 'armthumb',
  9: 'sparc',
  10: 'arm64',
  11: 'riscv',
};

/** A checksum over content that comes in pieces. */
interface Check {
  update(data: Uint8Array): void;
  digest(): Uint8Array;
}

class Crc32 implements Check {
  #sum = 0;

  update(data: Uint8Array): void {
    this.#sum = primitives.crc32(data, this.#sum);
  }

  digest(): Uint8Array {
    const word = new DataView(new ArrayBuffer(4));
    word.setUint32(0, this.#sum, true);
    return new Uint8Array(word.buffer);
  }
}

/** How a checksum is computed, by its type; those of other types are not compared. */
const CHECKS: Readonly<Record<number, () => Check>> = {
  1: () => new Crc32(),
  4: () => new Crc64(),
  10: () => createHash('sha256'),
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

/** Reads a block header that stands at `at`; gives the dictionary's size and the sizes it states. */
function readBlockHeader(header: Uint8Array, at: number, name: string) {
  const reader = new ByteReader(header, STRUCTURE, 'little', at);
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
  checkCrc(header, reader, 0, header.length - 4, `${name}.block.crc`);
  const other = filters.find(({ id }) => id !== LZMA2 && !XZ_FILTERS.has(id));
  if (other !== undefined) throw new UnsupportedCompression(`xz filter ${FILTER_NAMES[other.id] ?? other.id}`);
  const last = filters.pop();
  const bits = last?.id === LZMA2 && last.properties.length === 1 ? last.properties[0] : undefined;
  if (bits === undefined || bits > 40) throw reader.error(`${name}.block.filter`, 'bad LZMA2 properties', at);
  /** What LZMA2 has to pass on to, so that the content gets to `sink`: the filters, the last one first. */
  const through = (sink: Sink): Filter[] => {
    const chain: Filter[] = [];
    for (const { id, properties } of filters) {
      const [next] = chain;
      const filter = XZ_FILTERS.get(id)?.(properties, next === undefined ? sink : (chunk) => next.push(chunk));
      if (filter === undefined) throw reader.error(`${name}.block.filter`, `bad properties of filter ${id}`, at);
      chain.unshift(filter);
    }
    return chain;
  };
  return { packed, unpacked, window: dictionarySize(bits), through };
}

/** Sizes of a block as the index tells them. */
interface BlockSizes {
  readonly unpadded: number;
  readonly size: number;
}

/** Decodes the first stream. Damage and output over `limit` bytes are a `FormatError`; `name` stands in errors. */
export function* xzDecoder(name: string, limit: number, sink: Sink): Asking {
  const place = new Place(STRUCTURE, name);
  const start = (yield* place.take(HEADER_SIZE, 'header')).slice();
  if (!isXz(start)) throw place.error('magic', 'does not start with fd 37 7a 58 5a 00', 0);
  const header = new ByteReader(start, STRUCTURE, 'little');
  header.skip(`${name}.magic`, MAGIC.length);
  const flags = header.u16(`${name}.flags`);
  checkCrc(start, header, MAGIC.length, MAGIC.length + 2, `${name}.crc`);
  const checkSize = CHECK_SIZES[flags >> 8];
  if ((flags & 0xff) !== 0 || checkSize === undefined) throw place.error('flags', 'flags are not known', 6);
  let total = 0;
  const counted: Sink = (chunk) => {
    total += chunk.length;
    if (total > limit) throw place.error('', `decompresses to more than the limit of ${limit} bytes`, 0);
    sink(chunk);
  };
  const sizes: BlockSizes[] = [];
  for (;;) {
    const first = (yield* place.take(1, 'block')).slice();
    if (first[0] === 0) break;
    if (sizes.length === MAX_BLOCKS) throw place.error('block', `more than ${MAX_BLOCKS} blocks`);
    sizes.push(yield* decodeBlock(place, first, flags >> 8, counted));
  }
  yield* readIndex(place, flags, sizes);
}

/** One block; `first` is the first byte of its header. */
function* decodeBlock(place: Place, first: Uint8Array, checkType: number, sink: Sink): Asking<BlockSizes> {
  const start = place.at - 1;
  const rest = yield* place.take((first[0] ?? 0) * 4 + 3, 'block');
  const block = readBlockHeader(concat(first, rest), start, place.name);
  const check = CHECKS[checkType]?.();
  let size = 0;
  const data = place.at;
  const content: Sink = (chunk) => {
    size += chunk.length;
    check?.update(chunk);
    sink(chunk);
  };
  const filters = block.through(content);
  const [last] = filters;
  yield* decodeLzma2(place, block.window, last === undefined ? content : (chunk) => last.push(chunk));
  for (const filter of filters) filter.end();
  const packed = place.at - data;
  if (block.packed !== undefined && block.packed !== packed) {
    throw place.error('block', 'compressed size differs', start);
  }
  if (block.unpacked !== undefined && block.unpacked !== size) throw place.error('block', 'size differs', start);
  yield* place.take((4 - (packed % 4)) % 4, 'block.padding');
  const at = place.at;
  const checkSize = CHECK_SIZES[checkType] ?? 0;
  const expected = yield* place.take(checkSize, 'check');
  if (check !== undefined && !equalBytes(check.digest(), expected)) {
    throw place.error('check', 'checksum of the content does not match', at);
  }
  return { unpadded: data + packed - start + checkSize, size };
}

/** Decompresses the first stream of bytes at hand, as {@link xzDecoder}. */
export const unxz = (bytes: Uint8Array, name: string, limit: number): Uint8Array =>
  decodeWhole(bytes, (sink) => xzDecoder(name, limit, sink));

/** Compares index, of which the first byte was read, and footer with the blocks. */
function* readIndex(place: Place, flags: number, sizes: readonly BlockSizes[]): Asking {
  const at = place.at - 1;
  const seen = [0];
  function* number(field: string): Asking<number> {
    let value = 0;
    for (let i = 0; i < 7; i++) {
      const [byte = 0] = yield* place.take(1, field);
      seen.push(byte);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw place.error(field, 'number of more than 49 bits');
  }
  let same = (yield* number('index.records')) === sizes.length;
  for (const { unpadded, size } of same ? sizes : []) {
    if ((yield* number('index.unpadded')) !== unpadded) same = false;
    if ((yield* number('index.size')) !== size) same = false;
  }
  if (!same) throw place.error('index', 'does not describe the blocks', at);
  const padding = (4 - (seen.length % 4)) % 4;
  seen.push(...(yield* place.take(padding, 'index.padding')));
  const crc = primitives.crc32(Uint8Array.from(seen));
  const end = (yield* place.take(4, 'index.crc')).slice();
  const reader = new ByteReader(concat(end, yield* place.take(12, 'footer')), STRUCTURE, 'little', at + seen.length);
  const { name } = place;
  if (reader.u32(`${name}.index.crc`) !== crc) throw place.error('index.crc', 'CRC-32 does not match', at);
  const footer = reader.offset;
  const footerCrc = reader.u32(`${name}.footer.crc`);
  const fields = reader.bytes(`${name}.footer.fields`, 6);
  const view = new DataView(fields.buffer, fields.byteOffset, fields.byteLength);
  const fits =
    footerCrc === primitives.crc32(fields) &&
    (view.getUint32(0, true) + 1) * 4 === seen.length + 4 &&
    view.getUint16(4, true) === flags &&
    reader.u16(`${name}.footer.magic`) === 0x5a59;
  if (!fits) throw place.error('footer', 'does not fit the stream', footer);
}

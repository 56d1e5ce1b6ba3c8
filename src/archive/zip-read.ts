/**
 * Reading ZIP archives over random access: the directory once, each file when it is asked for. Everything the archive says
 * about itself is checked first: ranges, overlaps, repeated names, paths that lead outside, links, sizes.
 */
import { primitives } from '#primitives';
import { fromLatin1, tryFromUtf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { unsafePath } from '../vib/payload.ts';
import { type ByteSource, bytesSource, joinedSource, piecesOf, readRange, sliceRange, sliceSource } from './source.ts';
import type { Spool } from './spool.ts';
import { SEE_64, ZIP, ZIP_FLAG, ZIP_METHOD, ZIP_SIZE, ZIP64_EXTRA } from './zip-format.ts';

/** What an archive may ask of its reader. */
export interface ZipLimits {
  /** Most files and folders. Default 65 536. */
  readonly maxEntries?: number;
  /** Most bytes of one decompressed file. Default 4 GiB − 1. */
  readonly maxBytes?: number;
  /** Most bytes of all files together. Default 16 GiB. */
  readonly maxTotal?: number;
  /** Most bytes out per byte in, for files over 1 MiB. Default 1000. */
  readonly maxRatio?: number;
}

/** What holds where nothing else is said. */
export const ZIP_LIMITS: Required<ZipLimits> = {
  maxEntries: 65_536,
  maxBytes: 0xffff_ffff,
  maxTotal: 2 ** 34,
  maxRatio: 1000,
};

/** A file of the archive as the directory describes it. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Offset of the local header. */
  readonly offset: number;
  /** Where the next record begins: the data must end before it. */
  readonly limit: number;
}

const STRUCTURE = 'zip';
const MAX_DIRECTORY = 256 << 20;
const MAX_COMMENT = 0xffff;
/** Most bytes that may stand behind the end record and its comment, whatever they are. */
const MAX_PADDING = 64 << 10;
const HARMLESS = 1 << 20;
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
/** "Made by" system whose external attributes carry a Unix mode. */
const MADE_BY_UNIX = 3;

const fail = (field: string, problem: string, offset?: number): FormatError =>
  new FormatError({ structure: STRUCTURE, field, offset, problem });

/** Whether the bytes start like a ZIP archive with at least one file. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** A place where an end record may be. */
interface EndCandidate {
  readonly at: number;
  readonly record: Uint8Array;
  /** Bytes behind the record and its comment. */
  readonly padding: number;
}

/** Everything with the signature of an end record near the end of the input, the last first. */
function* endCandidates(source: ByteSource): Generator<EndCandidate, void> {
  const length = Math.min(source.size, ZIP_SIZE.end + MAX_COMMENT + MAX_PADDING);
  const start = source.size - length;
  const tail = readRange(source, start, length, STRUCTURE, 'end');
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length);
  for (let at = length - ZIP_SIZE.end; at >= 0; at--) {
    if (view.getUint32(at, true) !== ZIP.end) continue;
    const padding = length - at - ZIP_SIZE.end - view.getUint16(at + 20, true);
    if (padding < 0 || padding > MAX_PADDING) continue;
    yield { at: start + at, record: tail.subarray(at, at + ZIP_SIZE.end), padding };
  }
}

/** Where the 64-bit end record is, by its locator; undefined where no locator precedes the ordinary one. */
function end64Offset(source: ByteSource, end: number): number | undefined {
  const at = end - ZIP_SIZE.locator64;
  if (at < 0) return undefined;
  const bytes = readRange(source, at, ZIP_SIZE.locator64, STRUCTURE, 'locator64');
  const locator = new ByteReader(bytes, STRUCTURE, 'little', at);
  if (locator.u32('locator64.signature') !== ZIP.locator64) return undefined;
  locator.skip('locator64.disk', 4);
  return locator.u64number('locator64.offset', at);
}

/** Whether the records of a directory begin where it says and reach exactly to the end record: no chance hit does that. */
function fitsExactly(source: ByteSource, { at }: EndCandidate, { offset, size, count }: Directory): boolean {
  const end = offset + size;
  if (end !== at && end !== end64Offset(source, at)) return false;
  if (count === 0) return size === 0;
  if (size < ZIP_SIZE.central) return false;
  const bytes = readRange(source, offset, 4, STRUCTURE, 'directory');
  return new ByteReader(bytes, STRUCTURE, 'little', offset).u32('directory') === ZIP.central;
}

/** The directory of a candidate that fits exactly. */
function exactDirectory(source: ByteSource, candidate: EndCandidate): Directory | undefined {
  try {
    const directory = readEnd(source, candidate);
    return fitsExactly(source, candidate, directory) ? directory : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * The directory. An end record may have a comment, and padding behind that (tapes and pipes fill up blocks); bytes that look like
 * a record may be in either, or in the data. So a record is wanted whose directory fits, at best one that nothing follows, of
 * several the last. Without any, the last that reaches to the end of the input tells what is wrong.
 */
function findDirectory(source: ByteSource): Directory {
  let padded: Directory | undefined;
  let last: EndCandidate | undefined;
  for (const candidate of endCandidates(source)) {
    const directory = exactDirectory(source, candidate);
    if (candidate.padding > 0) {
      padded ??= directory;
      continue;
    }
    if (directory !== undefined) return directory;
    last ??= candidate;
  }
  if (padded !== undefined) return padded;
  if (last !== undefined) return readEnd(source, last);
  throw fail('end', 'no end of central directory record: cut off, or no ZIP archive');
}

function readEnd(source: ByteSource, { at, record }: EndCandidate): Directory {
  const reader = new ByteReader(record, STRUCTURE, 'little', at);
  reader.skip('end.signature', 4);
  const disk = reader.u16('end.disk');
  const startDisk = reader.u16('end.startDisk');
  reader.skip('end.entriesOnDisk', 2);
  const count = reader.u16('end.entries');
  const size = reader.u32('end.size');
  const offset = reader.u32('end.offset');
  const wants64 = count === SEE_64.u16 || size === SEE_64.u32 || offset === SEE_64.u32;
  const directory = (wants64 ? readEnd64(source, at) : undefined) ?? { offset, size, count };
  if ((disk !== 0 && disk !== SEE_64.u16) || (startDisk !== 0 && startDisk !== SEE_64.u16)) {
    throw fail('end.disk', 'an archive in several parts is not supported', at);
  }
  if (directory.offset + directory.size > at) {
    const problem = `central directory of ${directory.size} bytes at ${directory.offset} reaches over the end record`;
    throw fail('end.offset', problem, at);
  }
  return directory;
}

/** The 64-bit end record; undefined where no locator precedes the ordinary one (then its values stand as they are). */
function readEnd64(source: ByteSource, end: number): Directory | undefined {
  const offset = end64Offset(source, end);
  if (offset === undefined) return undefined;
  const bytes = readRange(source, offset, ZIP_SIZE.end64, STRUCTURE, 'end64');
  const reader = new ByteReader(bytes, STRUCTURE, 'little', offset);
  if (reader.u32('end64.signature') !== ZIP.end64)
    throw fail('end64.signature', 'expected the bytes 50 4b 06 06', offset);
  reader.skip('end64.size', 8 + 2 + 2 + 4 + 4 + 8);
  const max = Number.MAX_SAFE_INTEGER;
  const count = reader.u64number('end64.entries', max);
  const size = reader.u64number('end64.directorySize', source.size);
  return { count, size, offset: reader.u64number('end64.directoryOffset', source.size) };
}

/** Replaces sizes and offset that say "see the 64-bit field". */
function resolve64(
  extra: ByteReader,
  values: { size: number; compressedSize: number; offset: number },
  where: string,
): void {
  while (extra.remaining >= 4) {
    const id = extra.u16(`${where}.extra.id`);
    const length = extra.u16(`${where}.extra.length`);
    const field = extra.sub(`${where}.extra.data`, length);
    if (id !== ZIP64_EXTRA) continue;
    for (const name of ['size', 'compressedSize', 'offset'] as const) {
      if (values[name] === SEE_64.u32) values[name] = field.u64number(`${where}.${name}`, Number.MAX_SAFE_INTEGER);
    }
    return;
  }
}

/** Text of a name; `./` before it, as some tools write it, means nothing. */
const entryName = (bytes: Uint8Array): string => (tryFromUtf8(bytes) ?? fromLatin1(bytes)).replace(/^(\.\/)+(?=.)/, '');

type Listed = Omit<ZipEntry, 'limit'>;

function readListed(reader: ByteReader, where: string): Listed {
  const at = reader.offset;
  if (reader.u32(`${where}.signature`) !== ZIP.central) throw fail(`${where}.signature`, 'expected 50 4b 01 02', at);
  const madeBy = reader.u16(`${where}.madeBy`) >> 8;
  reader.skip(`${where}.needed`, 2);
  const flags = reader.u16(`${where}.flags`);
  const method = reader.u16(`${where}.method`);
  reader.skip(`${where}.time`, 4);
  const crc = reader.u32(`${where}.crc32`);
  const compressedSize = reader.u32(`${where}.compressedSize`);
  const values = { compressedSize, size: reader.u32(`${where}.size`), offset: 0 };
  const nameLength = reader.u16(`${where}.nameLength`);
  const extraLength = reader.u16(`${where}.extraLength`);
  const commentLength = reader.u16(`${where}.commentLength`);
  reader.skip(`${where}.disk`, 2 + 2);
  const mode = reader.u32(`${where}.attributes`) >>> 16;
  values.offset = reader.u32(`${where}.offset`);
  const nameBytes = reader.bytes(`${where}.name`, nameLength);
  const name = entryName(nameBytes);
  resolve64(reader.sub(`${where}.extra`, extraLength), values, where);
  reader.skip(`${where}.comment`, commentLength);
  const unsafe = unsafePath(name);
  if (unsafe !== undefined) throw fail(`${where}.name`, `${JSON.stringify(name.slice(0, 80))} ${unsafe}`, at);
  if (madeBy === MADE_BY_UNIX && (mode & S_IFMT) === S_IFLNK) {
    throw fail(`${where}.attributes`, `${name} is a symbolic link`, at);
  }
  return { name, method, flags, crc32: crc, ...values };
}

/** Whether a file is unpacked into a spool. */
const isLarge = ({ method, size }: ZipEntry): boolean => method === ZIP_METHOD.deflated && size > HARMLESS;
/** Files that are unpacked at the same time. */
const SIDE_BY_SIDE = 3;

/** A ZIP archive, opened. */
export class ZipArchive {
  readonly #source: ByteSource;
  readonly #limits: Required<ZipLimits>;
  readonly #unpacked = new Map<string, ByteSource | FormatError>();
  /** Files by name in the directory's order; folders are left out. */
  readonly entries: ReadonlyMap<string, ZipEntry>;

  constructor(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>, limits: Required<ZipLimits>) {
    this.#source = source;
    this.#limits = limits;
    this.entries = entries;
  }

  /** Whether the archive has a file of this name. */
  has(name: string): boolean {
    return this.entries.has(name);
  }

  #entry(name: string): ZipEntry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw fail(name, 'no such file in the archive');
    return entry;
  }

  /** Offset of a file's data, from its local header, which must agree with the directory. */
  #dataOffset(entry: ZipEntry): number {
    const { name, offset } = entry;
    const head = readRange(this.#source, offset, ZIP_SIZE.local, STRUCTURE, name);
    const reader = new ByteReader(head, STRUCTURE, 'little', offset);
    if (reader.u32(name) !== ZIP.local) throw fail(name, 'no local header where the directory says', offset);
    reader.skip(name, 22);
    const nameLength = reader.u16(name);
    const extraLength = reader.u16(name);
    const nameBytes = readRange(this.#source, offset + ZIP_SIZE.local, nameLength, STRUCTURE, name);
    if (entryName(nameBytes) !== name) {
      throw fail(name, 'the local header has another name than the directory', offset);
    }
    const data = offset + ZIP_SIZE.local + nameLength + extraLength;
    if (data + entry.compressedSize > entry.limit) throw fail(name, 'data overlap the next record', offset);
    return data;
  }

  /** A file's entry and its bytes as stored, after the checks that need no decompression. */
  #checked(name: string): { entry: ZipEntry; data: ByteSource } {
    const entry = this.#entry(name);
    const { size, compressedSize, method } = entry;
    const { maxBytes, maxRatio } = this.#limits;
    if ((entry.flags & ZIP_FLAG.encrypted) !== 0) throw fail(name, 'is encrypted');
    if (size > maxBytes) throw fail(name, `decompresses to ${size} bytes, the limit is ${maxBytes}`);
    if (size > HARMLESS && size > compressedSize * maxRatio) {
      throw fail(name, `decompresses to ${size} bytes, more than ${maxRatio} times its ${compressedSize} bytes`);
    }
    if (method !== ZIP_METHOD.deflated && method !== ZIP_METHOD.stored) {
      throw fail(name, `compression method ${method}; 0 and 8 are supported`);
    }
    if (method === ZIP_METHOD.stored && size !== compressedSize) {
      throw fail(name, `stored, but ${compressedSize} bytes become ${size}`);
    }
    return { entry, data: sliceRange(this.#source, this.#dataOffset(entry), compressedSize, STRUCTURE, name) };
  }

  /** The bytes of a file. Damage, limits, encryption and unknown compression are a FormatError that names the file. */
  read(name: string): Uint8Array {
    const { entry, data } = this.#checked(name);
    if (entry.method === ZIP_METHOD.deflated) return inflate(entry, data);
    const bytes = data.read(0, data.size);
    if (primitives.crc32(bytes) !== entry.crc32) throw fail(name, 'CRC-32 does not match: damaged');
    return bytes;
  }

  /**
   * Unpacks compressed files into `spool`, several side by side, for {@link unpacked} to give them. Small ones and stored ones are
   * passed over. A file that is damaged keeps none of the others: what is wrong with it, {@link unpacked} throws. What has another
   * cause, as a spool that is full, is an error here.
   */
  async unpack(names: readonly string[], spool: Spool): Promise<void> {
    const waiting = names.values();
    const failures: unknown[] = [];
    const work = async (): Promise<void> => {
      // Shared by all workers: each takes the next file.
      for (const name of waiting) {
        if (failures.length > 0) return;
        if (this.#unpacked.has(name)) continue;
        try {
          await this.#unpackOne(name, spool);
        } catch (error) {
          if (error instanceof FormatError) this.#unpacked.set(name, error);
          else failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    if (failures.length > 0) throw failures[0];
  }

  async #unpackOne(name: string, spool: Spool): Promise<void> {
    const { entry, data } = this.#checked(name);
    if (!isLarge(entry)) return;
    const { put, source } = spool.allocate(entry.size);
    await inflateInto(entry, data, put);
    this.#unpacked.set(name, source);
  }

  /** A file that {@link unpack} put into its spool. One that could not be unpacked is an error as those of {@link read}. */
  unpacked(name: string): ByteSource | undefined {
    const found = this.#unpacked.get(name);
    if (found instanceof FormatError) throw found;
    return found;
  }

  /** A stored file as a source of its own, its CRC not checked; undefined where it is compressed. */
  stored(name: string): ByteSource | undefined {
    const entry = this.#entry(name);
    const plain = entry.method === ZIP_METHOD.stored && (entry.flags & ZIP_FLAG.encrypted) === 0;
    if (!plain || entry.size !== entry.compressedSize) return undefined;
    return sliceSource(this.#source, this.#dataOffset(entry), entry.size);
  }
}

/**
 * What stands before and behind deflated data to make them a gzip member (RFC 1952, 2.3). The decompressor then checks the CRC
 * and the size (modulo 2^32) of the entry.
 */
function gzipFrame({ size, crc32: crc }: ZipEntry): readonly [Uint8Array, Uint8Array] {
  const head = new ByteWriter('little', 10).u32(0x00088b1f).u32(0).u16(0xff00).finish();
  return [
    head,
    new ByteWriter('little', 8)
      .u32(crc)
      .u32(size % 2 ** 32)
      .finish(),
  ];
}

function inflateError({ name, size }: ZipEntry, error: unknown): unknown {
  if (error instanceof InputError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const tooLong = message.includes('too large');
  return fail(name, tooLong ? `decompresses to more than its ${size} bytes` : `damaged: ${message}`);
}

const wrongSize = (name: string): FormatError => fail(name, 'size or CRC-32 does not match: damaged');

function inflate(entry: ZipEntry, data: ByteSource): Uint8Array {
  const [head, tail] = gzipFrame(entry);
  const member = joinedSource([bytesSource(head), data, bytesSource(tail)]);
  let out: Uint8Array;
  try {
    out = primitives.gunzip(member.read(0, member.size), entry.size);
  } catch (error) {
    throw inflateError(entry, error);
  }
  if (out.length === entry.size && primitives.crc32(out) === entry.crc32) return out;
  throw wrongSize(entry.name);
}

function* framed(entry: ZipEntry, data: ByteSource): Generator<Uint8Array, void> {
  const [head, tail] = gzipFrame(entry);
  yield head;
  yield* piecesOf(data);
  yield tail;
}

/** {@link inflate} piece by piece into `put`. */
async function inflateInto(entry: ZipEntry, data: ByteSource, put: (chunk: Uint8Array) => void): Promise<void> {
  let size = 0;
  let sum = 0;
  const take = (chunk: Uint8Array): void => {
    size += chunk.length;
    sum = primitives.crc32(chunk, sum);
    put(chunk);
  };
  try {
    await primitives.gunzipEach(framed(entry, data), entry.size, take, entry.size);
  } catch (error) {
    throw inflateError(entry, error);
  }
  if (size !== entry.size || sum !== entry.crc32) throw wrongSize(entry.name);
}

/** Every record of a file begins where the one before has ended. */
function withLimits(listed: readonly Listed[], directory: number): ZipEntry[] {
  const order = listed.toSorted((a, b) => a.offset - b.offset);
  const limits = new Map<Listed, number>();
  order.forEach((entry, i) => {
    const limit = order[i + 1]?.offset ?? directory;
    if (entry.offset + ZIP_SIZE.local + entry.compressedSize > limit) {
      throw fail(entry.name, `its ${entry.compressedSize} bytes overlap another file or the directory`, entry.offset);
    }
    limits.set(entry, limit);
  });
  return listed.map((entry) => ({ ...entry, limit: limits.get(entry) ?? directory }));
}

/** Opens an archive: reads and checks its directory. Anything wrong is a FormatError. */
export function openZip(source: ByteSource, limits: ZipLimits = {}): ZipArchive {
  const all = { ...ZIP_LIMITS, ...limits };
  const { offset, size, count } = findDirectory(source);
  if (count > all.maxEntries) throw fail('end.entries', `${count} files, the limit is ${all.maxEntries}`);
  if (size > MAX_DIRECTORY) throw fail('end.size', `central directory of ${size} bytes, the limit is ${MAX_DIRECTORY}`);
  const reader = new ByteReader(readRange(source, offset, size, STRUCTURE, 'directory'), STRUCTURE, 'little', offset);
  const listed: Listed[] = [];
  const names = new Set<string>();
  let total = 0;
  while (listed.length < count) {
    const where = `entry[${listed.length}]`;
    const at = reader.offset;
    const entry = readListed(reader, where);
    if (names.has(entry.name)) throw fail(`${where}.name`, `${entry.name} appears twice`, at);
    names.add(entry.name);
    total += entry.size;
    if (total > all.maxTotal) throw fail(where, `files of more than ${all.maxTotal} bytes together`, at);
    listed.push(entry);
  }
  reader.end();
  const entries = withLimits(listed, offset).filter(({ name }) => !name.endsWith('/'));
  return new ZipArchive(source, new Map(entries.map((entry) => [entry.name, entry])), all);
}

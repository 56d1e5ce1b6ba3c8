/**
 * The directory of a tar archive (visor tar or plain tar), taken from bytes that come in pieces: names, types and where the
 * data lie. The whole archive is never needed at once.
 */
import { fromUtf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { type ArchiveEntry, BLOCK, entryType, isV7Header, isZeroBlock, nulText, readTarHeader } from './tar-header.ts';

/** The two formats. */
export type TarKind = 'vmtar' | 'tar';

/** An entry and the place of its data. */
export interface TarEntry extends Omit<ArchiveEntry, 'data'> {
  /** Bytes of data. */
  readonly size: number;
  /** Where they begin in the archive; 0 for entries without data. */
  readonly dataOffset: number;
  /** Offset of the header. */
  readonly headerOffset: number;
  /** Words of a visor tar header: text segment of an executable and pages to be fixed up after loading; 0 elsewhere. */
  readonly textOffset: number;
  readonly textSize: number;
  readonly fixUpPages: number;
}

/** Most entries of one archive. */
const MAX_ENTRIES = 100_000;
/** Longest name or pax header read. */
const MAX_META = 64 * 1024;

const FORMAT = {
  vmtar: { magic: 'visor  \0', prefixSize: 151, expected: 'expected "visor"' },
  tar: { magic: 'ustar', prefixSize: 155, expected: 'expected "ustar"' },
} as const;

/** Offset of the magic in a header. */
const MAGIC_AT = 0x101;
/** The four words behind the prefix of a visor tar header. */
export const VMTAR_WORDS_AT = 0x1f0;
/** Magic of a visor tar header. */
export const VMTAR_MAGIC = FORMAT.vmtar.magic;

/** Which tar the bytes begin with (plain tar also as Unix V7 wrote it); undefined where with neither. */
export function tarKind(bytes: Uint8Array): TarKind | undefined {
  const starts = (magic: string): boolean =>
    bytes.length >= BLOCK && [...magic].every((c, i) => bytes[MAGIC_AT + i] === c.charCodeAt(0));
  if (starts(FORMAT.vmtar.magic)) return 'vmtar';
  return starts(FORMAT.tar.magic) || isV7Header(bytes.subarray(0, BLOCK)) ? 'tar' : undefined;
}

function readWords(block: Uint8Array) {
  const words = new ByteReader(block.subarray(VMTAR_WORDS_AT), 'vmtar', 'little');
  return {
    dataOffset: words.u32('dataOffset'),
    textOffset: words.u32('textOffset'),
    textSize: words.u32('textSize'),
    fixUpPages: words.u32('fixUpPages'),
  };
}

const NO_WORDS = { dataOffset: 0, textOffset: 0, textSize: 0, fixUpPages: 0 } as const;

/** Fields of a pax header that matter here (POSIX.1-2001): `length key=value\n` records. */
function paxFields(data: Uint8Array): { path?: string; linkpath?: string } {
  const out: { path?: string; linkpath?: string } = {};
  for (let at = 0; at < data.length; ) {
    const length = Number(/^\d{1,6} /.exec(fromUtf8(data.subarray(at, at + 8)))?.[0] ?? 0);
    if (length < 5) break;
    const record = /^\d+ (path|linkpath)=([^\n]*)\n$/.exec(fromUtf8(data.subarray(at, at + length)));
    if (record?.[1] === 'path') out.path = record[2] ?? '';
    if (record?.[1] === 'linkpath') out.linkpath = record[2] ?? '';
    at += length;
  }
  return out;
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Reads the directory of an archive that is in memory. */
export function scanTar(kind: TarKind, bytes: Uint8Array): readonly TarEntry[] {
  const scanner = new TarScanner(kind);
  scanner.push(bytes);
  return scanner.end(bytes.length);
}

/** An entry with its data, a view of the archive it was found in. */
export function withData<T extends TarEntry>(entry: T, archive: Uint8Array): T & { readonly data: Uint8Array } {
  return { ...entry, data: archive.subarray(entry.dataOffset, entry.dataOffset + entry.size) };
}

/** Takes an archive in pieces. Errors are `FormatError`s with offsets. */
export class TarScanner {
  readonly kind: TarKind;
  readonly entries: TarEntry[] = [];
  /** Offset of the next byte that comes. */
  #at = 0;
  /** Bytes collected for a header or a long name, and how many are wanted. */
  #buffer = new Uint8Array(BLOCK);
  #have = 0;
  #want = BLOCK;
  /** What the collected bytes are. */
  #meta: { readonly flag: string; readonly padding: number } | undefined;
  /** Bytes that are passed over: data, and the padding behind them. */
  #skip = 0;
  /** The last of them may be missing at the end of the archive. */
  #optional = 0;
  #ended = false;
  #path: string | undefined;
  #linkPath: string | undefined;

  constructor(kind: TarKind) {
    this.kind = kind;
  }

  /** The next bytes of the archive. */
  push(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length && !this.#ended; ) {
      const rest = chunk.length - from;
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, rest);
        this.#skip -= passed;
        this.#at += passed;
        from += passed;
        continue;
      }
      const taken = Math.min(this.#want - this.#have, rest);
      this.#buffer.set(chunk.subarray(from, from + taken), this.#have);
      this.#have += taken;
      this.#at += taken;
      from += taken;
      if (this.#have === this.#want) this.#complete();
    }
  }

  /** The end of an archive of `size` bytes: everything announced must have come. */
  end(size: number): readonly TarEntry[] {
    const where = `entry[${this.entries.length}]`;
    if (!this.#ended) {
      if (this.#skip > this.#optional) {
        const last = this.entries.length - 1;
        throw this.#error(`entry[${last}].data`, `needs ${this.#skip - this.#optional} more bytes`, this.#at);
      }
      if (this.#meta !== undefined) throw this.#error(`${where}.data`, 'the input ends within a long name', this.#at);
      if (this.#have > 0) throw this.#error(where, `needs ${BLOCK} bytes, ${this.#have} left`, this.#at - this.#have);
    }
    for (const [i, entry] of this.entries.entries()) {
      if (entry.size === 0 || entry.dataOffset + entry.size <= size) continue;
      const problem = `data at ${entry.dataOffset} of ${entry.size} bytes ends behind the archive's ${size}`;
      throw this.#error(`entry[${i}].dataOffset`, problem, entry.headerOffset);
    }
    return this.entries;
  }

  #error(field: string, problem: string, offset: number): FormatError {
    return new FormatError({ structure: this.kind, field, offset, problem });
  }

  /** Passes over data and their padding; the padding may be cut off. */
  #pass(size: number, pad: number): void {
    this.#skip = size + pad;
    this.#optional = pad;
  }

  #collect(size: number): void {
    this.#have = 0;
    this.#want = size;
    if (this.#buffer.length < size) this.#buffer = new Uint8Array(size);
  }

  #complete(): void {
    const bytes = this.#buffer.slice(0, this.#have);
    const meta = this.#meta;
    this.#meta = undefined;
    this.#collect(BLOCK);
    if (meta === undefined) this.#header(bytes);
    else this.#longName(meta, bytes);
  }

  #longName({ flag, padding: pad }: { flag: string; padding: number }, data: Uint8Array): void {
    const pax = flag === 'x' ? paxFields(data) : {};
    this.#path = flag === 'L' ? nulText(data) : (pax.path ?? this.#path);
    this.#linkPath = flag === 'K' ? nulText(data) : (pax.linkpath ?? this.#linkPath);
    this.#pass(0, pad);
  }

  #header(block: Uint8Array): void {
    const headerOffset = this.#at - BLOCK;
    if (isZeroBlock(block)) {
      this.#ended = true;
      return;
    }
    const where = `entry[${this.entries.length}]`;
    if (this.entries.length >= MAX_ENTRIES) throw this.#error(where, `more than ${MAX_ENTRIES} entries`, headerOffset);
    const { prefixSize, magic: wanted, expected } = FORMAT[this.kind];
    const { flag, size, magic, ...header } = readTarHeader(block, prefixSize, this.kind, headerOffset);
    if (!magic.startsWith(wanted) && !(this.kind === 'tar' && isV7Header(block)))
      throw this.#error(`${where}.magic`, expected, headerOffset);
    if (this.kind === 'tar' && 'LKxg'.includes(flag)) {
      if (size > MAX_META) throw this.#error(`${where}.size`, `long name of ${size} bytes`, headerOffset);
      const meta = { flag, padding: padding(size) };
      if (size === 0) this.#longName(meta, new Uint8Array(0));
      else {
        this.#meta = meta;
        this.#collect(size);
      }
      return;
    }
    const words = this.kind === 'vmtar' ? readWords(block) : NO_WORDS;
    const name = this.#path ?? header.name;
    const type = entryType(flag, name, this.kind, headerOffset);
    // Without an offset of its own the data follows the header.
    const follows = size > 0 && words.dataOffset === 0;
    this.entries.push({
      ...header,
      name: name.replace(/\/+$/, ''),
      linkName: this.#linkPath ?? header.linkName,
      type,
      size,
      ...words,
      dataOffset: follows ? this.#at : words.dataOffset,
      headerOffset,
    });
    this.#path = undefined;
    this.#linkPath = undefined;
    if (follows) this.#pass(size, padding(size));
  }
}

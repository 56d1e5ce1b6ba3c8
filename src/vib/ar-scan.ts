/**
 * Where the members of an `ar` archive lie, over random access. Besides the form that ESXi's own tools write, those of GNU and
 * BSD `ar` and of scripts that pack archives by hand are understood: tables of long names and of symbols, fields padded on
 * either side, padding with another byte or none. What is unusual is named, so that it can be reported.
 */
import { type ByteSource, readRange } from '../archive/source.ts';
import { fromLatin1 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';

/** Global header, and the two bytes that end every member header. */
export const AR_MAGIC = '!<arch>\n';
export const AR_HEADER_END = '`\n';
/** Bytes of a member header. */
export const AR_HEADER_SIZE = 60;
/** Bytes of its name. */
export const AR_NAME_SIZE = 16;
export const AR_STRUCTURE = 'ar';

/** The header's fields in order with their widths (`<ar.h>`), the size last. */
export const AR_FIELDS = [
  ['name', AR_NAME_SIZE],
  ['mtime', 12],
  ['uid', 6],
  ['gid', 6],
  ['mode', 8],
  ['size', 10],
] as const;

/** A header's fields as text. */
export type ArHeader = Record<(typeof AR_FIELDS)[number][0], string>;

/** A member and its place; text fields are as found, without padding. */
export interface PlacedMember extends Omit<ArHeader, 'size'> {
  /** Offset of the header. */
  readonly offset: number;
  /** Where the bytes begin that belong to this member alone: tables before it are counted in. */
  readonly start: number;
  readonly dataOffset: number;
  /** Bytes of data, a BSD name left out. */
  readonly size: number;
  /** Where the next member begins; of the last member the end of the archive. */
  readonly end: number;
  /** What ESXi's own tools would not have written, in words. */
  readonly oddities: readonly string[];
}

/** Most members of one archive; official VIBs have a few dozen at most. */
const MAX_MEMBERS = 4096;
/** Longest table of names read. */
const MAX_TABLE = 1 << 20;
const LINE_FEED = 0x0a;
/** Tables of symbols that `ar` adds by itself (GNU, 64-bit GNU, BSD). */
const SYMBOLS = /^(\/|\/SYM64\/|__\.SYMDEF( SORTED|_64)?)$/;
/** Bytes behind the last member that stand for nothing. */
const FILLER = /^[\n\0 ]{0,59}$/;

function readHeader(bytes: Uint8Array, offset: number, where: string): ArHeader {
  const reader = new ByteReader(bytes, AR_STRUCTURE, 'big', offset);
  const header: ArHeader = { name: '', mtime: '', uid: '', gid: '', mode: '', size: '' };
  for (const [field, width] of AR_FIELDS) {
    header[field] = fromLatin1(reader.bytes(`${where}.${field}`, width)).replace(/^ +|[ \0]+$/g, '');
  }
  const end = fromLatin1(reader.bytes(`${where}.end`, AR_HEADER_END.length));
  if (end !== AR_HEADER_END) throw reader.error(`${where}.end`, 'expected the bytes 60 0a', reader.offset - 2);
  return header;
}

/** Bytes of padding behind data of odd length at `at`; undefined where neither the end nor a header follows. */
function paddingAt(source: ByteSource, at: number): { size: 0 | 1; oddity: string | undefined } | undefined {
  if (at >= source.size) return { size: 0, oddity: undefined };
  const [byte = 0] = source.read(at, 1);
  if (byte === LINE_FEED) return { size: 1, oddity: undefined };
  const headerAt = (place: number): boolean =>
    place + AR_HEADER_SIZE <= source.size && fromLatin1(source.read(place + AR_HEADER_SIZE - 2, 2)) === AR_HEADER_END;
  if (at + 1 === source.size || headerAt(at + 1)) {
    return { size: 1, oddity: `padded with the byte ${byte.toString(16).padStart(2, '0')}` };
  }
  return headerAt(at) ? { size: 0, oddity: 'data of odd length without padding' } : undefined;
}

interface Named {
  readonly name: string;
  /** Bytes of a BSD name before the data. */
  readonly taken: number;
  readonly oddity?: string;
}

/** Resolves the name forms: as it stands, GNU `name/` and `/offset` into a table, BSD `#1/length` before the data. */
function resolveName(raw: string, source: ByteSource, at: number, size: number, table: string): Named | string {
  const bsd = /^#1\/(\d{1,4})$/.exec(raw);
  if (bsd !== null) {
    const length = Number(bsd[1]);
    if (length > size) return `name of ${length} bytes in a member of ${size}`;
    const name = fromLatin1(source.read(at, length)).replace(/\0+$/, '');
    return { name, taken: length, oddity: 'name in the BSD form' };
  }
  const gnu = /^\/(\d{1,9})$/.exec(raw);
  if (gnu === null) {
    if (SYMBOLS.test(raw) || !raw.endsWith('/')) return { name: raw, taken: 0 };
    return { name: raw.slice(0, -1), taken: 0, oddity: 'name in the GNU form, with a slash behind it' };
  }
  const from = Number(gnu[1]);
  const end = table.indexOf('/\n', from);
  if (from >= table.length || end < 0) return `long name ${raw} is not in the table of names`;
  return { name: table.slice(from, end), taken: 0, oddity: 'name in a table of long names' };
}

/** Whether the bytes start like an `ar` archive. */
export function isAr(bytes: Uint8Array): boolean {
  return fromLatin1(bytes.subarray(0, AR_MAGIC.length)) === AR_MAGIC;
}

/**
 * Finds every member. Names with a slash, `.` or `..`, lengths beyond the end and bytes that are no member are a
 * {@link FormatError}; repeated names are left to the caller.
 */
export function scanAr(source: ByteSource): PlacedMember[] {
  if (!isAr(source.read(0, Math.min(AR_MAGIC.length, source.size)))) {
    const problem = 'expected "!<arch>" and a line feed';
    throw new FormatError({ structure: AR_STRUCTURE, field: 'magic', offset: 0, problem });
  }
  const members: PlacedMember[] = [];
  let table = '';
  let start = AR_MAGIC.length;
  let at = start;
  while (at < source.size) {
    const where = `member[${members.length}]`;
    const offset = at;
    const fail = (field: string, problem: string): FormatError =>
      new FormatError({ structure: AR_STRUCTURE, field: `${where}.${field}`, offset, problem });
    const head = source.read(at, Math.min(AR_HEADER_SIZE, source.size - at));
    const last = members.at(-1);
    if (last !== undefined && FILLER.test(fromLatin1(head))) {
      const oddities = [...last.oddities, `${head.length} bytes of filler behind the last member`];
      members[members.length - 1] = { ...last, end: source.size, oddities };
      break;
    }
    if (members.length >= MAX_MEMBERS) throw fail('', `more than ${MAX_MEMBERS} members`);
    const header = readHeader(head, at, where);
    if (!/^\d{1,10}$/.test(header.size)) throw fail('size', `"${header.size}" is not a decimal number`);
    const size = Number(header.size);
    const dataOffset = at + AR_HEADER_SIZE;
    if (dataOffset + size > source.size) {
      const left = Math.max(source.size - dataOffset, 0);
      throw fail('data', `needs ${size} bytes, ${left} left: the input ends ${size - left} too early`);
    }
    at = dataOffset + size;
    const padding = size % 2 === 0 ? { size: 0, oddity: undefined } : paddingAt(source, at);
    if (padding === undefined) throw fail('padding', 'data of odd length must be followed by a line feed');
    at += padding.size;
    if (header.name === '//') {
      if (size > MAX_TABLE) throw fail('size', `table of names of ${size} bytes`);
      table = fromLatin1(readRange(source, dataOffset, size, AR_STRUCTURE, where));
      continue;
    }
    const named = resolveName(header.name, source, dataOffset, size, table);
    if (typeof named === 'string') throw fail('name', named);
    const { name, taken, oddity } = named;
    if (SYMBOLS.test(name)) continue;
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
      throw fail('name', `"${name}" is not a plain file name`);
    }
    const { mtime, uid, gid, mode } = header;
    const oddities = [oddity, padding.oddity].filter((text) => text !== undefined);
    members.push({
      ...{ name, mtime, uid, gid, mode, offset, start, end: at, oddities },
      dataOffset: dataOffset + taken,
      size: size - taken,
    });
    start = at;
  }
  return members;
}

/**
 * Unix `ar` archives: the outer form of a VIB. Written as ESXi's own tools write them (names padded with spaces, times and
 * owners 0); read in that form and in those of GNU and BSD tools.
 */
import { fromLatin1, latin1 } from '../bytes/bytes.ts';
import { type FormatError, InputError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';

/** One member. The header's text fields other than name and size are kept as found, without padding. */
export interface ArMember {
  readonly name: string;
  readonly data: Uint8Array;
  /** Decimal seconds. */
  readonly mtime: string;
  readonly uid: string;
  readonly gid: string;
  /** Octal, but some VIBs carry `0o0`: never interpreted. */
  readonly mode: string;
  /** Offset of the header in the archive. */
  readonly offset: number;
}

/** A member to be written; header fields default to `0`. */
export type ArInput = Pick<ArMember, 'name' | 'data'> & Partial<Pick<ArMember, 'mtime' | 'uid' | 'gid' | 'mode'>>;

/** Global header, and the two bytes that end every member header. */
const MAGIC = '!<arch>\n';
const HEADER_END = '`\n';
const HEADER_SIZE = 60;
const NAME_SIZE = 16;
/** Most members of one archive; official VIBs have a few dozen at most. */
const MAX_MEMBERS = 4096;

const STRUCTURE = 'ar';

/** The header's fields in order with their widths (`<ar.h>`), the size last. */
const FIELDS = [
  ['name', NAME_SIZE],
  ['mtime', 12],
  ['uid', 6],
  ['gid', 6],
  ['mode', 8],
  ['size', 10],
] as const;

type Header = Record<(typeof FIELDS)[number][0], string>;

/** Whether the bytes start like an `ar` archive. */
export function isAr(bytes: Uint8Array): boolean {
  return fromLatin1(bytes.subarray(0, MAGIC.length)) === MAGIC;
}

function readHeader(reader: ByteReader, where: string): Header {
  const header: Header = { name: '', mtime: '', uid: '', gid: '', mode: '', size: '' };
  for (const [field, width] of FIELDS) {
    header[field] = fromLatin1(reader.bytes(`${where}.${field}`, width)).replace(/ +$/, '');
  }
  const end = fromLatin1(reader.bytes(`${where}.end`, HEADER_END.length));
  if (end !== HEADER_END) throw reader.error(`${where}.end`, 'expected the bytes 60 0a', reader.offset - 2);
  return header;
}

/** Resolves the name forms: as it stands, GNU `name/` and `/offset` into a table, BSD `#1/length` before the data. */
function memberName(raw: string, data: Uint8Array, table: string, fail: (problem: string) => FormatError) {
  const bsd = /^#1\/(\d{1,4})$/.exec(raw);
  if (bsd !== null) {
    const length = Number(bsd[1]);
    if (length > data.length) throw fail(`name of ${length} bytes in a member of ${data.length}`);
    return { name: fromLatin1(data.subarray(0, length)).replace(/\0+$/, ''), data: data.subarray(length) };
  }
  const gnu = /^\/(\d{1,9})$/.exec(raw);
  if (gnu === null) return { name: raw.replace(/\/$/, ''), data };
  const at = Number(gnu[1]);
  const end = table.indexOf('/\n', at);
  if (at >= table.length || end < 0) throw fail(`long name ${raw} is not in the table of names`);
  return { name: table.slice(at, end), data };
}

/**
 * Reads every member. Data are views of the input. Names with a slash, `.` or `..`, and bytes that are no member, are a
 * {@link FormatError}; repeated names are left to the caller.
 */
export function readAr(bytes: Uint8Array): ArMember[] {
  const reader = new ByteReader(bytes, STRUCTURE);
  if (!isAr(bytes)) throw reader.error('magic', `expected "!<arch>" and a line feed`);
  reader.skip('magic', MAGIC.length);
  const members: ArMember[] = [];
  let table = '';
  while (reader.remaining > 0) {
    const where = `member[${members.length}]`;
    const offset = reader.offset;
    const fail = (field: string, problem: string): FormatError => reader.error(`${where}.${field}`, problem, offset);
    if (members.length >= MAX_MEMBERS) throw fail('', `more than ${MAX_MEMBERS} members`);
    const header = readHeader(reader, where);
    if (!/^\d{1,10}$/.test(header.size)) throw fail('size', `"${header.size}" is not a decimal number`);
    const size = Number(header.size);
    const whole = reader.bytes(`${where}.data`, size);
    // Some writers leave out the padding of the last member.
    if (size % 2 === 1 && reader.remaining > 0 && reader.u8(`${where}.padding`) !== 0x0a) {
      throw fail('padding', 'data of odd length must be followed by a line feed');
    }
    if (header.name === '//') {
      table = fromLatin1(whole);
      continue;
    }
    const { name, data } = memberName(header.name, whole, table, (problem) => fail('name', problem));
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
      throw fail('name', `"${name}" is not a plain file name`);
    }
    const { mtime, uid, gid, mode } = header;
    members.push({ name, data, mtime, uid, gid, mode, offset });
  }
  return members;
}

/** Writes members in order. A name that does not fit the header's 16 bytes is an {@link InputError}. */
export function writeAr(members: readonly ArInput[]): Uint8Array {
  const total = members.reduce((sum, member) => sum + HEADER_SIZE + member.data.length + 1, MAGIC.length);
  const writer = new ByteWriter('big', total).bytes(latin1(MAGIC));
  for (const { name, data, mtime = '0', uid = '0', gid = '0', mode = '0' } of members) {
    if (!/^[\x21-\x7e]{1,16}$/.test(name) || /[/\\]/.test(name) || name === '.' || name === '..') {
      throw new InputError(
        `"${name}" cannot be an ar member: 1 to ${NAME_SIZE} ASCII characters without spaces or slashes`,
      );
    }
    const values: Header = { name, mtime, uid, gid, mode, size: String(data.length) };
    for (const [field, width] of FIELDS) writer.bytes(latin1(values[field].padEnd(width)));
    writer.bytes(latin1(HEADER_END)).bytes(data);
    if (data.length % 2 === 1) writer.u8(0x0a);
  }
  return writer.finish();
}

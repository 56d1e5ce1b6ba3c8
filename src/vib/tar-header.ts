/** The 512-byte header that ustar (POSIX.1-1988) and visor tar share up to offset 0x159. */
import { equalBytes, fromLatin1, fromUtf8, latin1, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';

/** Bytes of a header, and the unit of padding. */
export const BLOCK = 512;

/** Kinds of archive entries by their type flag. `shared` is how visor tar marks kernel modules (flag 7). */
export const ENTRY_TYPES = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  shared: '7',
} as const;

/** Kind of an archive entry. */
export type EntryType = keyof typeof ENTRY_TYPES;

const isEntryType = (name: string): name is EntryType => name in ENTRY_TYPES;
// NUL is the flag of files in the oldest archives.
const TYPE_OF_FLAG = new Map<string, EntryType>([['\0', 'file']]);
for (const name of Object.keys(ENTRY_TYPES)) if (isEntryType(name)) TYPE_OF_FLAG.set(ENTRY_TYPES[name], name);

/** One entry of an archive. */
export interface ArchiveEntry {
  /** Path as stored; directories without the trailing slash. */
  readonly name: string;
  readonly type: EntryType;
  /** Permission bits, e.g. 0o755. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  /** Target of a link, '' otherwise. */
  readonly linkName: string;
  readonly data: Uint8Array;
}

/** An entry to be written; owner root, time 0, mode 0755 for directories and 0644 otherwise unless given. */
export type ArchiveInput = Pick<ArchiveEntry, 'name'> & Partial<ArchiveEntry>;

/** A header's fields, before the data is found. */
export interface TarHeader extends Omit<ArchiveEntry, 'data' | 'type'> {
  readonly flag: string;
  readonly size: number;
  /** Bytes 0x101 to 0x109: magic and version. */
  readonly magic: string;
}

/** Place and width of the text and octal fields, once for reading and writing. */
const FIELD = {
  name: [0, 100],
  mode: [0x64, 8],
  uid: [0x6c, 8],
  gid: [0x74, 8],
  size: [0x7c, 12],
  mtime: [0x88, 12],
  checksum: [0x94, 8],
  flag: [0x9c, 1],
  linkName: [0x9d, 100],
  magic: [0x101, 8],
  uname: [0x109, 32],
  gname: [0x129, 32],
  devmajor: [0x149, 8],
  devminor: [0x151, 8],
} as const;

/** Offset of the prefix of long names. */
export const PREFIX_AT = 0x159;

type FieldName = keyof typeof FIELD;

function slice(block: Uint8Array, field: FieldName): Uint8Array {
  const [at, size] = FIELD[field];
  return block.subarray(at, at + size);
}

/** Text up to the first NUL. */
export function nulText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return fromUtf8(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Sum of all bytes with the checksum field as spaces; in visor tar this includes the offset words. */
function checksum(block: Uint8Array): number {
  const [at, size] = FIELD.checksum;
  let sum = 0x20 * size;
  for (let i = 0; i < block.length; i++) if (i < at || i >= at + size) sum += block[i] ?? 0;
  return sum;
}

/** The sum of old Sun and Star writers, which took bytes as signed. */
function signedChecksum(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum - (byte > 0x7f ? 0x100 : 0), checksum(block));
}

const [SPACE, ZERO, SEVEN] = [0x20, 0x30, 0x37];

/** Octal digits between spaces, up to the first NUL; 0 where there are none, undefined where there is something else. */
function octalNumber(field: Uint8Array): number | undefined {
  let value = 0;
  let state: 'before' | 'digits' | 'after' = 'before';
  for (const byte of field) {
    if (byte === 0) break;
    if (byte === SPACE) state = state === 'before' ? 'before' : 'after';
    else if (state === 'after' || byte < ZERO || byte > SEVEN) return undefined;
    else {
      state = 'digits';
      value = value * 8 + byte - ZERO;
    }
  }
  return value;
}

/** GNU's form of numbers that do not fit: the top bit set, then a big-endian number. Undefined where it is negative or huge. */
function base256(field: Uint8Array): number | undefined {
  const value = field.reduce((sum, byte, i) => sum * 256 + (i === 0 ? byte & 0x7f : byte), 0);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Whether a block is a tar header without a magic, as Unix V7 wrote them: a name, and a sum that is right. */
export function isV7Header(block: Uint8Array): boolean {
  if (block.length < BLOCK || block[0] === 0) return false;
  const magic = slice(block, 'magic');
  const stated = (fromLatin1(slice(block, 'checksum')).split('\0', 1)[0] ?? '').trim();
  return magic.every((byte) => byte === 0) && /^[0-7]{1,7}$/.test(stated)
    ? Number.parseInt(stated, 8) === checksum(block.subarray(0, BLOCK))
    : false;
}

/** Reads a header and checks its sum. `offset` is its place in the archive, for errors. */
export function readTarHeader(block: Uint8Array, prefixSize: number, structure: string, offset: number): TarHeader {
  const octal = (field: FieldName): number => {
    const [top = 0] = slice(block, field);
    // Times before 1970 and owners beyond the range mean nothing here; sizes are checked against the archive.
    if (top >= 0x80) return base256(slice(block, field)) ?? (field === 'size' ? Number.MAX_SAFE_INTEGER : 0);
    const value = octalNumber(slice(block, field));
    if (value !== undefined) return value;
    const text = (fromLatin1(slice(block, field)).split('\0', 1)[0] ?? '').trim();
    throw new FormatError({ structure, field, offset, problem: `${JSON.stringify(text)} is not an octal number` });
  };
  const stated = octal('checksum');
  const actual = checksum(block);
  if (stated !== actual && stated !== signedChecksum(block)) {
    const problem = `header sums to ${actual}, its checksum says ${stated}`;
    throw new FormatError({ structure, field: 'checksum', offset, problem });
  }
  const magic = fromLatin1(slice(block, 'magic'));
  // A prefix exists only in the two formats that define it; GNU tar keeps other things there.
  const prefix =
    magic.startsWith('ustar\0') || magic.startsWith('visor')
      ? block.subarray(PREFIX_AT, PREFIX_AT + prefixSize)
      : undefined;
  const head = prefix === undefined ? '' : nulText(prefix);
  const name = nulText(slice(block, 'name'));
  return {
    name: head === '' ? name : `${head}/${name}`,
    flag: fromLatin1(slice(block, 'flag')),
    mode: octal('mode') & 0o7777,
    uid: octal('uid'),
    gid: octal('gid'),
    size: octal('size'),
    mtime: octal('mtime'),
    linkName: nulText(slice(block, 'linkName')),
    uname: nulText(slice(block, 'uname')),
    gname: nulText(slice(block, 'gname')),
    magic,
  };
}

/** Kind of a type flag; an unknown flag is a {@link FormatError}. */
export function entryType(flag: string, name: string, structure: string, offset: number): EntryType {
  const type = name.endsWith('/') && (flag === '0' || flag === '\0') ? 'directory' : TYPE_OF_FLAG.get(flag);
  if (type !== undefined) return type;
  const problem = `type flag ${JSON.stringify(flag)} is not known`;
  throw new FormatError({ structure, field: 'typeflag', offset, problem });
}

/** Splits a path at a slash so that it fits name (100 bytes) and prefix; undefined where it cannot. */
function splitName(path: Uint8Array, prefixSize: number): [Uint8Array, Uint8Array] | undefined {
  if (path.length <= 100) return [path, new Uint8Array(0)];
  for (let i = path.length - 101; i <= Math.min(prefixSize, path.length - 2); i++) {
    if (i > 0 && path[i] === 0x2f) return [path.subarray(i + 1), path.subarray(0, i)];
  }
  return undefined;
}

/** What a format adds when a header is written. */
export interface TarFormat {
  readonly structure: string;
  /** Magic and version, 8 bytes. */
  readonly magic: string;
  readonly prefixSize: number;
  /** Fills format fields before the checksum is made. */
  readonly finish?: (block: Uint8Array) => void;
}

/** Completes an entry with its defaults. */
export function completeEntry(input: ArchiveInput): ArchiveEntry {
  const type = input.type ?? 'file';
  return {
    type,
    mode: type === 'directory' ? 0o755 : 0o644,
    mtime: 0,
    uid: 0,
    gid: 0,
    uname: 'root',
    gname: 'root',
    linkName: '',
    data: new Uint8Array(0),
    ...input,
    name: input.name.replace(/\/+$/, ''),
  };
}

/** Writes one header: octal fields of width−1 digits and NUL, checksum as six digits, NUL, space. */
export function writeTarHeader(entry: ArchiveEntry, format: TarFormat): Uint8Array {
  const { structure, magic, prefixSize } = format;
  const block = new Uint8Array(BLOCK);
  const fail = (field: string, problem: string): FormatError => new FormatError({ structure, field, problem });
  const put = (field: FieldName, bytes: Uint8Array): void => {
    const [at, size] = FIELD[field];
    if (bytes.length > size) throw fail(field, `${bytes.length} bytes do not fit in ${size} (${entry.name})`);
    block.set(bytes, at);
  };
  const octal = (field: FieldName, value: number): void => {
    const digits = value.toString(8).padStart(FIELD[field][1] - 1, '0');
    if (value < 0 || digits.length >= FIELD[field][1]) throw fail(field, `${value} does not fit (${entry.name})`);
    put(field, latin1(digits));
  };
  const parts = splitName(utf8(entry.type === 'directory' ? `${entry.name}/` : entry.name), prefixSize);
  if (parts === undefined) throw fail('name', `${entry.name} is too long`);
  put('name', parts[0]);
  octal('mode', entry.mode);
  octal('uid', entry.uid);
  octal('gid', entry.gid);
  octal('size', entry.data.length);
  octal('mtime', entry.mtime);
  put('flag', latin1(ENTRY_TYPES[entry.type]));
  put('linkName', utf8(entry.linkName));
  put('magic', latin1(magic));
  put('uname', utf8(entry.uname));
  put('gname', utf8(entry.gname));
  octal('devmajor', 0);
  octal('devminor', 0);
  block.set(parts[1], PREFIX_AT);
  format.finish?.(block);
  put('checksum', latin1(`${checksum(block).toString(8).padStart(6, '0')}\0 `));
  return block;
}

const ZERO_BLOCK = new Uint8Array(BLOCK);

/** Whether a block ends the list of headers. */
export const isZeroBlock = (block: Uint8Array): boolean => equalBytes(block, ZERO_BLOCK);

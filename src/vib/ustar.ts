/** Plain tar, the archive inside `tgz` payloads: written as POSIX ustar; read also with GNU and pax long names. */
import { concat, fromUtf8 } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import {
  type ArchiveEntry,
  type ArchiveInput,
  BLOCK,
  completeEntry,
  entryType,
  isV7Header,
  isZeroBlock,
  nulText,
  readTarHeader,
  type TarFormat,
  writeTarHeader,
} from './tar-header.ts';

const STRUCTURE = 'tar';
const PREFIX_SIZE = 155;
const FORMAT: TarFormat = { structure: STRUCTURE, magic: 'ustar\x0000', prefixSize: PREFIX_SIZE };
/** Most entries of one archive. */
const MAX_ENTRIES = 100_000;
/** Longest name or pax header read. */
const MAX_META = 64 * 1024;
/** tar tools pad archives to records of 20 blocks. */
const RECORD = 20 * BLOCK;

/** Whether the bytes start with a tar header (POSIX, GNU, or Unix V7). */
export function isUstar(bytes: Uint8Array): boolean {
  if (bytes.length < BLOCK) return false;
  return [...'ustar'].every((c, i) => bytes[0x101 + i] === c.charCodeAt(0)) || isV7Header(bytes.subarray(0, BLOCK));
}

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

/** Reads every entry; data are views of the input. Errors are `FormatError`s with offsets. */
export function readUstar(bytes: Uint8Array): ArchiveEntry[] {
  const reader = new ByteReader(bytes, STRUCTURE);
  const entries: ArchiveEntry[] = [];
  let path: string | undefined;
  let linkPath: string | undefined;
  while (reader.remaining > 0) {
    const offset = reader.offset;
    const where = `entry[${entries.length}]`;
    const block = reader.bytes(where, BLOCK);
    if (isZeroBlock(block)) break;
    if (entries.length >= MAX_ENTRIES) throw reader.error(where, `more than ${MAX_ENTRIES} entries`, offset);
    const { flag, size, magic, ...header } = readTarHeader(block, PREFIX_SIZE, STRUCTURE, offset);
    if (!magic.startsWith('ustar') && !isV7Header(block))
      throw reader.error(`${where}.magic`, 'expected "ustar"', offset);
    const meta = 'LKxg'.includes(flag);
    if (meta && size > MAX_META) throw reader.error(`${where}.size`, `long name of ${size} bytes`, offset);
    const data = reader.bytes(`${where}.data`, size);
    reader.skip(`${where}.padding`, Math.min(reader.remaining, (BLOCK - (size % BLOCK)) % BLOCK));
    if (meta) {
      const pax = flag === 'x' ? paxFields(data) : {};
      path = flag === 'L' ? nulText(data) : (pax.path ?? path);
      linkPath = flag === 'K' ? nulText(data) : (pax.linkpath ?? linkPath);
      continue;
    }
    const name = path ?? header.name;
    const type = entryType(flag, name, STRUCTURE, offset);
    entries.push({ ...header, name: name.replace(/\/+$/, ''), linkName: linkPath ?? header.linkName, type, data });
    path = undefined;
    linkPath = undefined;
  }
  return entries;
}

/** Writes an archive, ended by two blocks of zeros and padded to a record of 10 KiB. */
export function writeUstar(inputs: readonly ArchiveInput[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 2 * BLOCK;
  for (const input of inputs) {
    const entry = completeEntry(input);
    const padding = (BLOCK - (entry.data.length % BLOCK)) % BLOCK;
    parts.push(writeTarHeader(entry, FORMAT), entry.data, new Uint8Array(padding));
    size += BLOCK + entry.data.length + padding;
  }
  return concat(...parts, new Uint8Array(2 * BLOCK + ((RECORD - (size % RECORD)) % RECORD)));
}

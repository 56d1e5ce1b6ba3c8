/** ISO 9660 directory records (ECMA-119, 9.1) and the names in them: plain, Joliet, Rock Ridge (SUSP 1.12, RRIP 1.12). */
import { concat, fromLatin1, tryFromUtf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';

/** Where a file's data lie: several parts for files larger than one record can describe. */
export interface IsoExtent {
  /** Logical block of the data. */
  readonly block: number;
  readonly size: number;
}

/** One record. */
export interface IsoRecord extends IsoExtent {
  readonly name: string;
  readonly directory: boolean;
  /** More records of the same file follow. */
  readonly more: boolean;
  readonly symlink: boolean;
}

/** How names are written in a directory tree. */
export type IsoNames = 'plain' | 'joliet' | 'rock-ridge';

export const ISO_STRUCTURE = 'ISO 9660';
const FLAG = { directory: 1 << 1, associated: 1 << 2, multiExtent: 1 << 7 } as const;
const FIXED = 33;
const MAX_ENTRY = 255;

/** UCS-2 big-endian text (Joliet). */
function ucs2(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i + 1 < bytes.length; i += 2)
    out += String.fromCharCode(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  return out;
}

/** A plain name without its version (`;1`) and without the dot of an empty extension. */
const plainName = (text: string): string => text.replace(/;\d*$/, '').replace(/([^.])\.$/, '$1');

/** Where a continuation area lies: logical block, offset in it and length in bytes (SUSP 1.12, 5.1). */
export interface Continuation {
  readonly block: number;
  readonly offset: number;
  readonly size: number;
}

/** Reads a continuation area; one outside of the image is a FormatError. */
export type ReadContinuation = (place: Continuation) => Uint8Array;

/** Most continuation areas of one record, and most bytes of its name. */
const MAX_AREAS = 64;
const MAX_NAME = 4096;
const NM_HEADER = 5;
const CE_SIZE = 28;

/** What the system use areas of a record say. */
interface RockRidge {
  readonly name: string | undefined;
  readonly symlink: boolean;
}

/** The entries of one area in order; a length that cannot be ends it. */
function* entriesOf(area: Uint8Array, start: number): Generator<{ signature: string; bytes: Uint8Array }> {
  for (let at = start; at + 4 <= area.length; ) {
    const length = area[at + 2] ?? 0;
    if (length < 4 || at + length > area.length) return;
    yield { signature: fromLatin1(area.subarray(at, at + 2)), bytes: area.subarray(at, at + length) };
    at += length;
  }
}

/** Rock Ridge: the name, joined from all `NM` entries of all areas, and whether there is an `SL` entry. */
function rockRidge(first: Uint8Array, skip: number, read: ReadContinuation, offset: number): RockRidge {
  const fail = (problem: string): FormatError =>
    new FormatError({ structure: ISO_STRUCTURE, field: 'directory.systemUse', offset, problem });
  const name: Uint8Array[] = [];
  let nameSize = 0;
  let symlink = false;
  let area: Uint8Array | undefined = first;
  for (let n = 0; area !== undefined; n++) {
    if (n > MAX_AREAS) throw fail(`more than ${MAX_AREAS} continuation areas (a cycle)`);
    let next: Continuation | undefined;
    for (const { signature, bytes } of entriesOf(area, n === 0 ? skip : 0)) {
      if (signature === 'ST') break;
      if (signature === 'SL') symlink = true;
      if (signature === 'NM' && bytes.length >= NM_HEADER) {
        nameSize += bytes.length - NM_HEADER;
        if (nameSize > MAX_NAME) throw fail(`name of more than ${MAX_NAME} bytes`);
        name.push(bytes.subarray(NM_HEADER));
      }
      if (signature === 'CE' && bytes.length >= CE_SIZE) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        next = { block: view.getUint32(4, true), offset: view.getUint32(12, true), size: view.getUint32(20, true) };
      }
    }
    area = next === undefined ? undefined : read(next);
  }
  const joined = concat(...name);
  return { name: name.length === 0 ? undefined : (tryFromUtf8(joined) ?? fromLatin1(joined)), symlink };
}

/** The skip length of an `SP` entry, which the first record of a Rock Ridge root carries; undefined where there is none. */
export function suspSkip(record: Uint8Array): number | undefined {
  const at = systemUseStart(record);
  const area = record.subarray(at);
  const isSp = area[0] === 0x53 && area[1] === 0x50 && area[4] === 0xbe && area[5] === 0xef;
  return isSp ? (area[6] ?? 0) : undefined;
}

function systemUseStart(record: Uint8Array): number {
  const nameLength = record[32] ?? 0;
  return FIXED + nameLength + (nameLength % 2 === 0 ? 1 : 0);
}

/** How the names of a tree are read. */
export interface NameForm {
  readonly names: IsoNames;
  /** Bytes to skip at the start of each system use area (Rock Ridge). */
  readonly skip: number;
  readonly continuation: ReadContinuation;
}

/** Names as the plain volume has them. */
export const PLAIN_NAMES: NameForm = { names: 'plain', skip: 0, continuation: () => new Uint8Array(0) };

/** Reads one record, `bytes` being the whole of it. */
export function readRecord(bytes: Uint8Array, offset: number, form: NameForm): IsoRecord {
  const { names, skip, continuation } = form;
  const reader = new ByteReader(bytes, ISO_STRUCTURE, 'little', offset);
  reader.skip('directory.length', 2);
  const block = reader.u32('directory.extent');
  reader.skip('directory.extentBig', 4);
  const size = reader.u32('directory.size');
  reader.skip('directory.sizeBig', 4 + 7);
  const flags = reader.u8('directory.flags');
  reader.skip('directory.interleave', 2 + 4);
  const raw = reader.bytes('directory.name', reader.u8('directory.nameLength'));
  const special = raw.length === 1 && (raw[0] ?? 2) < 2;
  const area = bytes.subarray(systemUseStart(bytes));
  const susp = names === 'rock-ridge' && !special ? rockRidge(area, skip, continuation, offset) : undefined;
  const text = names === 'joliet' ? ucs2(raw) : fromLatin1(raw);
  return {
    block,
    size,
    name: special ? '' : (susp?.name ?? plainName(text)),
    directory: (flags & FLAG.directory) !== 0,
    more: (flags & FLAG.multiExtent) !== 0,
    symlink: susp?.symlink ?? false,
  };
}

/** The bytes of each record in a directory's data; records never cross a sector, a zero length sends to the next one. */
export function* recordsOf(data: Uint8Array, sector: number): Generator<{ bytes: Uint8Array; at: number }> {
  for (let at = 0; at < data.length; ) {
    const length = data[at] ?? 0;
    if (length === 0) {
      at = (Math.floor(at / sector) + 1) * sector;
      continue;
    }
    if (length <= FIXED || at + length > data.length || length > MAX_ENTRY) {
      const problem = `record of ${length} bytes, ${data.length - at} left`;
      throw new FormatError({ structure: ISO_STRUCTURE, field: 'directory.length', offset: at, problem });
    }
    yield { bytes: data.subarray(at, at + length), at };
    at += length;
  }
}

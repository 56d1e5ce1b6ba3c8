/**
 * Unix `ar` archives: the outer form of a VIB. Written as ESXi's own tools write them (names padded with spaces, times and
 * owners 0); read in that form and in those of other tools (`ar-scan.ts`). An archive that was read is written back with
 * every byte outside of changed members as it was.
 */
import { type ByteSource, bytesSource, joinedSource, readRange, sliceRange } from '../archive/source.ts';
import { latin1 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import {
  AR_FIELDS,
  AR_HEADER_END,
  AR_HEADER_SIZE,
  AR_MAGIC,
  AR_NAME_SIZE,
  AR_STRUCTURE,
  type ArHeader,
  type PlacedMember,
  scanAr,
} from './ar-scan.ts';

export { isAr } from './ar-scan.ts';

/** How a member stood in the archive it was read from. */
export interface ArFraming {
  /** The same object for all members of one archive. */
  readonly archive: { readonly members: number };
  /** Place in that archive. */
  readonly index: number;
  /** Everything between the end of the member before and the data: tables, the header, a BSD name. */
  readonly head: Uint8Array;
  /** Offset of the 60-byte header in `head`. */
  readonly headerAt: number;
  /** Everything between the data and the next member. */
  readonly padding: Uint8Array;
  /** Length of the data as read. */
  readonly size: number;
  /** What ESXi's own tools would not have written, in words. */
  readonly oddities: readonly string[];
}

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
  readonly framing: ArFraming;
}

/** A member to be written; header fields default to `0`. */
export type ArInput = Pick<ArMember, 'name' | 'data'> &
  Partial<Pick<ArMember, 'mtime' | 'uid' | 'gid' | 'mode' | 'framing'>>;

const SIZE_AT = 48;
const SIZE_WIDTH = 10;

function framingOf(source: ByteSource, placed: PlacedMember, index: number, archive: ArFraming['archive']): ArFraming {
  const { start, offset, dataOffset, size, end, oddities, name } = placed;
  return {
    ...{ archive, index, size, oddities },
    head: readRange(source, start, dataOffset - start, AR_STRUCTURE, name),
    headerAt: offset - start,
    padding: readRange(source, dataOffset + size, end - dataOffset - size, AR_STRUCTURE, name),
  };
}

/** Where members lie that stay in their archive. Beside the objects, so that a copy with other data has no old place. */
const sources = new WeakMap<object, ByteSource>();

/** A member's data as they are read piece by piece. */
export const memberSource = (member: ArInput): ByteSource => sources.get(member) ?? bytesSource(member.data);

/** Reads every member over random access; `data` is read from the source each time it is taken. Errors as `scanAr`. */
export function arFromSource(source: ByteSource): ArMember[] {
  const placed = scanAr(source);
  const archive = { members: placed.length };
  return placed.map((member, index): ArMember => {
    const { name, mtime, uid, gid, mode, offset, dataOffset, size } = member;
    const read: ArMember = {
      ...{ name, mtime, uid, gid, mode, offset, framing: framingOf(source, member, index, archive) },
      get data() {
        return readRange(source, dataOffset, size, AR_STRUCTURE, name);
      },
    };
    sources.set(read, sliceRange(source, dataOffset, size, AR_STRUCTURE, name));
    return read;
  });
}

/** Reads every member. Data are views of the input. Errors as `scanAr`. */
export const readAr = (bytes: Uint8Array): ArMember[] =>
  arFromSource(bytesSource(bytes)).map((member) => ({ ...member }));

/** The framing of a list that is an archive as it was read, some data perhaps replaced; else undefined. */
function framings(members: readonly ArInput[]): ArFraming[] | undefined {
  const found = members.map(({ framing }) => framing).filter((framing) => framing !== undefined);
  const archive = found[0]?.archive;
  const whole = archive?.members === members.length && found.length === members.length;
  return whole && found.every((each, i) => each.archive === archive && each.index === i) ? found : undefined;
}

/** The head with the size of other data; padding and everything else stay. */
function headFor({ head, headerAt, size }: ArFraming, length: number): Uint8Array {
  if (length === size) return head;
  const nameSize = head.length - headerAt - AR_HEADER_SIZE;
  const out = head.slice();
  out.set(latin1(String(length + nameSize).padEnd(SIZE_WIDTH)), headerAt + SIZE_AT);
  return out;
}

/** What stands before and behind `length` bytes of a member's data that was read. */
function keptFrame(framing: ArFraming, length: number): readonly [Uint8Array, Uint8Array] {
  const head = headFor(framing, length);
  const nameSize = framing.head.length - framing.headerAt - AR_HEADER_SIZE;
  return [head, framing.size === length ? framing.padding : oddPadding(length + nameSize)];
}

const oddPadding = (length: number): Uint8Array => latin1(length % 2 === 1 ? '\n' : '');

/** The same for a member of our own. */
function newFrame(
  { name, mtime = '0', uid = '0', gid = '0', mode = '0' }: ArInput,
  length: number,
): readonly [Uint8Array, Uint8Array] {
  if (!/^[\x21-\x7e]{1,16}$/.test(name) || /[/\\]/.test(name) || name === '.' || name === '..') {
    throw new InputError(
      `"${name}" cannot be an ar member: 1 to ${AR_NAME_SIZE} ASCII characters without spaces or slashes`,
    );
  }
  const values: ArHeader = { name, mtime, uid, gid, mode, size: String(length) };
  const header = AR_FIELDS.map(([field, width]) => values[field].padEnd(width)).join('');
  return [latin1(header + AR_HEADER_END), oddPadding(length)];
}

/**
 * An archive of members in order, whose data stay where they are until it is read. A list that was read keeps its headers,
 * names and padding; of others a name that does not fit the header's 16 bytes is an {@link InputError}.
 */
export function arSource(members: readonly ArInput[]): ByteSource {
  const kept = framings(members);
  const parts = members.flatMap((member, i): ByteSource[] => {
    const data = memberSource(member);
    const framing = kept?.[i];
    const [head, padding] = framing === undefined ? newFrame(member, data.size) : keptFrame(framing, data.size);
    return [bytesSource(head), data, bytesSource(padding)];
  });
  return joinedSource([bytesSource(latin1(AR_MAGIC)), ...parts]);
}

/** {@link arSource}, read at once. */
export function writeAr(members: readonly ArInput[]): Uint8Array {
  const archive = arSource(members);
  return archive.read(0, archive.size).slice();
}

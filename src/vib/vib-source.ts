/** VIBs over random access: descriptor and signature are read at once, payloads when their data are taken. */
import { type ByteSource, readRange } from '../archive/source.ts';
import { concat, fromLatin1 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { type ArMember, isAr, readAr } from './ar.ts';
import { MAX_DESCRIPTOR, parseDescriptor } from './descriptor.ts';
import { DESCRIPTOR_MEMBER, readVib, SIGNATURE_MEMBER, type Vib, type VibPayload } from './vib.ts';

const STRUCTURE = 'ar';
const MAGIC_SIZE = 8;
const HEADER_SIZE = 60;
const NAME_SIZE = 16;
/** Place of the decimal size in a header. */
const SIZE_AT = 48;
const SIZE_END = 58;
const MAX_MEMBERS = 4096;
const LINE_FEED = 0x0a;

interface Placed {
  readonly header: Uint8Array;
  readonly size: number;
  readonly offset: number;
}

/** Header and place of every member, lengths checked against the source. */
function placeMembers(source: ByteSource): Placed[] {
  const members: Placed[] = [];
  let at = MAGIC_SIZE;
  while (at < source.size) {
    const where = `member[${members.length}]`;
    const offset = at;
    const fail = (field: string, problem: string): FormatError =>
      new FormatError({ structure: STRUCTURE, field: `${where}.${field}`, offset, problem });
    if (members.length >= MAX_MEMBERS) throw fail('', `more than ${MAX_MEMBERS} members`);
    const header = readRange(source, at, HEADER_SIZE, STRUCTURE, where);
    const digits = fromLatin1(header.subarray(SIZE_AT, SIZE_END)).trimEnd();
    if (!/^\d{1,10}$/.test(digits)) throw fail('size', `${JSON.stringify(digits)} is not a decimal number`);
    const size = Number(digits);
    at += HEADER_SIZE + size;
    if (at > source.size) throw fail('data', `needs ${size} bytes, the input ends ${at - source.size} too early`);
    if (size % 2 === 1 && at < source.size && source.read(at++, 1)[0] !== LINE_FEED) {
      throw fail('padding', 'data of odd length must be followed by a line feed');
    }
    members.push({ header, size, offset });
  }
  return members;
}

/** The header as that of an empty member: what the ordinary reader then checks and decodes. */
function decodeHeader(magic: Uint8Array, header: Uint8Array): ArMember | undefined {
  const empty = header.slice();
  empty.fill(0x20, SIZE_AT, SIZE_END);
  empty[SIZE_AT] = 0x30;
  return readAr(concat(magic, empty))[0];
}

/**
 * Reads a VIB whose payload data stay in the source: `data` of payloads and members is read each time it is taken. Errors
 * are those of `readVib`. An archive with GNU or BSD long names is read whole.
 */
export function vibFromSource(source: ByteSource, options: { readonly maxDescriptor?: number } = {}): Vib {
  const magic = source.read(0, Math.min(MAGIC_SIZE, source.size));
  if (!isAr(magic)) return readVib(magic);
  const placed = placeMembers(source);
  const long = placed.some(({ header }) => /^(\/|#1\/)/.test(fromLatin1(header.subarray(0, NAME_SIZE))));
  if (long) return readVib(source.read(0, source.size), options);
  const members: ArMember[] = [];
  for (const { header, size, offset } of placed) {
    const member = decodeHeader(magic, header);
    if (member === undefined) continue;
    const { name, mtime, uid, gid, mode } = member;
    if (members.some((other) => other.name === name)) {
      throw new FormatError({ structure: 'VIB', field: '', offset, problem: `member ${name} appears twice` });
    }
    const data = (): Uint8Array => readRange(source, offset + HEADER_SIZE, size, STRUCTURE, name);
    members.push({
      ...{ name, mtime, uid, gid, mode, offset },
      get data() {
        return data();
      },
    });
  }
  return lazyVib(members, options.maxDescriptor ?? MAX_DESCRIPTOR);
}

function lazyVib(members: readonly ArMember[], maxDescriptor: number): Vib {
  const member = (name: string): ArMember | undefined => members.find((each) => each.name === name);
  const descriptorBytes = member(DESCRIPTOR_MEMBER)?.data;
  if (descriptorBytes === undefined) {
    throw new FormatError({ structure: 'VIB', field: DESCRIPTOR_MEMBER, problem: 'member is missing' });
  }
  const descriptor = parseDescriptor(descriptorBytes, maxDescriptor);
  const payloads = descriptor.payloads.flatMap(({ name, type }): VibPayload[] => {
    const found = member(name);
    if (found === undefined) return [];
    return [
      {
        name,
        type,
        get data() {
          return found.data;
        },
      },
    ];
  });
  return { descriptor, descriptorBytes, signature: member(SIGNATURE_MEMBER)?.data, payloads, members };
}

/**
 * Reading ASN.1 in DER and in the BER that other CMS writers use (ITU-T X.690): indefinite lengths and octet strings in
 * segments are understood. Nothing is copied or decoded before it is asked for, exact bytes stay available for hashing, and
 * every error carries the structure, the field and the offset in the whole input.
 */
import { concat, fromLatin1, fromUtf8, toBigInt, toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';

/** Identifier octets (X.690, 8.1.2): class, constructed bit and tag number in one byte. */
export const TAG = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  T61_STRING: 0x14,
  IA5_STRING: 0x16,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
  UNIVERSAL_STRING: 0x1c,
  BMP_STRING: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

const CONSTRUCTED = 0x20;
const TAG_NAMES = new Map<number, string>(Object.entries(TAG).map(([name, tag]) => [tag, name]));

/** Context-specific constructed tag `[n]`, e.g. an EXPLICIT field. */
export const contextTag = (n: number): number => 0xa0 | n;

/** Context-specific primitive tag `[n]`, e.g. an IMPLICIT string. */
export const contextPrimitive = (n: number): number => 0x80 | n;

/** Deepest nesting of segments and indefinite lengths followed; certificates and CMS need fewer than ten. */
const MAX_DEPTH = 32;

/** A tag's name for messages. */
function tagName(tag: number): string {
  const known = TAG_NAMES.get(tag);
  if (known !== undefined) return known.replaceAll('_', ' ');
  return (tag & 0xc0) === 0x80 ? `[${tag & 0x1f}]` : `tag 0x${toHex(new Uint8Array([tag]))}`;
}

/** One value with its place in the input. */
export interface Asn1Value {
  /** Identifier octet. */
  readonly tag: number;
  /** Content octets, without end-of-contents. */
  readonly content: Uint8Array;
  /** The whole encoding: identifier, length and content. */
  readonly raw: Uint8Array;
  /** Offset of the identifier octet in the whole input. */
  readonly offset: number;
  /** Offset of the first content octet in the whole input. */
  readonly contentOffset: number;
}

interface Extent {
  readonly tag: number;
  readonly start: number;
  readonly contentEnd: number;
  readonly end: number;
}

/** Reads the values of one constructed encoding in order. */
export class Asn1Cursor {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  /** Name used in errors. */
  readonly structure: string;
  #at = 0;

  /** @param base offset of `bytes[0]` in the whole input */
  constructor(bytes: Uint8Array, structure: string, base = 0) {
    this.#bytes = bytes;
    this.#base = base;
    this.structure = structure;
  }

  /** The error for `field`, placed at the next value unless an offset is given. */
  error(field: string, problem: string, offset = this.#base + this.#at): FormatError {
    return new FormatError({ structure: this.structure, field, offset, problem });
  }

  /** Identifier octet of the next value; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  #extent(field: string, at: number, depth: number): Extent {
    const bytes = this.#bytes;
    const fail = (problem: string): FormatError => this.error(field, problem, this.#base + at);
    const tag = bytes[at];
    const first = bytes[at + 1];
    if (tag === undefined || first === undefined) throw fail('ends inside a tag or length');
    if ((tag & 0x1f) === 0x1f) throw fail('tag numbers above 30 do not occur here');
    let start = at + 2;
    let length = first;
    if (first === 0x80) return this.#indefinite(field, tag, at, start, depth);
    if (first > 0x80) {
      const count = first & 0x7f;
      if (count > 4 || start + count > bytes.length) throw fail(`length of ${count} bytes is too long or cut off`);
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
      start += count;
    }
    if (length > bytes.length - start) throw fail(`needs ${length} bytes, ${bytes.length - start} left`);
    return { tag, start, contentEnd: start + length, end: start + length };
  }

  #indefinite(field: string, tag: number, at: number, start: number, depth: number): Extent {
    const fail = (problem: string): FormatError => this.error(field, problem, this.#base + at);
    if ((tag & CONSTRUCTED) === 0) throw fail('indefinite length on a primitive value');
    if (depth >= MAX_DEPTH) throw fail(`nested deeper than ${MAX_DEPTH}`);
    let next = start;
    while (this.#bytes[next] !== 0 || this.#bytes[next + 1] !== 0) {
      next = this.#extent(field, next, depth + 1).end;
    }
    return { tag, start, contentEnd: next, end: next + 2 };
  }

  /** The next value, whatever its tag. */
  any(field: string): Asn1Value {
    const at = this.#at;
    const { tag, start, contentEnd, end } = this.#extent(field, at, 0);
    this.#at = end;
    return {
      tag,
      content: this.#bytes.subarray(start, contentEnd),
      raw: this.#bytes.subarray(at, end),
      offset: this.#base + at,
      contentOffset: this.#base + start,
    };
  }

  /** The next value, which must carry one of `tags`. */
  take(field: string, ...tags: readonly number[]): Asn1Value {
    const found = this.peek();
    if (found === undefined) throw this.error(field, `missing, expected ${tags.map(tagName).join(' or ')}`);
    if (!tags.includes(found)) {
      throw this.error(field, `expected ${tags.map(tagName).join(' or ')}, found ${tagName(found)}`);
    }
    return this.any(field);
  }

  /** The next value if it carries `tag`. */
  optional(field: string, tag: number): Asn1Value | undefined {
    return this.peek() === tag ? this.any(field) : undefined;
  }

  /** A cursor over the values inside the next one, which must carry `tag`. */
  enter(field: string, tag: number = TAG.SEQUENCE, structure = this.structure): Asn1Cursor {
    return inside(this.take(field, tag), structure);
  }

  /** Every remaining value; more than `max` is an error. */
  list(field: string, max: number): Asn1Value[] {
    const out: Asn1Value[] = [];
    while (this.peek() !== undefined) {
      if (out.length >= max) throw this.error(field, `more than ${max} entries`);
      out.push(this.any(`${field}[${out.length}]`));
    }
    return out;
  }

  /** Refuses values left over. */
  end(): void {
    if (this.peek() !== undefined) throw this.error('', `${this.#bytes.length - this.#at} bytes left over`);
  }

  oid(field: string): string {
    return oidOf(this.take(field, TAG.OID), this.structure, field);
  }

  /** A non-negative INTEGER of at most `max`. */
  small(field: string, max = 0x7fffffff): number {
    const value = this.take(field, TAG.INTEGER);
    const number = integerOf(value, this.structure, field);
    if (number < 0n || number > BigInt(max)) throw this.error(field, `${number} is not in 0..${max}`, value.offset);
    return Number(number);
  }

  /** A non-negative INTEGER as big-endian bytes without leading zeros. */
  unsigned(field: string): Uint8Array {
    const value = this.take(field, TAG.INTEGER);
    if (value.content.length === 0 || (value.content[0] ?? 0) & 0x80) {
      throw this.error(field, 'expected a positive INTEGER', value.offset);
    }
    let i = 0;
    while (i < value.content.length - 1 && value.content[i] === 0) i++;
    return value.content.subarray(i);
  }

  octets(field: string): Uint8Array {
    return octetsOf(this.take(field, TAG.OCTET_STRING, TAG.OCTET_STRING | CONSTRUCTED), this.structure, field);
  }

  /** A BIT STRING of whole bytes. */
  bits(field: string): Uint8Array {
    const value = this.take(field, TAG.BIT_STRING);
    if (value.content[0] !== 0) throw this.error(field, 'expected a BIT STRING of whole bytes', value.offset);
    return value.content.subarray(1);
  }
}

/** A cursor over a whole input, limited to `maxBytes`. */
export function openAsn1(bytes: Uint8Array, structure: string, maxBytes: number): Asn1Cursor {
  if (bytes.length > maxBytes) {
    throw new FormatError({ structure, field: '', problem: `${bytes.length} bytes, the limit is ${maxBytes}` });
  }
  return new Asn1Cursor(bytes, structure);
}

/** A cursor over the values inside a constructed value. */
export function inside(value: Asn1Value, structure: string): Asn1Cursor {
  return new Asn1Cursor(value.content, structure, value.contentOffset);
}

function bad(value: Asn1Value, structure: string, field: string, problem: string): FormatError {
  return new FormatError({ structure, field, offset: value.offset, problem });
}

/** Dotted form of an OBJECT IDENTIFIER value. */
export function oidOf(value: Asn1Value, structure: string, field: string): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  let open = false;
  if (value.content.length > 64) throw bad(value, structure, field, 'OBJECT IDENTIFIER is longer than 64 bytes');
  for (const byte of value.content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    open = byte >= 0x80;
    if (open) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const first = arcs[0];
  if (open || first === undefined) throw bad(value, structure, field, 'OBJECT IDENTIFIER is cut off');
  const top = first >= 80n ? 2n : first / 40n;
  return [top, first - top * 40n, ...arcs.slice(1)].join('.');
}

/** Signed value of an INTEGER or ENUMERATED of at most 512 bytes. */
export function integerOf(value: Asn1Value, structure: string, field: string): bigint {
  const { content } = value;
  if (content.length === 0 || content.length > 512) throw bad(value, structure, field, 'INTEGER of a bad length');
  const unsigned = toBigInt(content);
  return (content[0] ?? 0) & 0x80 ? unsigned - (1n << BigInt(8 * content.length)) : unsigned;
}

/** Bytes of an OCTET STRING, joined where it comes in segments. */
export function octetsOf(value: Asn1Value, structure: string, field: string, depth = 0): Uint8Array {
  if ((value.tag & CONSTRUCTED) === 0) return value.content;
  if (depth >= MAX_DEPTH) throw bad(value, structure, field, `nested deeper than ${MAX_DEPTH}`);
  const parts: Uint8Array[] = [];
  const cursor = inside(value, structure);
  while (cursor.peek() !== undefined) {
    const part = cursor.take(field, TAG.OCTET_STRING, TAG.OCTET_STRING | CONSTRUCTED);
    parts.push(octetsOf(part, structure, field, depth + 1));
  }
  return concat(...parts);
}

/** Truth of a BOOLEAN value. */
export function booleanOf(value: Asn1Value, structure: string, field: string): boolean {
  if (value.content.length !== 1) throw bad(value, structure, field, 'BOOLEAN must have one byte');
  return value.content[0] !== 0;
}

/** Big-endian code units of `size` bytes as text (BMPString, UniversalString); undefined where they are none. */
function wideText(bytes: Uint8Array, size: 2 | 4): string | undefined {
  if (bytes.length % size !== 0) return undefined;
  let out = '';
  for (let i = 0; i < bytes.length; i += size) {
    const code = Number(toBigInt(bytes.subarray(i, i + size)));
    if (code > 0x10ffff) return undefined;
    out += size === 2 ? String.fromCharCode(code) : String.fromCodePoint(code);
  }
  return out;
}

/** Text of any of the string types; undefined where the value is none or not well formed. */
export function tryTextOf(value: Asn1Value): string | undefined {
  switch (value.tag) {
    case TAG.UTF8_STRING:
      return fromUtf8(value.content);
    case TAG.PRINTABLE_STRING:
    case TAG.IA5_STRING:
    case TAG.T61_STRING:
      return fromLatin1(value.content);
    case TAG.BMP_STRING:
      return wideText(value.content, 2);
    case TAG.UNIVERSAL_STRING:
      return wideText(value.content, 4);
    default:
      return undefined;
  }
}

const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d{1,9})?Z$/;

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime in UTC (RFC 5280, 4.1.2.5); fractions are dropped. */
export function timeOf(value: Asn1Value, structure: string, field: string): number {
  let text = fromLatin1(value.content);
  if (value.tag === TAG.UTC_TIME) text = `${text.slice(0, 2) >= '50' ? '19' : '20'}${text}`;
  const parts = TIME.exec(text)
    ?.slice(1, 7)
    .map((part) => Number(part ?? 0));
  if (parts === undefined) throw bad(value, structure, field, `"${text.slice(0, 32)}" is not a time in UTC`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(time);
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || back.getUTCHours() !== hour) {
    throw bad(value, structure, field, `"${text}" is not a date`);
  }
  return time;
}

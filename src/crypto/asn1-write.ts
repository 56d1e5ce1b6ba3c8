/** Writing ASN.1 in DER (ITU-T X.690, 10 and 11). The values come from the program itself, so a bad one is a TypeError. */
import { compareBytes, concat, fromHex, latin1, utf8 } from '../bytes/bytes.ts';
import { contextPrimitive, contextTag, TAG } from './asn1.ts';

function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return new Uint8Array([length]);
  const hex = length.toString(16);
  const bytes = fromHex(hex.length % 2 ? `0${hex}` : hex);
  return concat(new Uint8Array([0x80 | bytes.length]), bytes);
}

/** One value: identifier octet, shortest length, content parts joined. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  return concat(new Uint8Array([tag]), lengthOctets(size), ...parts);
}

export const derSequence = (...parts: readonly Uint8Array[]): Uint8Array => der(TAG.SEQUENCE, ...parts);

/** SET OF: the elements in ascending order of their encodings (X.690, 11.6). */
export const derSetOf = (...parts: readonly Uint8Array[]): Uint8Array => der(TAG.SET, ...[...parts].sort(compareBytes));

/** `[n] EXPLICIT` around complete values, or `[n] IMPLICIT` of a constructed type around its elements. */
export const derContext = (n: number, ...parts: readonly Uint8Array[]): Uint8Array => der(contextTag(n), ...parts);

/** `[n] IMPLICIT` of a primitive type with the given content octets. */
export const derImplicit = (n: number, content: Uint8Array): Uint8Array => der(contextPrimitive(n), content);

export const derNull = (): Uint8Array => der(TAG.NULL);

export const derBoolean = (value: boolean): Uint8Array => der(TAG.BOOLEAN, new Uint8Array([value ? 0xff : 0]));

/** A non-negative INTEGER from a number or from big-endian bytes. */
export function derInteger(value: bigint | number | Uint8Array): Uint8Array {
  let bytes: Uint8Array;
  if (value instanceof Uint8Array) bytes = value;
  else {
    if (value < 0) throw new TypeError('negative INTEGERs are not written');
    const hex = value.toString(16);
    bytes = fromHex(hex.length % 2 ? `0${hex}` : hex);
  }
  let i = 0;
  while (i < bytes.length - 1 && bytes[i] === 0) i++;
  const short = bytes.length === 0 ? new Uint8Array(1) : bytes.subarray(i);
  return der(TAG.INTEGER, (short[0] ?? 0) & 0x80 ? concat(new Uint8Array(1), short) : short);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function derOid(dotted: string): Uint8Array {
  if (!/^[012](\.(0|[1-9]\d*))+$/.test(dotted)) throw new TypeError(`not an object identifier: ${dotted}`);
  const arcs = dotted.split('.').map(BigInt);
  const [top = 0n, second = 0n, ...rest] = arcs;
  if (top < 2n && second > 39n) throw new TypeError(`not an object identifier: ${dotted}`);
  const out: number[] = [];
  for (const arc of [top * 40n + second, ...rest]) {
    const digits = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) digits.unshift(Number(left & 0x7fn) | 0x80);
    out.push(...digits);
  }
  return der(TAG.OID, new Uint8Array(out));
}

export const derOctets = (bytes: Uint8Array): Uint8Array => der(TAG.OCTET_STRING, bytes);

/** A BIT STRING of whole bytes. */
export const derBits = (bytes: Uint8Array): Uint8Array => der(TAG.BIT_STRING, new Uint8Array(1), bytes);

/** A named-bit list (X.690, 11.2.2): bit 0 is the first, trailing zero bits are left out. */
export function derNamedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits);
  const bytes = new Uint8Array(Math.ceil((last + 1) / 8));
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return der(TAG.BIT_STRING, new Uint8Array([bytes.length * 8 - last - 1]), bytes);
}

export const derUtf8 = (text: string): Uint8Array => der(TAG.UTF8_STRING, utf8(text));

/** PrintableString; other characters than its alphabet (X.680, 41.4) are a TypeError. */
export function derPrintable(text: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) throw new TypeError(`not a PrintableString: ${text}`);
  return der(TAG.PRINTABLE_STRING, latin1(text));
}

export const derIa5 = (text: string): Uint8Array => der(TAG.IA5_STRING, latin1(text));

/** Year, month, day, hour, minute and second as digits. */
const timeDigits = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d+Z$|[-T:]/g, '');

/** GeneralizedTime in whole seconds. */
export const derGeneralizedTime = (milliseconds: number): Uint8Array =>
  der(TAG.GENERALIZED_TIME, latin1(`${timeDigits(milliseconds)}Z`));

/** UTCTime for 1950 to 2049, GeneralizedTime otherwise (RFC 5280, 4.1.2.5); whole seconds. */
export function derTime(milliseconds: number): Uint8Array {
  const digits = timeDigits(milliseconds);
  const year = Number(digits.slice(0, 4));
  return year >= 1950 && year < 2050
    ? der(TAG.UTC_TIME, latin1(`${digits.slice(2)}Z`))
    : derGeneralizedTime(milliseconds);
}

/** Small helpers over `Uint8Array`: hex, text, joining, comparing. No Node API, so they run in a browser too. */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8');
const utf8Strict = new TextDecoder('utf-8', { fatal: true });

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += HEX[bytes[i] ?? 0];
  return out;
}

const NO_DIGIT = 0xff;
/** Value of a hexadecimal digit by its character code. */
const DIGIT_VALUE = new Uint8Array(128).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGIT_VALUE[digit.charCodeAt(0)] = value;
  DIGIT_VALUE[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Bytes of a hexadecimal text; undefined where it is not an even number of hex digits. */
export function tryFromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) {
    const high = DIGIT_VALUE[text.charCodeAt(2 * i)] ?? NO_DIGIT;
    const low = DIGIT_VALUE[text.charCodeAt(2 * i + 1)] ?? NO_DIGIT;
    if (high === NO_DIGIT || low === NO_DIGIT) return undefined;
    out[i] = (high << 4) | low;
  }
  return out;
}

/** Bytes of a hexadecimal text that the program itself wrote; white space is skipped. Throws a TypeError on a mistake. */
export function fromHex(text: string): Uint8Array {
  const out = tryFromHex(text) ?? tryFromHex(text.replace(/\s+/g, ''));
  if (out === undefined) throw new TypeError(`not hexadecimal: ${text.slice(0, 40)}`);
  return out;
}

/** UTF-8 encoding of a text. */
export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/** Text of UTF-8 bytes; bytes that are not UTF-8 become U+FFFD. */
export function fromUtf8(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes);
}

/** Text of UTF-8 bytes, or undefined where they are not valid UTF-8. */
export function tryFromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8Strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One byte a character (ISO 8859-1); characters above U+00FF are a caller's mistake (TypeError). */
export function latin1(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new TypeError(`character U+${code.toString(16)} does not fit in one byte`);
    out[i] = code;
  }
  return out;
}

/** One character a byte (ISO 8859-1). */
export function fromLatin1(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 4096) out += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return out;
}

/** UTF-16 little-endian, no terminator (UEFI CHAR16 strings). */
export function utf16le(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 2);
  const view = new DataView(out.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return out;
}

/** Text of UTF-16 little-endian bytes; an odd last byte is ignored. */
export function fromUtf16le(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i + 1 < bytes.length; i += 2)
    out += String.fromCharCode((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8));
  return out;
}

/** All parts one after the other in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Whether two byte strings are equal; never a text comparison (catalogue entry `nonce-text-compare`). */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Negative, zero or positive as `a` sorts before, with or after `b` by unsigned bytes. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

/** Whether every byte equals `value` (true for an empty array). */
export function allBytes(bytes: Uint8Array, value: number): boolean {
  return bytes.every((b) => b === value);
}

/** Unsigned 32-bit number, big-endian, at an offset within the bytes. A DataView of few bytes would make V8 move them. */
export function u32At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

/** A 32-bit number, big-endian; what does not fit is cut off. */
export const u32Bytes = (value: number): Uint8Array => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);

/** A 64-bit number, big-endian; what does not fit is cut off. */
export function u64Bytes(value: bigint | number): Uint8Array {
  const high = typeof value === 'number' ? Math.floor(value / 0x1_0000_0000) : Number(BigInt.asUintN(64, value) >> 32n);
  const low = typeof value === 'number' ? value : Number(BigInt.asUintN(32, value));
  return new Uint8Array([high >>> 24, high >>> 16, high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low]);
}

/** Unsigned 64-bit number, big-endian, at an offset within the bytes. */
export const u64At = (bytes: Uint8Array, at: number): bigint =>
  (BigInt(u32At(bytes, at)) << 32n) | BigInt(u32At(bytes, at + 4));

const float = new DataView(new ArrayBuffer(8));

/** An IEEE 754 double, big-endian. */
export function float64Bytes(value: number): Uint8Array {
  float.setFloat64(0, value);
  return new Uint8Array(float.buffer.slice(0));
}

/** The double of the 8 bytes at an offset. */
export function float64At(bytes: Uint8Array, at: number): number {
  float.setUint32(0, u32At(bytes, at));
  float.setUint32(4, u32At(bytes, at + 4));
  return float.getFloat64(0);
}

/** Bytes up to which a number is put together in words; of longer ones the text is faster. */
const WORDS_UP_TO = 256;
const words = new Uint8Array(WORDS_UP_TO);
const wordsView = new DataView(words.buffer);

/** Unsigned big-endian number of a byte string; the empty string is 0. */
export function toBigInt(bytes: Uint8Array): bigint {
  const size = Math.ceil(bytes.length / 8) * 8;
  if (size > WORDS_UP_TO) return BigInt(`0x${toHex(bytes)}`);
  words.fill(0, 0, 8);
  words.set(bytes, size - bytes.length);
  let out = 0n;
  for (let at = 0; at < size; at += 8) out = (out << 64n) | wordsView.getBigUint64(at);
  return out;
}

/** `value` as `size` big-endian bytes. A value that does not fit is a caller's mistake (RangeError). */
export function fromBigInt(value: bigint, size: number): Uint8Array {
  const hex = value.toString(16);
  if (value < 0n || hex.length > size * 2) throw new RangeError(`${value} does not fit in ${size} bytes`);
  return fromHex(hex.padStart(size * 2, '0'));
}

/** Big-endian bytes without leading zeros (the number 0 is one zero byte). */
export function trimLeadingZeros(bytes: Uint8Array): Uint8Array {
  let i = 0;
  while (i < bytes.length - 1 && bytes[i] === 0) i++;
  return bytes.subarray(i);
}

/** `bytes` on the right of `size` bytes, zeros before them; longer input is cut only where the cut bytes are zero. */
export function leftPad(bytes: Uint8Array, size: number): Uint8Array {
  const short = trimLeadingZeros(bytes);
  if (short.length === size) return short;
  if (short.length > size) throw new RangeError(`${short.length} bytes do not fit in ${size}`);
  const out = new Uint8Array(size);
  out.set(short, size - short.length);
  return out;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_VALUE = new Map(Array.from(BASE64, (c, i) => [c, i] as const));

/** RFC 4648 base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const v = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += BASE64.charAt(v >> 18) + BASE64.charAt((v >> 12) & 63);
    out += left > 1 ? BASE64.charAt((v >> 6) & 63) : '=';
    out += left > 2 ? BASE64.charAt(v & 63) : '=';
  }
  return out;
}

/** Bytes of RFC 4648 base64 (white space ignored, padding required); undefined where it is something else. */
export function tryFromBase64(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s+/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return undefined;
  const pad = compact.endsWith('==') ? 2 : compact.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((compact.length / 4) * 3 - pad);
  let at = 0;
  for (let i = 0; i < compact.length; i += 4) {
    let v = 0;
    for (let k = 0; k < 4; k++) v = (v << 6) | (BASE64_VALUE.get(compact.charAt(i + k)) ?? 0);
    for (const shift of [16, 8, 0]) if (at < out.length) out[at++] = (v >> shift) & 0xff;
  }
  return out;
}

/**
 * SHA-1 of data that fits in one block (FIPS 180-4, 6.1). Extending a PCR hashes 40 bytes: the way to a native hash and back
 * takes twice as long as hashing them here (0.88 µs against 0.43 µs measured).
 */

/** Longest data: a block of 64 bytes less the end mark and the 64-bit length. */
export const ONE_BLOCK = 55;

/** Message schedule, reused: every word is written before it is read. */
const w = new Int32Array(80);

/** Word i of the message schedule; asked for in order. */
function word(i: number): number {
  if (i < 16) return w[i] as number;
  const x = (w[i - 3] as number) ^ (w[i - 8] as number) ^ (w[i - 14] as number) ^ (w[i - 16] as number);
  w[i] = (x << 1) | (x >>> 31);
  return w[i] as number;
}

/** The padded data as the first 16 words. */
function load(data: Uint8Array): void {
  const { length } = data;
  const whole = length >> 2;
  let at = 0;
  for (let i = 0; i < whole; i++, at += 4) {
    w[i] =
      ((data[at] as number) << 24) |
      ((data[at + 1] as number) << 16) |
      ((data[at + 2] as number) << 8) |
      (data[at + 3] as number);
  }
  let last = 0x80 << (24 - 8 * (length & 3));
  for (; at < length; at++) last |= (data[at] as number) << (24 - 8 * (at & 3));
  w[whole] = last;
  for (let i = whole + 1; i < 15; i++) w[i] = 0;
  w[15] = length * 8;
}

/** SHA-1 of at most {@link ONE_BLOCK} bytes. */
export function sha1Block(data: Uint8Array): Uint8Array {
  load(data);
  let a = 0x67452301;
  let b = 0xefcdab89 | 0;
  let c = 0x98badcfe | 0;
  let d = 0x10325476;
  let e = 0xc3d2e1f0 | 0;
  let i = 0;
  for (; i < 20; i++) {
    const next = (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + e + 0x5a827999 + word(i)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; i < 40; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + word(i)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; i < 60; i++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e + 0x8f1bbcdc + word(i)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (; i < 80; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0xca62c1d6 + word(i)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  const out = new Uint8Array(20);
  put(out, 0, a + 0x67452301);
  put(out, 4, b + 0xefcdab89);
  put(out, 8, c + 0x98badcfe);
  put(out, 12, d + 0x10325476);
  put(out, 16, e + 0xc3d2e1f0);
  return out;
}

function put(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

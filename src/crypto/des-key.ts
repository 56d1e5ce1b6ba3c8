/** Keys of triple DES (NIST SP 800-67; FIPS 46-3): one bit of each byte is parity, and some keys must not be used. */
import { concat } from '../bytes/bytes.ts';

/** Bytes of one of the keys that a bundle is made of. */
const SINGLE = 8;

/** A bundle of three keys from one of two, whose third is the first (SP 800-67, 3.2, keying option 2), or of three. */
export const threeKeys = (key: Uint8Array): Uint8Array =>
  key.length === 2 * SINGLE ? concat(key, key.subarray(0, SINGLE)) : key;

/** The byte with its lowest bit, which the cipher does not use, so that the number of ones is odd. */
function oddParity(byte: number): number {
  let ones = byte >> 1;
  ones ^= ones >> 4;
  ones ^= ones >> 2;
  ones ^= ones >> 1;
  return (byte & 0xfe) | (~ones & 1);
}

/** The key with odd parity in every byte. */
export const withOddParity = (key: Uint8Array): Uint8Array => key.map(oddParity);

/** Bytes of weak keys in the first half, and what stands for each in the second. */
const WEAK: ReadonlyMap<number, number> = new Map([
  [0x01, 0x01],
  [0x1f, 0x0e],
  [0xe0, 0xf1],
  [0xfe, 0xfe],
]);

/**
 * Whether a key of odd parity is one of the 64 weak, semi-weak and possibly weak keys (SP 800-67, 3.3.2). They are those of four bytes
 * that stand for nothing but equal bits, and together for an even number of ones in either half of a byte.
 */
export function isWeakDesKey(key: Uint8Array): boolean {
  const half = SINGLE / 2;
  let sum = 0;
  for (let i = 0; i < half; i++) {
    const byte = key[i] ?? 0;
    if (WEAK.get(byte) !== key[half + i]) return false;
    sum ^= byte;
  }
  return sum === 0;
}

/** Whether a bundle of two or three keys of any parity may be used: none of them weak, none equal to its neighbour. */
export function isGoodTripleDesKey(key: Uint8Array): boolean {
  const keys: Uint8Array[] = [];
  for (let at = 0; at < key.length; at += SINGLE) keys.push(withOddParity(key.subarray(at, at + SINGLE)));
  return keys.every((one, i) => !isWeakDesKey(one) && one.some((byte, at) => byte !== keys[i + 1]?.[at]));
}

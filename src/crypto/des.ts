/** Triple DES (FIPS 46-3; NIST SP 800-67) in plain JavaScript, for where the platform has none. */
import { concat, u32At, u32Bytes } from '../bytes/bytes.ts';
import type { BlockCipher } from './block-cipher.ts';
import { threeKeys } from './des-key.ts';

/** Places of a bit are counted from 1, the highest, as the standard does. */
type Places = readonly number[];

/** IP: eight columns, of the even places and then the odd ones, each read upwards. */
const IP: Places = [58, 60, 62, 64, 57, 59, 61, 63].flatMap((first) =>
  Array.from({ length: 8 }, (_, row) => first - 8 * row),
);
const INVERSE_IP: Places = IP.map((_, i) => IP.indexOf(i + 1) + 1);
const halved = (places: Places): Permutation => ({ left: places.slice(0, 32), right: places.slice(32) });
const INITIAL = halved(IP);
const FINAL = halved(INVERSE_IP);
/** P, after the S-boxes. */
const P: Places = [
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];
/** Permuted choice 1: C and D of the key. */
const PC1_C: Places = [
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
];
const PC1_D: Places = [
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
/** Permuted choice 2: 48 of the bits of C and D. */
const PC2: Places = [
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
  40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
/** Left shifts of C and D before each round. */
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** S1 to S8: four rows of sixteen, each value a hexadecimal digit. */
const S_BOXES = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
];

const BYTE_BITS = [7, 6, 5, 4, 3, 2, 1, 0];
/** Bits of big-endian bytes, each 0 or 1. */
const bitsOf = (bytes: Uint8Array): number[] =>
  Array.from(bytes, (byte) => BYTE_BITS.map((i) => (byte >> i) & 1)).flat();
const chosen = (bits: readonly number[], places: Places): number[] => places.map((place) => bits[place - 1] ?? 0);
const number = (bits: readonly number[]): number => bits.reduce((all, bit) => (all << 1) | bit, 0);
const rotated = (bits: readonly number[], by: number): number[] => [...bits.slice(by), ...bits.slice(0, by)];

/** The two halves of a block. */
type Halves = readonly [left: number, right: number];

/** 32 bits of a block. */
function half([left, right]: Halves, places: Places): number {
  let out = 0;
  for (const place of places) out = (out << 1) | ((place > 32 ? right >> (64 - place) : left >> (32 - place)) & 1);
  return out;
}

/** A block with its bits at other places. */
const permuted = (halves: Halves, { left, right }: Permutation): Halves => [half(halves, left), half(halves, right)];

interface Permutation {
  readonly left: Places;
  readonly right: Places;
}

let boxes: Int32Array | undefined;

/** S-boxes and P in one: what six bits at one of eight places become, 64 numbers for each place. */
function substitution(): Int32Array {
  if (boxes !== undefined) return boxes;
  boxes = new Int32Array(8 * 64);
  for (const [box, digits] of S_BOXES.entries()) {
    for (let six = 0; six < 64; six++) {
      // The outer bits choose the row.
      const at = ((six & 0x20) | ((six & 1) << 4)) + ((six >> 1) & 0x0f);
      const value = Number.parseInt(digits[at] ?? '', 16) << (28 - 4 * box);
      boxes[64 * box + six] = number(chosen(bitsOf(u32Bytes(value)), P));
    }
  }
  return boxes;
}

/** Keys of the rounds: eight times six bits for each. */
function schedule(key: Uint8Array): number[][] {
  const bits = bitsOf(key);
  let [c, d] = [chosen(bits, PC1_C), chosen(bits, PC1_D)];
  return SHIFTS.map((shift) => {
    [c, d] = [rotated(c, shift), rotated(d, shift)];
    const round = chosen([...c, ...d], PC2);
    return Array.from({ length: 8 }, (_, i) => number(round.slice(6 * i, 6 * i + 6)));
  });
}

/** DES between the two permutations; the halves are swapped at the end. */
function rounds(keys: readonly number[][], [left, right]: Halves): Halves {
  const table = substitution();
  let [l, r] = [left, right];
  for (const key of keys) {
    let f = 0;
    for (let i = 0; i < 8; i++) {
      // E: six neighbouring bits, the first and the last of them shared with the next places.
      const by = (27 - 4 * i) & 31;
      const six = ((r >>> by) | (r << (32 - by))) & 0x3f;
      f ^= table[64 * i + (six ^ (key[i] ?? 0))] ?? 0;
    }
    [l, r] = [r, l ^ f];
  }
  return [r, l];
}

/** Triple DES with a bundle of two or three keys (16 or 24 bytes). */
export function tripleDes(key: Uint8Array): BlockCipher {
  const bundle = threeKeys(key);
  const [k1 = [], k2 = [], k3 = []] = [0, 8, 16].map((at) => schedule(bundle.subarray(at, at + 8)));
  const encryption = [k1, k2.toReversed(), k3];
  const decryption = [k3.toReversed(), k2, k1.toReversed()];
  const run = (stages: readonly number[][][], block: Uint8Array): Uint8Array => {
    let halves = permuted([u32At(block, 0), u32At(block, 4)], INITIAL);
    // Between two of the ciphers the final permutation of one undoes the initial one of the next.
    for (const keys of stages) halves = rounds(keys, halves);
    const [left, right] = permuted(halves, FINAL);
    return concat(u32Bytes(left), u32Bytes(right));
  };
  return { size: 8, encrypt: (block) => run(encryption, block), decrypt: (block) => run(decryption, block) };
}

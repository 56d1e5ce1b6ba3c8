/** Camellia (RFC 3713) in plain JavaScript, for where the platform has none. */
import { concat, fromHex, toBigInt, u32At, u32Bytes } from '../bytes/bytes.ts';
import type { BlockCipher } from './block-cipher.ts';

const BLOCK = 16;
const MASK_64 = 0xffff_ffff_ffff_ffffn;

let sbox: Uint8Array | undefined;

/** SBOX1 (RFC 3713, 2.4.1). */
function s1(): Uint8Array {
  sbox ??= fromHex(
    '70822cecb327c0e5e4855735ea0cae4123ef6b934519a521ed0e4f4e1d6592bd86b8af8f7ceb1fce3e30dc5f5ec50b1aa6e139cad5475d3dd9015ad651566c4d' +
      '8b0d9a66fbccb02d74122b20f0b18499df4ccbc2347e76056db7a931d11704d714583a61de1b111c320f9c165318f222fe44cfb2c3b57a912408e8a860fc6950' +
      'aad0a07da1896297545b1e95e0ff64d210c40048a3f775db8a03e6da093fdd94875c8302cd4a90337367f6f39d7fbfe2529bd826c837c63b81966f4b13be632e' +
      'e979a78c9f6ebc8e29f5f9b62ffdb4597898066ae74671bad425ab4288a28dfa7207b955f8eeac0a36492a683c38f1a44028d37bbbc943c115e3adf477c7809e',
  );
  return sbox;
}

/** Another S-box from SBOX1: SBOX2 and SBOX3 rotate what comes out of it, SBOX4 what goes into it. */
type Box = (table: Uint8Array, x: number) => number;
const rotate8 = (x: number, by: number): number => ((x << by) | (x >> (8 - by))) & 0xff;
const S1: Box = (table, x) => table[x] ?? 0;
const S2: Box = (table, x) => rotate8(table[x] ?? 0, 1);
const S3: Box = (table, x) => rotate8(table[x] ?? 0, 7);
const S4: Box = (table, x) => table[rotate8(x, 1)] ?? 0;

/** What becomes of each of the eight bytes in F: its S-box, and the bytes of the result that it is added to (P), as factors. */
const F_BYTES: readonly { readonly box: Box; readonly toHigh: number; readonly toLow: number }[] = [
  { box: S1, toHigh: 0x01010100, toLow: 0x01000001 },
  { box: S2, toHigh: 0x00010101, toLow: 0x01010000 },
  { box: S3, toHigh: 0x01000101, toLow: 0x00010100 },
  { box: S4, toHigh: 0x01010001, toLow: 0x00000101 },
  { box: S2, toHigh: 0x00010101, toLow: 0x00010101 },
  { box: S3, toHigh: 0x01000101, toLow: 0x01000101 },
  { box: S4, toHigh: 0x01010001, toLow: 0x01010001 },
  { box: S1, toHigh: 0x01010100, toLow: 0x01010100 },
];

/** 64 bits as two numbers of 32. */
type Half = readonly [high: number, low: number];

const half = (value: bigint): Half => [Number((value >> 32n) & 0xffff_ffffn), Number(value & 0xffff_ffffn)];
const xor = (a: Half, b: Half): Half => [a[0] ^ b[0], a[1] ^ b[1]];
const rotate1 = (x: number): number => (x << 1) | (x >>> 31);

/** F (2.4.1). */
function f(x: Half, key: Half): Half {
  const table = s1();
  const words = xor(x, key);
  let [high, low, i] = [0, 0, 0];
  for (const { box, toHigh, toLow } of F_BYTES) {
    const word = i < 4 ? words[0] : words[1];
    const value = box(table, (word >>> (24 - 8 * (i & 3))) & 0xff);
    high ^= value * toHigh;
    low ^= value * toLow;
    i++;
  }
  return [high, low];
}

/** FL (2.4.2). */
function fl([x1, x2]: Half, [k1, k2]: Half): Half {
  const low = x2 ^ rotate1(x1 & k1);
  return [x1 ^ (low | k2), low];
}

/** The inverse of FL (2.4.3). */
function flInverse([y1, y2]: Half, [k1, k2]: Half): Half {
  const high = y1 ^ (y2 | k2);
  return [high, y2 ^ rotate1(high & k1)];
}

/** Sigma1 to Sigma6 (2.2), two for each pass over the key. */
const SIGMA: readonly (readonly [Half, Half])[] = [
  [half(0xa09e667f3bcc908bn), half(0xb67ae8584caa73b2n)],
  [half(0xc6ef372fe94f82ben), half(0x54ff53a5f1d36f1cn)],
  [half(0x10e527fade682d1dn), half(0xb05688c2b3e6c1fdn)],
];

const joined = ([a, b]: Half): bigint => (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0);

/** Two rounds over 128 bits with a pair of constants. */
function mixed(value: bigint, pass: number): bigint {
  const [first, second] = SIGMA[pass] ?? [];
  if (first === undefined || second === undefined) throw new Error('unreachable: there are three passes');
  let [d1, d2] = [half(value >> 64n), half(value)];
  d2 = xor(d2, f(d1, first));
  d1 = xor(d1, f(d2, second));
  return (joined(d1) << 64n) | joined(d2);
}

/**
 * Subkeys in the order of use (2.2): of which of the four keys KL, KR, KA and KB, rotated how far, and which half (`h`, `l`) where not both
 * are used. Whitening, then six rounds and a pair for FL and its inverse by turns, then whitening.
 */
const ORDER_128 = 'L0 A0 L15 A15 A30 L45 A45h L60l A60 L77 L94 A94 L111 A111';
const ORDER_256 = 'L0 B0 R15 A15 R30 B30 L45 A45 L60 R60 B60 L77 A77 R94 A94 L111 B111';
const WHITENING = 2;
/** Six rounds and a pair. */
const GROUP = 8;

/** Subkeys of a key of 16, 24 or 32 bytes, in the order of encryption. */
function schedule(key: Uint8Array): Half[] {
  const L = toBigInt(key.subarray(0, BLOCK));
  const rest = toBigInt(key.subarray(BLOCK));
  // A key of 192 bits is followed by the complement of its last 64.
  const R = key.length === 24 ? (rest << 64n) | (rest ^ MASK_64) : rest;
  const A = mixed(mixed(L ^ R, 0) ^ L, 1);
  const keys: Readonly<Record<string, bigint>> = { L, R, A, B: mixed(A ^ R, 2) };
  return (key.length === BLOCK ? ORDER_128 : ORDER_256).split(' ').flatMap((text) => {
    const value = keys[text[0] ?? ''] ?? 0n;
    const by = BigInt(Number.parseInt(text.slice(1), 10));
    const rotated = (value << by) | (value >> (128n - by));
    const both = [half(rotated >> 64n), half(rotated)];
    return text.endsWith('h') ? both.slice(0, 1) : text.endsWith('l') ? both.slice(1) : both;
  });
}

/** The subkeys backwards, the pairs of whitening as they were. */
function reversed(keys: readonly Half[]): Half[] {
  const inner = keys.slice(WHITENING, -WHITENING).toReversed();
  return [...keys.slice(-WHITENING), ...inner, ...keys.slice(0, WHITENING)];
}

function run(keys: readonly Half[], block: Uint8Array): Uint8Array {
  const key = (i: number): Half => keys[i] ?? [0, 0];
  let d1 = xor([u32At(block, 0), u32At(block, 4)], key(0));
  let d2 = xor([u32At(block, 8), u32At(block, 12)], key(1));
  const end = keys.length - WHITENING;
  for (let i = WHITENING; i < end; i += 2) {
    if ((i - WHITENING) % GROUP === GROUP - 2) {
      d1 = fl(d1, key(i));
      d2 = flInverse(d2, key(i + 1));
    } else {
      d2 = xor(d2, f(d1, key(i)));
      d1 = xor(d1, f(d2, key(i + 1)));
    }
  }
  const words = [...xor(d2, key(end)), ...xor(d1, key(end + 1))];
  return concat(...words.map(u32Bytes));
}

/** Camellia with a key of 16, 24 or 32 bytes. */
export function camellia(key: Uint8Array): BlockCipher {
  const forth = schedule(key);
  const back = reversed(forth);
  return { size: BLOCK, encrypt: (block) => run(forth, block), decrypt: (block) => run(back, block) };
}

/** Published vectors of Camellia and triple DES, on both platforms. */
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex, utf8 } from '../bytes/bytes.ts';
import { isGoodTripleDesKey, isWeakDesKey, withOddParity } from './des-key.ts';
import { primitives as node } from './primitives.node.ts';
import type { BlockCipherName, CipherMode } from './primitives.ts';
import { primitives as web } from './primitives.web.ts';

interface Vector {
  readonly from: string;
  readonly cipher: BlockCipherName;
  readonly mode: CipherMode;
  readonly key: string;
  readonly iv?: string;
  readonly plain: string;
  readonly encrypted: string;
}

const BLOCK = '0123456789abcdeffedcba9876543210';
const VECTORS: readonly Vector[] = [
  {
    from: 'RFC 3713, A, 128 bits',
    cipher: 'camellia',
    mode: 'ecb',
    key: BLOCK,
    plain: BLOCK,
    encrypted: '67673138549669730857065648eabe43',
  },
  {
    from: 'RFC 3713, A, 192 bits',
    cipher: 'camellia',
    mode: 'ecb',
    key: `${BLOCK}0011223344556677`,
    plain: BLOCK,
    encrypted: 'b4993401b3e996f84ee5cee7d79b09b9',
  },
  {
    from: 'RFC 3713, A, 256 bits',
    cipher: 'camellia',
    mode: 'ecb',
    key: `${BLOCK}00112233445566778899aabbccddeeff`,
    plain: BLOCK,
    encrypted: '9acc237dff16d76c20ef7c919e3a7509',
  },
  {
    from: 'RFC 5528, 5, test vector 1',
    cipher: 'camellia',
    mode: 'ctr',
    key: 'ae6852f8121067cc4bf7a5765577f39e',
    iv: '00000030000000000000000000000001',
    plain: toHex(utf8('Single block msg')),
    encrypted: 'd09dc29a8214619a20877c76db1f0b3f',
  },
  {
    from: 'NIST SP 800-67 revision 1, B.1',
    cipher: 'tdes',
    mode: 'ecb',
    key: '0123456789abcdef23456789abcdef01456789abcdef0123',
    plain: '5468652071756663 6b2062726f776e20 666f78206a756d70',
    encrypted: 'a826fd8ce53b855f cce21c8112256fe6 68d5c05dd9b6b900',
  },
  {
    // With three equal keys it is DES.
    from: 'NIST SP 800-17, table 1, first round',
    cipher: 'tdes',
    mode: 'ecb',
    key: '01'.repeat(24),
    plain: '8000000000000000',
    encrypted: '95f8a5e5dd31d900',
  },
];

describe.each(VECTORS)('$cipher in $mode: $from', ({ cipher, mode, key, iv = '', plain, encrypted }) => {
  it.each([
    ['Node', node],
    ['browser', web],
  ])('%s', (_, { cipher: run }) => {
    const args = [fromHex(key), fromHex(iv)] as const;
    expect(toHex(run(cipher, mode, 'encrypt', ...args, fromHex(plain)))).toBe(toHex(fromHex(encrypted)));
    expect(toHex(run(cipher, mode, 'decrypt', ...args, fromHex(encrypted)))).toBe(toHex(fromHex(plain)));
  });
});

describe('keys of triple DES', () => {
  /** NIST SP 800-67, 3.3.2: the weak and the semi-weak keys, and the first and the last of the possibly weak ones. */
  const WEAK = [
    ...['0101010101010101', 'fefefefefefefefe', 'e0e0e0e0f1f1f1f1', '1f1f1f1f0e0e0e0e'],
    ...['011f011f010e010e', '1f011f010e010e01', '01e001e001f101f1', 'e001e001f101f101'],
    ...['01fe01fe01fe01fe', 'fe01fe01fe01fe01', '1fe01fe00ef10ef1', 'e01fe01ff10ef10e'],
    ...['1ffe1ffe0efe0efe', 'fe1ffe1ffe0efe0e', 'e0fee0fef1fef1fe', 'fee0fee0fef1fef1'],
    ...['01011f1f01010e0e', '1f1f01010e0e0101', 'e0e00101f1f10101', 'fefee0e0fefef1f1'],
  ].map((key) => fromHex(key));
  const GOOD = fromHex('0123456789abcdef23456789abcdef01456789abcdef0123');

  it('the weak ones', () => {
    for (const key of WEAK) expect([toHex(key), isWeakDesKey(key)]).toEqual([toHex(key), true]);
    for (const at of [0, 8, 16]) expect(isWeakDesKey(GOOD.subarray(at, at + 8))).toBe(false);
    // Of the same bytes, but for an odd number of ones.
    expect(isWeakDesKey(fromHex('0101011f0101010e'))).toBe(false);
    // The second half does not go with the first.
    expect(isWeakDesKey(fromHex('1f1f1f1f1f1f1f1f'))).toBe(false);
  });

  it('are 64 of those that stand for equal bits', () => {
    const halves = [fromHex('01010101'), fromHex('1f0e'), fromHex('e0f1'), fromHex('fefe')];
    let count = 0;
    for (let n = 0; n < 256; n++) {
      const chosen = [6, 4, 2, 0].map((shift) => halves[(n >> shift) & 3] ?? new Uint8Array(2));
      const key = [...chosen.map((half) => half[0] ?? 0), ...chosen.map((half) => half[1] ?? 0)];
      if (isWeakDesKey(Uint8Array.from(key))) count++;
    }
    expect(count).toBe(64);
  });

  it('odd parity', () => {
    expect(toHex(withOddParity(fromHex('0001020304fe7fff')))).toBe('01010202' + '04fe7ffe');
  });

  it('bundles', () => {
    const [a, b] = [GOOD.subarray(0, 8), GOOD.subarray(8, 16)];
    const weak = WEAK[5] ?? new Uint8Array(8);
    const otherParity = (key: Uint8Array): Uint8Array => key.map((byte) => byte ^ 1);
    for (const key of [GOOD, concat(a, b), concat(a, b, a), otherParity(GOOD)]) {
      expect(isGoodTripleDesKey(key)).toBe(true);
    }
    const bad = [concat(a, a), concat(a, otherParity(a)), concat(a, a, b), concat(a, b, b), concat(a, b, weak)];
    for (const key of [...bad, concat(otherParity(weak), a)]) expect(isGoodTripleDesKey(key)).toBe(false);
  });
});

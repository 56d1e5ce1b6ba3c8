/** CMAC with the examples of NIST SP 800-38B, appendix D, whose messages are parts of one. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../bytes/bytes.ts';
import { continueCmac, finishCmac, startCmac } from './cmac.ts';
import type { BlockCipherName } from './primitives.ts';

const MESSAGE = fromHex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
);
type Example = readonly [cipher: BlockCipherName, key: string, macs: Readonly<Record<number, string>>];
const EXAMPLES: Readonly<Record<string, Example>> = {
  'D.1': [
    'aes',
    '2b7e151628aed2a6abf7158809cf4f3c',
    {
      0: 'bb1d6929e95937287fa37d129b756746',
      16: '070a16b46b4d4144f79bdd9dd04a287c',
      40: 'dfa66747de9ae63030ca32611497c827',
      64: '51f0bebf7e3b9d92fc49741779363cfe',
    },
  ],
  'D.3': [
    'aes',
    '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    {
      0: '028962f61b7bf89efc6b551f4667d983',
      16: '28a7023f452e8f82bd4bf28d8c37c35c',
      40: 'aaf3d8f1de5640c232f5b169b9c911e6',
      64: 'e1992190549f6ed5696a2c056c315410',
    },
  ],
  'D.4': [
    'tdes',
    '8aa83bf8cbda10620bc1bf19fbb6cd58bc313d4a371ca8b5',
    { 0: 'b7a688e122ffaf95', 8: '8e8f293136283797', 20: '743ddbe0ce2dc2ed', 32: '33e6b1092400eae5' },
  ],
  'D.5': [
    'tdes',
    '4cf15134a2850dd58a3d10ba80570d38',
    { 0: 'bd2ebf9a3ba00361', 8: '4ff2ab813c53ce83', 20: '62dd1b471902bd4e', 32: '31b1e431dabc4eb8' },
  ],
};

describe.each(Object.entries(EXAMPLES))('SP 800-38B, %s', (_, [cipher, key, macs]) => {
  const mac = (size: number, piece: number): string => {
    const state = startCmac(cipher, fromHex(key));
    for (let at = 0; at < size; at += piece) continueCmac(state, MESSAGE.subarray(at, Math.min(at + piece, size)));
    return toHex(finishCmac(state));
  };

  it.each(Object.entries(macs))('%s bytes', (size, expected) => {
    for (const piece of [1, 3, 8, 16, 17, 64]) expect([piece, mac(Number(size), piece)]).toEqual([piece, expected]);
  });

  it('goes on after the MAC was made', () => {
    const state = startCmac(cipher, fromHex(key));
    continueCmac(state, MESSAGE.subarray(0, 5));
    finishCmac(state);
    const [size = 0, expected] = Object.entries(macs).at(-1) ?? [];
    continueCmac(state, MESSAGE.subarray(5, Number(size)));
    expect(toHex(finishCmac(state))).toBe(expected);
  });
});

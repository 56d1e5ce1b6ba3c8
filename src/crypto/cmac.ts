/** CMAC (NIST SP 800-38B; RFC 4493 with AES) whose state between two pieces of data is plain data. */
import { primitives } from '#primitives';
import { concat } from '../bytes/bytes.ts';
import { CIPHER_BLOCK_SIZE } from './block-cipher.ts';
import type { BlockCipherName } from './primitives.ts';

/** A CMAC in progress. */
export interface CmacState {
  readonly cipher: BlockCipherName;
  readonly key: Uint8Array;
  /** What the blocks so far were chained to, one block. */
  chain: Uint8Array;
  /** Data not yet chained: the last block must wait for the end, so up to a whole one. */
  tail: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** A CMAC of nothing yet, with the key of a cipher. */
export const startCmac = (cipher: BlockCipherName, key: Uint8Array): CmacState => ({
  cipher,
  key,
  chain: new Uint8Array(CIPHER_BLOCK_SIZE[cipher]),
  tail: EMPTY,
});

/** The chain after whole blocks. */
function chained({ cipher, key, chain }: CmacState, blocks: Uint8Array): Uint8Array {
  if (blocks.length === 0) return chain;
  return primitives.cipher(cipher, 'cbc', 'encrypt', key, chain, blocks).slice(-chain.length);
}

/** Adds data; `state` is changed. */
export function continueCmac(state: CmacState, data: Uint8Array): void {
  const size = state.chain.length;
  const all = concat(state.tail, data);
  const whole = Math.max(0, Math.ceil(all.length / size) - 1) * size;
  state.chain = chained(state, all.subarray(0, whole));
  state.tail = all.slice(whole);
}

/** R_b of SP 800-38B, 5.3: the low bits of the polynomial that blocks of so many bytes are reduced by. */
export const CMAC_REDUCTION: Readonly<Record<number, number>> = { 8: 0x1b, 16: 0x87 };

/** A block times x: one bit to the left, reduced. */
function doubled(block: Uint8Array, reduction: number): Uint8Array {
  const out = block.map((byte, i) => (byte << 1) | ((block[i + 1] ?? 0) >> 7));
  const last = out.length - 1;
  if ((block[0] ?? 0) & 0x80) out[last] = (out[last] ?? 0) ^ reduction;
  return out;
}

/**
 * The MAC of everything so far, one block; `state` is not changed.
 * @param reduction another R_b than the standard has for the cipher
 */
export function finishCmac(state: CmacState, reduction = CMAC_REDUCTION[state.chain.length] ?? 0): Uint8Array {
  const { cipher, key, tail } = state;
  const size = state.chain.length;
  const zeros = new Uint8Array(size);
  const k1 = doubled(primitives.cipher(cipher, 'ecb', 'encrypt', key, zeros, zeros), reduction);
  const last = zeros.slice();
  last.set(tail);
  if (tail.length < size) last[tail.length] = 0x80;
  const subkey = tail.length < size ? doubled(k1, reduction) : k1;
  return chained(
    state,
    last.map((byte, i) => byte ^ (subkey[i] ?? 0)),
  );
}

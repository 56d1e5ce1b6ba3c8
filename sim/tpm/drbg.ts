/** The TPM's own random numbers: HMAC-SHA-256 of a counter under a secret key, so that the whole state is two plain values. */
import { concat, u64Bytes } from '../../src/bytes/bytes.ts';
import { hmac } from '../../src/crypto/hash.ts';

/** Serialisable state of the generator. */
export interface DrbgState {
  key: Uint8Array;
  counter: number;
}

/** Bytes of a block: an HMAC. */
const BLOCK_SIZE = 32;

function block(state: DrbgState): Uint8Array {
  return hmac('sha256', state.key, u64Bytes(state.counter++));
}

/** The next `size` bytes. A request always starts a new block, so an answer does not depend on how earlier ones were cut. */
export function nextBytes(state: DrbgState, size: number): Uint8Array {
  if (size === BLOCK_SIZE) return block(state);
  const out = new Uint8Array(size);
  for (let at = 0; at < size; at += BLOCK_SIZE) out.set(block(state).subarray(0, Math.min(BLOCK_SIZE, size - at)), at);
  return out;
}

/** Mixes caller's data into the key (TPM2_StirRandom). */
export function stir(state: DrbgState, data: Uint8Array): void {
  state.key = hmac('sha256', state.key, concat(block(state), data));
}

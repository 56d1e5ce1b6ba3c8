/** What a block cipher is, and the modes of operation over any of them (NIST SP 800-38A, 6). */
import type { BlockCipherName, CipherMode } from './primitives.ts';

/** Bytes of a block. */
export const CIPHER_BLOCK_SIZE: Readonly<Record<BlockCipherName, number>> = { aes: 16, camellia: 16, tdes: 8 };

/** A block cipher under one key: each function takes one block and gives another. */
export interface BlockCipher {
  /** Bytes of a block. */
  readonly size: number;
  encrypt(block: Uint8Array): Uint8Array;
  decrypt(block: Uint8Array): Uint8Array;
}

type Direction = 'encrypt' | 'decrypt';
/** One block of a mode: the output and the vector of the next block. `block` is shorter than others at the end of a stream. */
type Step = (
  cipher: BlockCipher,
  direction: Direction,
  vector: Uint8Array,
  block: Uint8Array,
) => { output: Uint8Array; next: Uint8Array };

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] ?? 0));

/** A big-endian counter, one further. */
function increment(counter: Uint8Array): Uint8Array {
  const out = counter.slice();
  for (let i = out.length - 1; i >= 0; i--) {
    out[i] = (out[i] ?? 0) + 1;
    if (out[i] !== 0) break;
  }
  return out;
}

const STEPS: Readonly<Record<CipherMode, Step>> = {
  ecb: (cipher, direction, vector, block) => ({ output: cipher[direction](block), next: vector }),
  cbc(cipher, direction, vector, block) {
    if (direction === 'decrypt') return { output: xor(cipher.decrypt(block), vector), next: block };
    const output = cipher.encrypt(xor(block, vector));
    return { output, next: output };
  },
  cfb(cipher, direction, vector, block) {
    const output = xor(block, cipher.encrypt(vector));
    return { output, next: direction === 'encrypt' ? output : block };
  },
  ofb(cipher, _direction, vector, block) {
    const next = cipher.encrypt(vector);
    return { output: xor(block, next), next };
  },
  ctr: (cipher, _direction, vector, block) => ({
    output: xor(block, cipher.encrypt(vector)),
    next: increment(vector),
  }),
};

/** A mode over a cipher; `iv` is one block, which ECB does not look at. CBC and ECB take whole blocks. */
export function runMode(
  cipher: BlockCipher,
  mode: CipherMode,
  direction: Direction,
  iv: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const { size } = cipher;
  const step = STEPS[mode];
  const out = new Uint8Array(data.length);
  let vector = iv;
  for (let at = 0; at < data.length; at += size) {
    const { output, next } = step(cipher, direction, vector, data.subarray(at, at + size));
    out.set(output, at);
    vector = next;
  }
  return out;
}

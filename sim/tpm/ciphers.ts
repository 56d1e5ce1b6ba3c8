/** Cipher modes with the initial vector for data that follows (TPM 2.0 Library specification, Part 3, 15.2). */
import { primitives } from '#primitives';
import { concat, fromBigInt, toBigInt } from '../../src/bytes/bytes.ts';
import type { CipherMode } from '../../src/crypto/primitives.ts';
import type { BlockCipherSizes } from '../../src/tpm2/block-cipher.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';

const MODES: ReadonlyMap<number, CipherMode> = new Map([
  [TPM_ALG.CTR, 'ctr'],
  [TPM_ALG.OFB, 'ofb'],
  [TPM_ALG.CBC, 'cbc'],
  [TPM_ALG.CFB, 'cfb'],
  [TPM_ALG.ECB, 'ecb'],
]);

/** Data filled up with zeros to whole blocks. */
function wholeBlocks(data: Uint8Array, block: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(data.length / block) * block);
  out.set(data);
  return out;
}

/** Encrypts or decrypts; `iv` of the result continues with the next data. Whole blocks for CBC and ECB. */
export function cipherWithChaining(
  { name, blockSize }: BlockCipherSizes,
  mode: number,
  direction: 'encrypt' | 'decrypt',
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): { output: Uint8Array; iv: Uint8Array } {
  const named = MODES.get(mode);
  if (named === undefined) throw new RangeError(`0x${mode.toString(16)} is not a cipher mode`);
  if (data.length === 0) return { output: data, iv };
  const lastBlock = (blocks: Uint8Array): Uint8Array => blocks.slice(blocks.length - blockSize);
  const output = primitives.cipher(name, named, direction, key, iv, data);
  switch (named) {
    case 'ecb':
      return { output, iv };
    case 'ctr': {
      const blocks = BigInt(Math.ceil(data.length / blockSize));
      return { output, iv: fromBigInt(BigInt.asUintN(8 * blockSize, toBigInt(iv) + blocks), blockSize) };
    }
    case 'ofb': {
      // The key stream itself is the next vector: what zeros become.
      const zeros = wholeBlocks(data, blockSize).fill(0);
      return { output, iv: lastBlock(primitives.cipher(name, named, 'encrypt', key, iv, zeros)) };
    }
    case 'cfb': {
      // The last ciphertext; where it is not a whole block, key stream follows it.
      const stream = primitives.cipher(name, named, direction, key, iv, wholeBlocks(data, blockSize));
      const cipherText = direction === 'encrypt' ? stream : concat(data, stream.subarray(data.length));
      return { output, iv: lastBlock(cipherText) };
    }
    default:
      return { output, iv: lastBlock(direction === 'encrypt' ? output : data) };
  }
}

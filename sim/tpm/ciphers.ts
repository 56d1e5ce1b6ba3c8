/** AES modes with the initial vector for data that follows (TPM 2.0 Library specification, Part 3, 15.2). */
import { primitives } from '#primitives';
import { concat, fromBigInt, toBigInt } from '../../src/bytes/bytes.ts';
import type { AesMode } from '../../src/crypto/primitives.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';

const BLOCK = 16;
const MODES: ReadonlyMap<number, AesMode> = new Map([
  [TPM_ALG.CTR, 'ctr'],
  [TPM_ALG.OFB, 'ofb'],
  [TPM_ALG.CBC, 'cbc'],
  [TPM_ALG.CFB, 'cfb'],
  [TPM_ALG.ECB, 'ecb'],
]);

/** Last block of data of whole blocks. */
const lastBlock = (data: Uint8Array): Uint8Array => data.slice(data.length - BLOCK);

/** Data filled up with zeros to whole blocks. */
function wholeBlocks(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(data.length / BLOCK) * BLOCK);
  out.set(data);
  return out;
}

/** Encrypts or decrypts; `iv` of the result continues with the next data. Whole blocks for CBC and ECB. */
export function cipherWithChaining(
  mode: number,
  direction: 'encrypt' | 'decrypt',
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): { output: Uint8Array; iv: Uint8Array } {
  const name = MODES.get(mode);
  if (name === undefined) throw new RangeError(`0x${mode.toString(16)} is not a cipher mode`);
  if (data.length === 0) return { output: data, iv };
  const output = primitives.aes(name, direction, key, iv, data);
  switch (name) {
    case 'ecb':
      return { output, iv };
    case 'ctr': {
      const blocks = BigInt(Math.ceil(data.length / BLOCK));
      return { output, iv: fromBigInt(BigInt.asUintN(8 * BLOCK, toBigInt(iv) + blocks), BLOCK) };
    }
    case 'ofb':
      // The key stream itself is the next vector: what zeros become.
      return { output, iv: lastBlock(primitives.aes('ofb', 'encrypt', key, iv, wholeBlocks(data).fill(0))) };
    case 'cfb': {
      // The last ciphertext; where it is not a whole block, key stream follows it.
      const stream = primitives.aes('cfb', direction, key, iv, wholeBlocks(data));
      const cipherText = direction === 'encrypt' ? stream : concat(data, stream.subarray(data.length));
      return { output, iv: lastBlock(cipherText) };
    }
    default:
      return { output, iv: lastBlock(direction === 'encrypt' ? output : data) };
  }
}

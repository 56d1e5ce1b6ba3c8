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

/** Last block of data, filled up with zeros where it is not whole. */
function lastBlock(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(BLOCK);
  out.set(data.subarray(Math.floor((data.length - 1) / BLOCK) * BLOCK));
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
  const cipherText = direction === 'encrypt' ? output : data;
  switch (name) {
    case 'ecb':
      return { output, iv };
    case 'ctr': {
      const blocks = BigInt(Math.ceil(data.length / BLOCK));
      return { output, iv: fromBigInt(BigInt.asUintN(8 * BLOCK, toBigInt(iv) + blocks), BLOCK) };
    }
    case 'ofb': {
      // The key stream itself is the next vector: what zeros become.
      const whole = new Uint8Array(Math.ceil(data.length / BLOCK) * BLOCK);
      return { output, iv: lastBlock(primitives.aes('ofb', 'encrypt', key, iv, whole)) };
    }
    default:
      return { output, iv: lastBlock(concat(cipherText)) };
  }
}

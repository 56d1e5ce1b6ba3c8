/** Block ciphers by their TPM algorithm identifiers (TPM 2.0 Library specification, Part 2, 11.1.6 and 11.1.7). */
import { primitives } from '#primitives';
import { CIPHER_BLOCK_SIZE } from '../crypto/block-cipher.ts';
import type { BlockCipherName } from '../crypto/primitives.ts';
import { TPM_ALG } from './constants.ts';
import type { TPMT_SYM_DEF, TPMT_SYM_DEF_OBJECT } from './structures/index.ts';

/** A block cipher with a size of its key, both sizes in bytes. */
export interface BlockCipherSizes {
  readonly name: BlockCipherName;
  readonly keySize: number;
  readonly blockSize: number;
}

const NAMES: ReadonlyMap<number, BlockCipherName> = new Map([
  [TPM_ALG.TDES, 'tdes'],
  [TPM_ALG.AES, 'aes'],
  [TPM_ALG.CAMELLIA, 'camellia'],
]);

/** The block cipher that a structure names; undefined for TPM_ALG_NULL and TPM_ALG_XOR. */
export function blockCipherOf(symmetric: TPMT_SYM_DEF | TPMT_SYM_DEF_OBJECT): BlockCipherSizes | undefined {
  const name = NAMES.get(symmetric.algorithm);
  if (name === undefined || !('mode' in symmetric)) return undefined;
  return { name, keySize: symmetric.keyBits / 8, blockSize: CIPHER_BLOCK_SIZE[name] };
}

/** CFB, in which a TPM protects everything that leaves it, whatever mode a structure names. Without `iv` it is zeros. */
export const cryptCfb = (
  { name, blockSize }: BlockCipherSizes,
  direction: 'encrypt' | 'decrypt',
  key: Uint8Array,
  data: Uint8Array,
  iv: Uint8Array = new Uint8Array(blockSize),
): Uint8Array => primitives.cipher(name, 'cfb', direction, key, iv, data);

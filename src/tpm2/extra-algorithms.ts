/**
 * Algorithms that a TPM may have or lack: key sizes of AES and RSA beyond those of PC Client TPMs, which the TCG Algorithm Registry
 * lists and the PC Client Platform TPM Profile leaves to the manufacturer. The structures know all of them, and whoever reads a key
 * of any TPM does; what is read for one TPM ({@link tpmReader}) is refused where that TPM lacks the algorithm.
 */
import { ByteReader } from '../bytes/reader.ts';

/** AES with keys of 192 bits (TPMI_AES_KEY_BITS, Part 2, 11.1.1); RSA with keys of 4,096 bits (TPMI_RSA_KEY_BITS, Part 2, 11.2.4.6). */
export const EXTRA_ALGORITHMS = ['aes192', 'rsa4096'] as const;
export type ExtraAlgorithm = (typeof EXTRA_ALGORITHMS)[number];

/** A reader of what was sent to a TPM that has these extra algorithms and no others. */
export const tpmReader = (bytes: Uint8Array, structure: string, extra: readonly ExtraAlgorithm[]): ByteReader =>
  new ByteReader(bytes, structure, 'big', 0, extra);

/** Sizes that depend on the largest RSA key of a TPM (TPM 2.0 Library specification, Part 2, 6.13: MAX_CONTEXT_SIZE and its like). */
import type { TpmConfig } from './config.ts';
import { MAX_BUFFER_SIZE } from './context.ts';

/** Of a TPM whose largest RSA key has 3,072 bits, as libtpms 0.9 has them. */
const OBJECT_CONTEXT = 2692;
/** What the PC Client profile asks for, too. */
const SMALLEST_BUFFER = 0xaf8;
/** What 1,024 bits more of modulus add to an object: libtpms lets its own grow by as much between 2,048 and 3,072 bits. */
const LARGER_KEY = 704;

const growth = ({ extraAlgorithms }: TpmConfig): number => (extraAlgorithms.includes('rsa4096') ? LARGER_KEY : 0);

/** Bytes of the largest saved context of an object (TPM_PT_MAX_OBJECT_CONTEXT). */
export const maxObjectContext = (config: TpmConfig): number => OBJECT_CONTEXT + growth(config);

/** The smallest and the largest buffer of the interface: a saved context must fit into each. */
export const bufferLimits = (config: TpmConfig): { readonly min: number; readonly max: number } => ({
  min: SMALLEST_BUFFER + growth(config),
  max: MAX_BUFFER_SIZE,
});

/** Bits of the RSA keys that the TPM makes, ascending. */
export const rsaKeySizes = ({ extraAlgorithms }: TpmConfig): readonly number[] =>
  extraAlgorithms.includes('rsa4096') ? [1024, 2048, 3072, 4096] : [1024, 2048, 3072];

/** The one table of vSphere types: every encoder, decoder and property path derives from it. */
import type { TypeTable } from './schema.ts';
import { TPM_TYPES } from './tpm.ts';

export const ALL_TYPES: TypeTable = { ...TPM_TYPES };

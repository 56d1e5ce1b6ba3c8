/**
 * Which commands make the last TPM2_Shutdown stale (TPM 2.0 Library specification, Part 1, 37.7.4 and Part 3, 9.4.1): those
 * that change what it saved. Others may follow it without harm.
 */
import { TPM_CC } from '../../src/tpm2/constants.ts';

/** Commands that always do; handlers whose change depends on the parameters end the orderly state themselves. */
export const ENDS_ORDER: ReadonlySet<number> = new Set([TPM_CC.ContextSave]);

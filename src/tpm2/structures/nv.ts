/** NV storage and contexts (TPM 2.0 Library specification, Part 2, chapters 13 and 14). */
import { TPMA_NV as NV_BITS } from '../attributes.ts';
import { bits, type Infer, range, sized, struct, tpm2b, u16, u64 } from '../codec.ts';
import { word32 } from '../integers.ts';
import { TPM_RC } from '../response-code.ts';
import { TPM2B_DIGEST, TPMI_ALG_HASH, TPMI_DH_SAVED, TPMI_RH_HIERARCHY, TPMI_RH_NV_INDEX } from './base.ts';

/** Largest NV index. */
export const MAX_NV_INDEX_SIZE = 2048;

/** Part 2, 13.4: bits 8, 9 and 20 to 24 are reserved; the type is four bits. */
export const TPMA_NV_BITS = bits(
  'TPMA_NV',
  word32,
  Object.values(NV_BITS).reduce((all, bit) => all | bit, 0xf0),
);

/** Part 2, 13.5 */
export const TPMS_NV_PUBLIC = struct('TPMS_NV_PUBLIC', 'Part 2, 13.5', {
  nvIndex: TPMI_RH_NV_INDEX,
  nameAlg: TPMI_ALG_HASH,
  attributes: TPMA_NV_BITS,
  authPolicy: TPM2B_DIGEST,
  dataSize: range('UINT16 dataSize', u16, (size) => size <= MAX_NV_INDEX_SIZE, TPM_RC.SIZE),
});
export type TPMS_NV_PUBLIC = Infer<typeof TPMS_NV_PUBLIC>;
/** Part 2, 13.6 */
export const TPM2B_NV_PUBLIC = sized('TPM2B_NV_PUBLIC', TPMS_NV_PUBLIC);

/** Part 2, 14.2 to 14.5 */
export const TPM2B_CONTEXT_DATA = tpm2b('TPM2B_CONTEXT_DATA', 5120);
export const TPMS_CONTEXT = struct('TPMS_CONTEXT', 'Part 2, 14.5', {
  sequence: u64,
  savedHandle: TPMI_DH_SAVED,
  hierarchy: TPMI_RH_HIERARCHY,
  contextBlob: TPM2B_CONTEXT_DATA,
});

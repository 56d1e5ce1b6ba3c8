/** TPMS_CAPABILITY_DATA and its lists (TPM 2.0 Library specification, Part 2, 10.8 to 10.10). */
import { TPM_CAP } from '../capability-constants.ts';
import { type Infer, list, oneOf, shortBytes, struct, tpm2b, u16, u32, variant } from '../codec.ts';
import { TPM_RC } from '../response-code.ts';
import { TPM_ALG_ID, TPM_HANDLE, TPML_CC, TPML_CCA, TPML_HANDLE } from './base.ts';
import { TPML_PCR_SELECTION, TPMT_HA_NULL } from './pcr.ts';

/** Most properties in one answer (MAX_TPM_PROPERTIES with a 1,024-byte capability buffer). */
export const MAX_TPM_PROPERTIES = 127;
/** Most handles in one answer. */
export const MAX_CAP_HANDLES = 254;
/** Most algorithms in one answer. */
export const MAX_CAP_ALGS = 169;
/** Most curves in one answer. */
export const MAX_ECC_CURVES = 508;
/** Most PCR properties in one answer. */
export const MAX_PCR_PROPERTIES = 203;

/** Part 2, 10.8.1: algorithm and TPMA_ALGORITHM. */
export const TPMS_ALG_PROPERTY = struct('TPMS_ALG_PROPERTY', 'Part 2, 10.8.1', { alg: TPM_ALG_ID, algProperties: u32 });
/** Part 2, 10.8.2 */
export const TPMS_TAGGED_PROPERTY = struct('TPMS_TAGGED_PROPERTY', 'Part 2, 10.8.2', { property: u32, value: u32 });
/** Part 2, 10.8.3: a property and the bit map of the PCRs that have it (1 to 4 bytes). */
export const TPMS_TAGGED_PCR_SELECT = struct('TPMS_TAGGED_PCR_SELECT', 'Part 2, 10.8.3', {
  tag: u32,
  pcrSelect: shortBytes('TPMS_PCR_SELECT', 'Part 2, 10.6.1'),
});
/** Part 2, 10.8.4 */
export const TPMS_TAGGED_POLICY = struct('TPMS_TAGGED_POLICY', 'Part 2, 10.8.4', {
  handle: TPM_HANDLE,
  policyHash: TPMT_HA_NULL,
});

/** Part 2, 10.8.5: an authenticated countdown timer with the seconds left and its TPMA_ACT. */
export const TPMS_ACT_DATA = struct('TPMS_ACT_DATA', 'Part 2, 10.8.5', {
  handle: TPM_HANDLE,
  timeout: u32,
  attributes: u32,
});

/** Part 2, 6.12 */
export const TPM_CAP_TYPE = oneOf('TPM_CAP', u32, Object.values(TPM_CAP), TPM_RC.VALUE);

/** Part 2, 10.10.1 and 10.10.2 */
export const TPMS_CAPABILITY_DATA = variant(
  'TPMS_CAPABILITY_DATA',
  'Part 2, 10.10.2',
  { capability: TPM_CAP_TYPE },
  'capability',
  {
    [TPM_CAP.ALGS]: { data: list('TPML_ALG_PROPERTY', TPMS_ALG_PROPERTY, MAX_CAP_ALGS) },
    [TPM_CAP.HANDLES]: { data: TPML_HANDLE },
    [TPM_CAP.COMMANDS]: { data: TPML_CCA },
    [TPM_CAP.PP_COMMANDS]: { data: TPML_CC },
    [TPM_CAP.AUDIT_COMMANDS]: { data: TPML_CC },
    [TPM_CAP.PCRS]: { data: TPML_PCR_SELECTION },
    [TPM_CAP.TPM_PROPERTIES]: { data: list('TPML_TAGGED_TPM_PROPERTY', TPMS_TAGGED_PROPERTY, MAX_TPM_PROPERTIES) },
    [TPM_CAP.PCR_PROPERTIES]: { data: list('TPML_TAGGED_PCR_PROPERTY', TPMS_TAGGED_PCR_SELECT, MAX_PCR_PROPERTIES) },
    [TPM_CAP.ECC_CURVES]: { data: list('TPML_ECC_CURVE', { ...u16, name: 'TPM_ECC_CURVE' }, MAX_ECC_CURVES) },
    [TPM_CAP.AUTH_POLICIES]: { data: list('TPML_TAGGED_POLICY', TPMS_TAGGED_POLICY, 14) },
    [TPM_CAP.ACT]: { data: list('TPML_ACT_DATA', TPMS_ACT_DATA, 85) },
    [TPM_CAP.VENDOR_PROPERTY]: { data: tpm2b('TPM2B_MAX_CAP_BUFFER', 1024) },
  },
);
export type TPMS_CAPABILITY_DATA = Infer<typeof TPMS_CAPABILITY_DATA>;

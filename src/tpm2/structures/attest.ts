/** Attestation structures (TPM 2.0 Library specification, Part 2, 10.12). */
import { type Infer, range, struct, tpm2b, u16, u32, u64, variant } from '../codec.ts';
import { TPM_ALG, TPM_GENERATED_VALUE, TPM_ST } from '../constants.ts';
import { TPM_RC } from '../response-code.ts';
import {
  TPM_ALG_ID,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_MAX_NV_BUFFER,
  TPM2B_NAME,
  TPMI_YES_NO,
  TPMS_CLOCK_INFO,
  TPMS_TIME_INFO,
} from './base.ts';
import { TPML_PCR_SELECTION } from './pcr.ts';

/** Part 2, 10.12.1 */
export const TPMS_QUOTE_INFO = struct('TPMS_QUOTE_INFO', 'Part 2, 10.12.1', {
  pcrSelect: TPML_PCR_SELECTION,
  pcrDigest: TPM2B_DIGEST,
});
export type TPMS_QUOTE_INFO = Infer<typeof TPMS_QUOTE_INFO>;

/** Part 2, 10.12.12. The magic number keeps a signature over outside data from being taken for an attestation. */
export const TPMS_ATTEST = variant(
  'TPMS_ATTEST',
  'Part 2, 10.12.12',
  {
    magic: range('TPM_GENERATED', u32, (value) => value === TPM_GENERATED_VALUE, TPM_RC.VALUE),
    type: { ...u16, name: 'TPMI_ST_ATTEST' },
    qualifiedSigner: TPM2B_NAME,
    extraData: TPM2B_DATA,
    clockInfo: TPMS_CLOCK_INFO,
    firmwareVersion: u64,
  },
  'type',
  {
    [TPM_ST.ATTEST_CERTIFY]: {
      attested: struct('TPMS_CERTIFY_INFO', 'Part 2, 10.12.3', { name: TPM2B_NAME, qualifiedName: TPM2B_NAME }),
    },
    [TPM_ST.ATTEST_CREATION]: {
      attested: struct('TPMS_CREATION_INFO', 'Part 2, 10.12.7', {
        objectName: TPM2B_NAME,
        creationHash: TPM2B_DIGEST,
      }),
    },
    [TPM_ST.ATTEST_QUOTE]: { attested: TPMS_QUOTE_INFO },
    [TPM_ST.ATTEST_COMMAND_AUDIT]: {
      attested: struct('TPMS_COMMAND_AUDIT_INFO', 'Part 2, 10.12.5', {
        auditCounter: u64,
        digestAlg: TPM_ALG_ID,
        auditDigest: TPM2B_DIGEST,
        commandDigest: TPM2B_DIGEST,
      }),
    },
    [TPM_ST.ATTEST_SESSION_AUDIT]: {
      attested: struct('TPMS_SESSION_AUDIT_INFO', 'Part 2, 10.12.6', {
        exclusiveSession: TPMI_YES_NO,
        sessionDigest: TPM2B_DIGEST,
      }),
    },
    [TPM_ST.ATTEST_TIME]: {
      attested: struct('TPMS_TIME_ATTEST_INFO', 'Part 2, 10.12.2', { time: TPMS_TIME_INFO, firmwareVersion: u64 }),
    },
    [TPM_ST.ATTEST_NV]: {
      attested: struct('TPMS_NV_CERTIFY_INFO', 'Part 2, 10.12.8', {
        indexName: TPM2B_NAME,
        offset: u16,
        nvContents: TPM2B_MAX_NV_BUFFER,
      }),
    },
    [TPM_ST.ATTEST_NV_DIGEST]: {
      attested: struct('TPMS_NV_DIGEST_CERTIFY_INFO', 'Part 2, 10.12.9', {
        indexName: TPM2B_NAME,
        nvDigest: TPM2B_DIGEST,
      }),
    },
  },
);
export type TPMS_ATTEST = Infer<typeof TPMS_ATTEST>;
/** What TPM2_Quote signs. */
export type QuoteAttest = Extract<TPMS_ATTEST, { type: typeof TPM_ST.ATTEST_QUOTE }>;

/** Part 2, 10.12.13: the signed bytes, kept as bytes because the signature is over them. */
export const TPM2B_ATTEST = tpm2b('TPM2B_ATTEST', 2048);

/** Algorithms that sign an attestation with an asymmetric key. */
export const ATTESTATION_SCHEMES = [TPM_ALG.RSASSA, TPM_ALG.RSAPSS, TPM_ALG.ECDSA] as const;

/** Policy commands (TPM 2.0 Library specification, Part 3, chapter 23). */
import { type Codec, type Infer, list, oneOf, range, refuse, u16, u32 } from '../codec.ts';
import { command, plain, user } from '../command-row.ts';
import { TPM_ALG, TPM_EO } from '../constants.ts';
import { i32 } from '../integers.ts';
import { TPM_RC } from '../response-code.ts';
import {
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPM2B_NONCE,
  TPM2B_OPERAND,
  TPM2B_TIMEOUT,
  TPMA_LOCALITY,
  TPMI_DH_ENTITY,
  TPMI_DH_OBJECT,
  TPMI_RH_NV_AUTH,
  TPMI_RH_NV_INDEX,
  TPMI_SH_POLICY,
  TPMI_YES_NO,
  TPML_PCR_SELECTION,
  TPMT_SIGNATURE,
  TPMT_TK_AUTH,
  TPMT_TK_VERIFIED,
} from '../structures/index.ts';

const NONE = {} as const;
/** The handle of a command that changes only its session. */
const SESSION = { policySession: plain(TPMI_SH_POLICY) };
/** Handles of a command that reads an NV index for the policy. */
const NV_READ = { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX), ...SESSION };
const SILENT = { responseHandles: NONE, response: NONE };

/** A signature that must be there: TPM_ALG_NULL is not one. */
const SIGNATURE: Codec<Infer<typeof TPMT_SIGNATURE>> = {
  ...TPMT_SIGNATURE,
  read(reader) {
    const value = TPMT_SIGNATURE.read(reader);
    if (value.sigAlg === TPM_ALG.NULL) throw refuse(reader, TPM_RC.SCHEME, 'no signature');
    return value;
  },
};
/** Part 2, 6.8 */
const TPM_EO_TYPE = oneOf('TPM_EO', u16, Object.values(TPM_EO), TPM_RC.VALUE);
/** The branches of an OR: two to eight. */
const TPML_BRANCHES = list('TPML_DIGEST', TPM2B_DIGEST, 8, 2);
/** Parameters of both commands in which an authority speaks about one use. */
const APPROVAL = { nonceTPM: TPM2B_NONCE, cpHashA: TPM2B_DIGEST, policyRef: TPM2B_NONCE, expiration: i32 };
const APPROVED = { timeout: TPM2B_TIMEOUT, policyTicket: TPMT_TK_AUTH };

export const PolicySigned = command('PolicySigned', {
  spec: 'Part 3, 23.3',
  handles: { authObject: plain(TPMI_DH_OBJECT), ...SESSION },
  parameters: { ...APPROVAL, auth: SIGNATURE },
  responseHandles: NONE,
  response: APPROVED,
});

export const PolicySecret = command('PolicySecret', {
  spec: 'Part 3, 23.4',
  handles: { authHandle: user(TPMI_DH_ENTITY), ...SESSION },
  parameters: APPROVAL,
  responseHandles: NONE,
  response: APPROVED,
});

export const PolicyTicket = command('PolicyTicket', {
  spec: 'Part 3, 23.5',
  handles: SESSION,
  parameters: {
    timeout: TPM2B_TIMEOUT,
    cpHashA: TPM2B_DIGEST,
    policyRef: TPM2B_NONCE,
    authName: TPM2B_NAME,
    ticket: TPMT_TK_AUTH,
  },
  ...SILENT,
});

export const PolicyOR = command('PolicyOR', {
  spec: 'Part 3, 23.6',
  handles: SESSION,
  parameters: { pHashList: TPML_BRANCHES },
  ...SILENT,
});

export const PolicyPCR = command('PolicyPCR', {
  spec: 'Part 3, 23.7',
  handles: SESSION,
  parameters: { pcrDigest: TPM2B_DIGEST, pcrs: TPML_PCR_SELECTION },
  ...SILENT,
});

export const PolicyLocality = command('PolicyLocality', {
  spec: 'Part 3, 23.8',
  handles: SESSION,
  parameters: { locality: TPMA_LOCALITY },
  ...SILENT,
});

export const PolicyNV = command('PolicyNV', {
  spec: 'Part 3, 23.9',
  handles: NV_READ,
  parameters: { operandB: TPM2B_OPERAND, offset: u16, operation: TPM_EO_TYPE },
  ...SILENT,
});

export const PolicyCounterTimer = command('PolicyCounterTimer', {
  spec: 'Part 3, 23.10',
  handles: SESSION,
  parameters: { operandB: TPM2B_OPERAND, offset: u16, operation: TPM_EO_TYPE },
  ...SILENT,
});

export const PolicyCommandCode = command('PolicyCommandCode', {
  spec: 'Part 3, 23.11',
  handles: SESSION,
  parameters: { code: range('TPM_CC', u32, () => true, TPM_RC.VALUE) },
  ...SILENT,
});

export const PolicyPhysicalPresence = command('PolicyPhysicalPresence', {
  spec: 'Part 3, 23.12',
  handles: SESSION,
  parameters: NONE,
  ...SILENT,
});

export const PolicyCpHash = command('PolicyCpHash', {
  spec: 'Part 3, 23.13',
  handles: SESSION,
  parameters: { cpHashA: TPM2B_DIGEST },
  ...SILENT,
});

export const PolicyNameHash = command('PolicyNameHash', {
  spec: 'Part 3, 23.14',
  handles: SESSION,
  parameters: { nameHash: TPM2B_DIGEST },
  ...SILENT,
});

export const PolicyDuplicationSelect = command('PolicyDuplicationSelect', {
  spec: 'Part 3, 23.15',
  handles: SESSION,
  parameters: { objectName: TPM2B_NAME, newParentName: TPM2B_NAME, includeObject: TPMI_YES_NO },
  ...SILENT,
});

export const PolicyAuthorize = command('PolicyAuthorize', {
  spec: 'Part 3, 23.16',
  handles: SESSION,
  parameters: {
    approvedPolicy: TPM2B_DIGEST,
    policyRef: TPM2B_NONCE,
    keySign: TPM2B_NAME,
    checkTicket: TPMT_TK_VERIFIED,
  },
  ...SILENT,
});

export const PolicyAuthValue = command('PolicyAuthValue', {
  spec: 'Part 3, 23.17',
  handles: SESSION,
  parameters: NONE,
  ...SILENT,
});

export const PolicyPassword = command('PolicyPassword', {
  spec: 'Part 3, 23.18',
  handles: SESSION,
  parameters: NONE,
  ...SILENT,
});

export const PolicyGetDigest = command('PolicyGetDigest', {
  spec: 'Part 3, 23.19',
  handles: SESSION,
  parameters: NONE,
  responseHandles: NONE,
  response: { policyDigest: TPM2B_DIGEST },
});

export const PolicyNvWritten = command('PolicyNvWritten', {
  spec: 'Part 3, 23.20',
  handles: SESSION,
  parameters: { writtenSet: TPMI_YES_NO },
  ...SILENT,
});

export const PolicyTemplate = command('PolicyTemplate', {
  spec: 'Part 3, 23.21',
  handles: SESSION,
  parameters: { templateHash: TPM2B_DIGEST },
  ...SILENT,
});

export const PolicyAuthorizeNV = command('PolicyAuthorizeNV', {
  spec: 'Part 3, 23.22',
  handles: NV_READ,
  parameters: NONE,
  ...SILENT,
});

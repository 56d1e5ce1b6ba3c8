/** Dictionary attack, command audit and audit attestation (TPM 2.0 Library specification, Part 3, chapters 18, 21 and 25). */
import { TPMA_CC } from '../attributes.ts';
import { u32 } from '../codec.ts';
import { command, plain, user } from '../command-row.ts';
import {
  TPM2B_ATTEST,
  TPM2B_DATA,
  TPMI_ALG_HASH_NULL,
  TPMI_DH_OBJECT_NULL,
  TPMI_RH_ENDORSEMENT_ONLY,
  TPMI_RH_LOCKOUT,
  TPMI_RH_PROVISION,
  TPMI_SH_HMAC,
  TPML_CC,
  TPMT_SIG_SCHEME,
  TPMT_SIGNATURE,
} from '../structures/index.ts';

const NONE = {} as const;
const SIGNED = { inScheme: TPMT_SIG_SCHEME };

export const GetSessionAuditDigest = command('GetSessionAuditDigest', {
  spec: 'Part 3, 18.5',
  handles: {
    privacyAdminHandle: user(TPMI_RH_ENDORSEMENT_ONLY),
    signHandle: user(TPMI_DH_OBJECT_NULL),
    sessionHandle: plain(TPMI_SH_HMAC),
  },
  parameters: { qualifyingData: TPM2B_DATA, ...SIGNED },
  responseHandles: NONE,
  response: { auditInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
});

export const GetCommandAuditDigest = command('GetCommandAuditDigest', {
  spec: 'Part 3, 18.6',
  handles: { privacyHandle: user(TPMI_RH_ENDORSEMENT_ONLY), signHandle: user(TPMI_DH_OBJECT_NULL) },
  parameters: { qualifyingData: TPM2B_DATA, ...SIGNED },
  responseHandles: NONE,
  response: { auditInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
  attributes: TPMA_CC.nv,
});

export const SetCommandCodeAuditStatus = command('SetCommandCodeAuditStatus', {
  spec: 'Part 3, 21.2',
  handles: { auth: user(TPMI_RH_PROVISION) },
  parameters: { auditAlg: TPMI_ALG_HASH_NULL, setList: TPML_CC, clearList: TPML_CC },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const DictionaryAttackLockReset = command('DictionaryAttackLockReset', {
  spec: 'Part 3, 25.2',
  handles: { lockHandle: user(TPMI_RH_LOCKOUT) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const DictionaryAttackParameters = command('DictionaryAttackParameters', {
  spec: 'Part 3, 25.3',
  handles: { lockHandle: user(TPMI_RH_LOCKOUT) },
  parameters: { newMaxTries: u32, newRecoveryTime: u32, lockoutRecovery: u32 },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

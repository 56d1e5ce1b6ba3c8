/** Sessions (TPM 2.0 Library specification, Part 3, chapter 11). */
import { command, plain } from '../command-row.ts';
import {
  TPM_HANDLE,
  TPM_SE_TYPE,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_NONCE,
  TPMI_ALG_HASH,
  TPMI_DH_ENTITY_NULL,
  TPMI_DH_OBJECT_NULL,
  TPMI_SH_POLICY,
  TPMT_SYM_DEF,
} from '../structures/index.ts';

const NONE = {} as const;

export const StartAuthSession = command('StartAuthSession', {
  spec: 'Part 3, 11.1',
  handles: { tpmKey: plain(TPMI_DH_OBJECT_NULL), bind: plain(TPMI_DH_ENTITY_NULL) },
  parameters: {
    nonceCaller: TPM2B_NONCE,
    encryptedSalt: TPM2B_ENCRYPTED_SECRET,
    sessionType: TPM_SE_TYPE,
    symmetric: TPMT_SYM_DEF,
    authHash: TPMI_ALG_HASH,
  },
  responseHandles: { sessionHandle: plain(TPM_HANDLE) },
  response: { nonceTPM: TPM2B_NONCE },
});

export const PolicyRestart = command('PolicyRestart', {
  spec: 'Part 3, 11.2',
  handles: { sessionHandle: plain(TPMI_SH_POLICY) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
});

/** Sessions (TPM 2.0 Library specification, Part 3, chapter 11) and the policy commands (chapter 23) offered so far. */

import { type Codec, range, u32 } from '../codec.ts';
import { command, plain, user } from '../command-row.ts';
import { TPM_RC } from '../response-code.ts';
import {
  TPM_HANDLE,
  TPM_SE_TYPE,
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_NONCE,
  TPM2B_TIMEOUT,
  TPMI_ALG_HASH,
  TPMI_DH_ENTITY,
  TPMI_DH_ENTITY_NULL,
  TPMI_DH_OBJECT_NULL,
  TPMI_SH_POLICY,
  TPML_PCR_SELECTION,
  TPMT_SYM_DEF,
  TPMT_TK_AUTH,
} from '../structures/index.ts';

const NONE = {} as const;

/** A 32-bit signed number (PolicySecret's expiration), kept unsigned on the wire. */
const INT32: Codec<number> = {
  name: 'INT32',
  read: (reader) => u32.read(reader) | 0,
  write: (writer, value) => u32.write(writer, value >>> 0),
};

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

export const PolicySecret = command('PolicySecret', {
  spec: 'Part 3, 23.4',
  handles: { authHandle: user(TPMI_DH_ENTITY), policySession: plain(TPMI_SH_POLICY) },
  parameters: { nonceTPM: TPM2B_NONCE, cpHashA: TPM2B_DIGEST, policyRef: TPM2B_NONCE, expiration: INT32 },
  responseHandles: NONE,
  response: { timeout: TPM2B_TIMEOUT, policyTicket: TPMT_TK_AUTH },
});

export const PolicyPCR = command('PolicyPCR', {
  spec: 'Part 3, 23.7',
  handles: { policySession: plain(TPMI_SH_POLICY) },
  parameters: { pcrDigest: TPM2B_DIGEST, pcrs: TPML_PCR_SELECTION },
  responseHandles: NONE,
  response: NONE,
});

export const PolicyCommandCode = command('PolicyCommandCode', {
  spec: 'Part 3, 23.11',
  handles: { policySession: plain(TPMI_SH_POLICY) },
  parameters: { code: range('TPM_CC', u32, () => true, TPM_RC.VALUE) },
  responseHandles: NONE,
  response: NONE,
});

export const PolicyAuthValue = command('PolicyAuthValue', {
  spec: 'Part 3, 23.17',
  handles: { policySession: plain(TPMI_SH_POLICY) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
});

export const PolicyPassword = command('PolicyPassword', {
  spec: 'Part 3, 23.18',
  handles: { policySession: plain(TPMI_SH_POLICY) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
});

export const PolicyGetDigest = command('PolicyGetDigest', {
  spec: 'Part 3, 23.19',
  handles: { policySession: plain(TPMI_SH_POLICY) },
  parameters: NONE,
  responseHandles: NONE,
  response: { policyDigest: TPM2B_DIGEST },
});

/** Interface types and simple structures (TPM 2.0 Library specification, Part 2, chapters 5 to 10). */
import { TPMA_OBJECT as OBJECT_BITS, TPMA_SESSION as SESSION_BITS } from '../attributes.ts';
import { bits, list, oneOf, range, struct, tpm2b, u8, u16, u32, u64 } from '../codec.ts';
import { TPM_HANDLE_RANGE as RANGE, TPM_ALG, TPM_ECC_CURVE, TPM_RH, TPM_SE, TPM_ST, TPM_SU } from '../constants.ts';
import { i8, word32 } from '../integers.ts';
import { TPM_RC } from '../response-code.ts';

/** Largest digest (SHA-512). */
export const MAX_DIGEST = 64;
/** Most banks a list can name. */
export const HASH_COUNT = 4;
/** Largest TPM2B_MAX_BUFFER. */
export const MAX_DIGEST_BUFFER = 1024;
/** Most command codes in a list (MAX_CAP_CC with a 1,024-byte capability buffer). */
export const MAX_CAP_CC = 254;
/** Largest part of an NV index in one command. */
export const MAX_NV_BUFFER_SIZE = 1024;

/** Hash algorithms with a TPM identifier that this package implements. */
export const HASH_ALGORITHMS = [TPM_ALG.SHA1, TPM_ALG.SHA256, TPM_ALG.SHA384, TPM_ALG.SHA512] as const;

export const TPM_ALG_ID = { ...u16, name: 'TPM_ALG_ID' };
export const TPM_HANDLE = { ...u32, name: 'TPM_HANDLE' };
export const TPM_CC_ID = { ...u32, name: 'TPM_CC' };

const hash = (name: string, extra: readonly number[]) => oneOf(name, u16, [...HASH_ALGORITHMS, ...extra], TPM_RC.HASH);
/** Part 2, 9.27 */
export const TPMI_ALG_HASH = hash('TPMI_ALG_HASH', []);
export const TPMI_ALG_HASH_NULL = hash('TPMI_ALG_HASH+', [TPM_ALG.NULL]);

/** Part 2, 9.3 */
export const TPMI_YES_NO = oneOf('TPMI_YES_NO', u8, [0, 1], TPM_RC.VALUE);
export const TPM_SU_TYPE = oneOf('TPM_SU', u16, Object.values(TPM_SU), TPM_RC.VALUE);
/** Part 2, 6.7: -3 to 3, a signed byte on the wire. */
export const TPM_CLOCK_ADJUST = range('TPM_CLOCK_ADJUST', i8, (value) => value >= -3 && value <= 3, TPM_RC.VALUE);
export const TPM_SE_TYPE = oneOf('TPM_SE', u8, Object.values(TPM_SE), TPM_RC.VALUE);
/** Tags of structures; a TPM without field upgrade does not know that of its manifest. */
const TAGS = Object.values(TPM_ST).filter((tag) => tag !== TPM_ST.FU_MANIFEST);
export const TPM_ST_TAG = oneOf('TPM_ST', u16, TAGS, TPM_RC.VALUE);

const between = (value: number, first: number, last: number): boolean => value >= first && value <= last;
const isTransient = (h: number): boolean => between(h, RANGE.TRANSIENT_FIRST, RANGE.TRANSIENT_LAST);
const isPersistent = (h: number): boolean => between(h, RANGE.PERSISTENT_FIRST, RANGE.PERSISTENT_LAST);
const isNv = (h: number): boolean => between(h, RANGE.NV_INDEX_FIRST, RANGE.NV_INDEX_LAST);
/** Sessions that can be active on a PC Client TPM; their handles go no further. */
const ACTIVE_SESSIONS = 64;
const isSessionFrom = (h: number, first: number): boolean => between(h, first, first + ACTIVE_SESSIONS - 1);
const isPolicySession = (h: number): boolean => isSessionFrom(h, RANGE.POLICY_SESSION_FIRST);
const isSession = (h: number): boolean => isSessionFrom(h, RANGE.HMAC_SESSION_FIRST) || isPolicySession(h);
const isVendorAuth = (h: number): boolean => between(h, TPM_RH.AUTH_00, TPM_RH.AUTH_FF);
const isHierarchy = (h: number): boolean => h === TPM_RH.OWNER || h === TPM_RH.ENDORSEMENT || h === TPM_RH.PLATFORM;
/** PCR of an allocation that a PC Client TPM has. */
export const PCR_COUNT = 24;
const isPcr = (h: number): boolean => h < PCR_COUNT;

const handle = (name: string, allowed: (h: number) => boolean) => range(name, u32, allowed, TPM_RC.VALUE);
/** Part 2, 9.4 to 9.26: interface types of handles; a handle of another kind is TPM_RC_VALUE. */
export const TPMI_DH_OBJECT = handle('TPMI_DH_OBJECT', (h) => isTransient(h) || isPersistent(h));
export const TPMI_DH_OBJECT_NULL = handle(
  'TPMI_DH_OBJECT+',
  (h) => isTransient(h) || isPersistent(h) || h === TPM_RH.NULL,
);
export const TPMI_DH_PERSISTENT = handle('TPMI_DH_PERSISTENT', isPersistent);
export const TPMI_DH_ENTITY = handle(
  'TPMI_DH_ENTITY',
  (h) =>
    isHierarchy(h) ||
    h === TPM_RH.LOCKOUT ||
    isVendorAuth(h) ||
    isTransient(h) ||
    isPersistent(h) ||
    isNv(h) ||
    isPcr(h),
);
export const TPMI_DH_ENTITY_NULL = handle(
  'TPMI_DH_ENTITY+',
  (h) =>
    isHierarchy(h) ||
    h === TPM_RH.LOCKOUT ||
    h === TPM_RH.NULL ||
    isVendorAuth(h) ||
    isTransient(h) ||
    isPersistent(h) ||
    isNv(h) ||
    isPcr(h),
);
export const TPMI_DH_PCR = handle('TPMI_DH_PCR', isPcr);
export const TPMI_DH_PCR_NULL = handle('TPMI_DH_PCR+', (h) => isPcr(h) || h === TPM_RH.NULL);
export const TPMI_DH_PARENT = handle(
  'TPMI_DH_PARENT+',
  (h) => isTransient(h) || isPersistent(h) || isHierarchy(h) || h === TPM_RH.NULL,
);
/** Any handle FlushContext may name: sessions and transient objects. */
export const TPMI_DH_CONTEXT = handle('TPMI_DH_CONTEXT', (h) => isSession(h) || isTransient(h));
/** Handle in a saved context: a session, or 0x80000000 to 0x80000002 for the kinds of objects. */
export const TPMI_DH_SAVED = handle(
  'TPMI_DH_SAVED',
  (h) => isSession(h) || between(h, RANGE.TRANSIENT_FIRST, RANGE.TRANSIENT_FIRST + 2),
);
export const TPMI_SH_AUTH_SESSION = handle('TPMI_SH_AUTH_SESSION', (h) => isSession(h) || h === TPM_RH.PW);
export const TPMI_SH_HMAC = handle('TPMI_SH_HMAC', (h) => isSession(h) && !isPolicySession(h));
export const TPMI_SH_POLICY = handle('TPMI_SH_POLICY', isPolicySession);
export const TPMI_RH_HIERARCHY = handle('TPMI_RH_HIERARCHY+', (h) => isHierarchy(h) || h === TPM_RH.NULL);
/** A hierarchy without TPM_RH_NULL. */
export const TPMI_RH_BASE_HIERARCHY = handle('TPMI_RH_HIERARCHY', isHierarchy);
export const TPMI_RH_ENABLES = handle('TPMI_RH_ENABLES', (h) => isHierarchy(h) || h === TPM_RH.PLATFORM_NV);
export const TPMI_RH_HIERARCHY_AUTH = handle('TPMI_RH_HIERARCHY_AUTH', (h) => isHierarchy(h) || h === TPM_RH.LOCKOUT);
export const TPMI_RH_PLATFORM = handle('TPMI_RH_PLATFORM', (h) => h === TPM_RH.PLATFORM);
export const TPMI_RH_ENDORSEMENT = handle('TPMI_RH_ENDORSEMENT+', (h) => h === TPM_RH.ENDORSEMENT || h === TPM_RH.NULL);
export const TPMI_RH_ENDORSEMENT_ONLY = handle('TPMI_RH_ENDORSEMENT', (h) => h === TPM_RH.ENDORSEMENT);
export const TPMI_RH_PROVISION = handle('TPMI_RH_PROVISION', (h) => h === TPM_RH.OWNER || h === TPM_RH.PLATFORM);
export const TPMI_RH_CLEAR = handle('TPMI_RH_CLEAR', (h) => h === TPM_RH.LOCKOUT || h === TPM_RH.PLATFORM);
export const TPMI_RH_LOCKOUT = handle('TPMI_RH_LOCKOUT', (h) => h === TPM_RH.LOCKOUT);
export const TPMI_RH_NV_AUTH = handle('TPMI_RH_NV_AUTH', (h) => h === TPM_RH.OWNER || h === TPM_RH.PLATFORM || isNv(h));
export const TPMI_RH_NV_INDEX = handle('TPMI_RH_NV_INDEX', isNv);

/** Part 2, 8.3: bits 0, 3, 8, 9, 12 to 15 and 20 to 31 are reserved. */
export const TPMA_OBJECT_BITS = bits(
  'TPMA_OBJECT',
  word32,
  Object.values(OBJECT_BITS).reduce((all, bit) => all | bit, 0),
);
/** Part 2, 8.4 */
export const TPMA_SESSION_BITS = bits(
  'TPMA_SESSION',
  u8,
  Object.values(SESSION_BITS).reduce((all, bit) => all | bit, 0),
);
/** Part 2, 8.5: localities 0 to 4 as bits, or 32 to 255 as a number. */
export const TPMA_LOCALITY = { ...u8, name: 'TPMA_LOCALITY' };

export const TPM2B_DIGEST = tpm2b('TPM2B_DIGEST', MAX_DIGEST);
export const TPM2B_NONCE = tpm2b('TPM2B_NONCE', MAX_DIGEST);
export const TPM2B_AUTH = tpm2b('TPM2B_AUTH', MAX_DIGEST);
export const TPM2B_OPERAND = tpm2b('TPM2B_OPERAND', MAX_DIGEST);
/** A TPMT_HA at most. */
export const TPM2B_DATA = tpm2b('TPM2B_DATA', MAX_DIGEST + 2);
/** As long as the memory of a reference TPM for it (TPMU_NAME), which is two bytes more than any Name has. */
export const TPM2B_NAME = tpm2b('TPM2B_NAME', MAX_DIGEST + 4);
export const TPM2B_EVENT = tpm2b('TPM2B_EVENT', 1024);
export const TPM2B_MAX_BUFFER = tpm2b('TPM2B_MAX_BUFFER', MAX_DIGEST_BUFFER);
export const TPM2B_MAX_NV_BUFFER = tpm2b('TPM2B_MAX_NV_BUFFER', MAX_NV_BUFFER_SIZE);
export const TPM2B_TIMEOUT = tpm2b('TPM2B_TIMEOUT', 8);
export const TPM2B_IV = tpm2b('TPM2B_IV', 16);

export const TPML_DIGEST = list('TPML_DIGEST', TPM2B_DIGEST, 8);
export const TPML_CC = list('TPML_CC', TPM_CC_ID, MAX_CAP_CC);
export const TPML_CCA = list('TPML_CCA', { ...word32, name: 'TPMA_CC' }, MAX_CAP_CC);
export const TPML_ALG = list('TPML_ALG', TPM_ALG_ID, 64);
export const TPML_HANDLE = list('TPML_HANDLE', TPM_HANDLE, 254);

/** Part 2, 10.11.1 */
export const TPMS_CLOCK_INFO = struct('TPMS_CLOCK_INFO', 'Part 2, 10.11.1', {
  clock: u64,
  resetCount: u32,
  restartCount: u32,
  safe: TPMI_YES_NO,
});
/** Part 2, 10.11.2 */
export const TPMS_TIME_INFO = struct('TPMS_TIME_INFO', 'Part 2, 10.11.2', { time: u64, clockInfo: TPMS_CLOCK_INFO });

/** Part 2, 11.2.5.5: curves of this package; another one is TPM_RC_CURVE. */
export const TPMI_ECC_CURVE = oneOf(
  'TPMI_ECC_CURVE',
  u16,
  Object.values(TPM_ECC_CURVE).filter((curve) => curve !== TPM_ECC_CURVE.NONE),
  TPM_RC.CURVE,
);

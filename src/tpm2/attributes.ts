/** Attribute bits (TPM 2.0 Library specification, Part 2, chapter 8 and 13). Attributes travel as plain numbers; test a bit with `has`. */

/** TPMA_OBJECT (Part 2, 8.3). */
export const TPMA_OBJECT = {
  fixedTPM: 0x0000_0002,
  stClear: 0x0000_0004,
  fixedParent: 0x0000_0010,
  sensitiveDataOrigin: 0x0000_0020,
  userWithAuth: 0x0000_0040,
  adminWithPolicy: 0x0000_0080,
  noDA: 0x0000_0400,
  encryptedDuplication: 0x0000_0800,
  restricted: 0x0001_0000,
  decrypt: 0x0002_0000,
  sign: 0x0004_0000,
  x509sign: 0x0008_0000,
} as const;

/** TPMA_SESSION (Part 2, 8.4). */
export const TPMA_SESSION = {
  continueSession: 0x01,
  auditExclusive: 0x02,
  auditReset: 0x04,
  decrypt: 0x20,
  encrypt: 0x40,
  audit: 0x80,
} as const;

/** TPMA_PERMANENT (Part 2, 8.6). */
export const TPMA_PERMANENT = {
  ownerAuthSet: 0x0000_0001,
  endorsementAuthSet: 0x0000_0002,
  lockoutAuthSet: 0x0000_0004,
  disableClear: 0x0000_0100,
  inLockout: 0x0000_0200,
  tpmGeneratedEPS: 0x0000_0400,
} as const;

/** TPMA_STARTUP_CLEAR (Part 2, 8.7). */
export const TPMA_STARTUP_CLEAR = {
  phEnable: 0x0000_0001,
  shEnable: 0x0000_0002,
  ehEnable: 0x0000_0004,
  phEnableNV: 0x0000_0008,
  orderly: 0x8000_0000,
} as const;

/** TPMA_CC (Part 2, 8.9); the command index is in bits 0 to 15, the number of handles in bits 25 to 27. */
export const TPMA_CC = {
  nv: 0x0040_0000,
  extensive: 0x0080_0000,
  flushed: 0x0100_0000,
  handlesShift: 25,
  rHandle: 0x1000_0000,
} as const;

/** TPMA_MODES (Part 2, 8.10). */
export const TPMA_MODES = { fips1402: 0x0000_0001 } as const;

/** TPMA_NV (Part 2, 13.4); the index type is in bits 4 to 7. */
export const TPMA_NV = {
  ppWrite: 0x0000_0001,
  ownerWrite: 0x0000_0002,
  authWrite: 0x0000_0004,
  policyWrite: 0x0000_0008,
  policyDelete: 0x0000_0400,
  writeLocked: 0x0000_0800,
  writeAll: 0x0000_1000,
  writeDefine: 0x0000_2000,
  writeStClear: 0x0000_4000,
  globalLock: 0x0000_8000,
  ppRead: 0x0001_0000,
  ownerRead: 0x0002_0000,
  authRead: 0x0004_0000,
  policyRead: 0x0008_0000,
  noDA: 0x0200_0000,
  orderly: 0x0400_0000,
  clearStClear: 0x0800_0000,
  readLocked: 0x1000_0000,
  written: 0x2000_0000,
  platformCreate: 0x4000_0000,
  readStClear: 0x8000_0000,
} as const;

/** Types of an NV index (Part 2, 13.2). */
export const TPM_NT = { ORDINARY: 0, COUNTER: 1, BITS: 2, EXTEND: 4, PIN_FAIL: 8, PIN_PASS: 9 } as const;

/** Type of the NV index with these TPMA_NV attributes. */
export const nvType = (attributes: number): number => (attributes >>> 4) & 0xf;

/** Whether any of `bits` is set. */
export const has = (attributes: number, bits: number): boolean => (attributes & bits) !== 0;

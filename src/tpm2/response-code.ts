/** Response codes (TPM 2.0 Library specification, Part 2, 6.6): names, and the place a format-one code points to. */

/** Response codes without a place. Codes 0x080 to 0x0BF are format one: a handle, session or parameter number is added. */
export const TPM_RC = {
  SUCCESS: 0x000,
  BAD_TAG: 0x01e,
  INITIALIZE: 0x100,
  FAILURE: 0x101,
  SEQUENCE: 0x103,
  PRIVATE: 0x10b,
  HMAC: 0x119,
  DISABLED: 0x120,
  EXCLUSIVE: 0x121,
  AUTH_TYPE: 0x124,
  AUTH_MISSING: 0x125,
  POLICY: 0x126,
  PCR: 0x127,
  PCR_CHANGED: 0x128,
  UPGRADE: 0x12d,
  TOO_MANY_CONTEXTS: 0x12e,
  AUTH_UNAVAILABLE: 0x12f,
  REBOOT: 0x130,
  UNBALANCED: 0x131,
  COMMAND_SIZE: 0x142,
  COMMAND_CODE: 0x143,
  AUTHSIZE: 0x144,
  AUTH_CONTEXT: 0x145,
  NV_RANGE: 0x146,
  NV_SIZE: 0x147,
  NV_LOCKED: 0x148,
  NV_AUTHORIZATION: 0x149,
  NV_UNINITIALIZED: 0x14a,
  NV_SPACE: 0x14b,
  NV_DEFINED: 0x14c,
  BAD_CONTEXT: 0x150,
  CPHASH: 0x151,
  PARENT: 0x152,
  NEEDS_TEST: 0x153,
  NO_RESULT: 0x154,
  SENSITIVE: 0x155,
  ASYMMETRIC: 0x081,
  ATTRIBUTES: 0x082,
  HASH: 0x083,
  VALUE: 0x084,
  HIERARCHY: 0x085,
  KEY_SIZE: 0x087,
  MGF: 0x088,
  MODE: 0x089,
  TYPE: 0x08a,
  HANDLE: 0x08b,
  KDF: 0x08c,
  RANGE: 0x08d,
  AUTH_FAIL: 0x08e,
  NONCE: 0x08f,
  PP: 0x090,
  SCHEME: 0x092,
  SIZE: 0x095,
  SYMMETRIC: 0x096,
  TAG: 0x097,
  SELECTOR: 0x098,
  INSUFFICIENT: 0x09a,
  SIGNATURE: 0x09b,
  KEY: 0x09c,
  POLICY_FAIL: 0x09d,
  INTEGRITY: 0x09f,
  TICKET: 0x0a0,
  RESERVED_BITS: 0x0a1,
  BAD_AUTH: 0x0a2,
  EXPIRED: 0x0a3,
  POLICY_CC: 0x0a4,
  BINDING: 0x0a5,
  CURVE: 0x0a6,
  ECC_POINT: 0x0a7,
  CONTEXT_GAP: 0x901,
  OBJECT_MEMORY: 0x902,
  SESSION_MEMORY: 0x903,
  MEMORY: 0x904,
  SESSION_HANDLES: 0x905,
  OBJECT_HANDLES: 0x906,
  LOCALITY: 0x907,
  YIELDED: 0x908,
  CANCELED: 0x909,
  TESTING: 0x90a,
  REFERENCE_H0: 0x910,
  REFERENCE_H1: 0x911,
  REFERENCE_H2: 0x912,
  REFERENCE_S0: 0x918,
  REFERENCE_S1: 0x919,
  REFERENCE_S2: 0x91a,
  NV_RATE: 0x920,
  LOCKOUT: 0x921,
  RETRY: 0x922,
  NV_UNAVAILABLE: 0x923,
} as const;
/** Name of a response code without its `TPM_RC_` prefix. */
export type ResponseCodeName = keyof typeof TPM_RC;

const NAMES = new Map<number, ResponseCodeName>(
  Object.entries(TPM_RC).map(([name, code]) => [code, name as ResponseCodeName]),
);

const FORMAT_ONE = 0x080;
const PARAMETER = 0x040;
const SESSION = 0x800;

/** What a format-one code points to; numbers count from 1. */
export interface ResponsePlace {
  readonly kind: 'handle' | 'session' | 'parameter';
  readonly number: number;
}

/** A response code taken apart. */
export interface DecodedResponseCode {
  /** Specification name without `TPM_RC_`, or undefined for a code this table does not know (vendor codes). */
  readonly name: ResponseCodeName | undefined;
  /** Undefined where the code names no place. */
  readonly place: ResponsePlace | undefined;
}

/** Adds a place to a format-one code; other codes have no room for one and are returned unchanged. */
export function withPlace(code: number, place: ResponsePlace): number {
  if ((code & FORMAT_ONE) === 0 || (code & 0xf00) !== 0) return code;
  if (place.kind === 'parameter') return code | PARAMETER | ((place.number & 0xf) << 8);
  return code | (place.kind === 'session' ? SESSION : 0) | ((place.number & 0x7) << 8);
}

/** Takes a response code apart (Part 2, figure 26 and table 16). */
export function decodeResponseCode(code: number): DecodedResponseCode {
  if ((code & FORMAT_ONE) === 0) return { name: NAMES.get(code), place: undefined };
  const name = NAMES.get(code & 0x0bf);
  const n = (code >>> 8) & 0xf;
  if (code & PARAMETER) return { name, place: n === 0 ? undefined : { kind: 'parameter', number: n } };
  if (n === 0 || n === 8) return { name, place: undefined };
  return { name, place: n > 8 ? { kind: 'session', number: n - 8 } : { kind: 'handle', number: n } };
}

/** One line for a person, e.g. `TPM_RC_VALUE (parameter 1)` or `0x00000abc`. */
export function describeResponseCode(code: number): string {
  const { name, place } = decodeResponseCode(code);
  const text = name === undefined ? `0x${code.toString(16).padStart(8, '0')}` : `TPM_RC_${name}`;
  return place === undefined ? text : `${text} (${place.kind} ${place.number})`;
}

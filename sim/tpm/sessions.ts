/** Authorisation and policy sessions (TPM 2.0 Library specification, Part 1, chapter 19). */
import type { TPMT_SYM_DEF } from '../../src/tpm2/structures/index.ts';

/** A loaded session. */
export interface Session {
  readonly handle: number;
  /** TPM_SE: HMAC, policy or trial. */
  readonly type: number;
  readonly authHash: number;
  readonly symmetric: TPMT_SYM_DEF;
  readonly sessionKey: Uint8Array;
  nonceTPM: Uint8Array;
  /** Entity the session is bound to and the authValue it had; undefined where it is unbound. */
  readonly bound: { readonly name: Uint8Array; readonly auth: Uint8Array } | undefined;
  policyDigest: Uint8Array;
  /** PolicyAuthValue was called: the HMAC includes the authValue. */
  authValueNeeded: boolean;
  /** PolicyPassword was called: the authValue comes as a password. */
  passwordNeeded: boolean;
  /** PolicyCommandCode: the only command allowed; 0 for any. */
  commandCode: number;
  /** PolicyPCR was called: pcrUpdateCounter at that time. */
  pcrCounter: number | undefined;
  /** PolicySecret with a cpHash: the only parameters allowed. */
  cpHash: Uint8Array | undefined;
}

/** Sessions that can be loaded at once (MAX_LOADED_SESSIONS). */
export const MAX_LOADED_SESSIONS = 3;
/** Sessions that can be active, loaded or saved (MAX_ACTIVE_SESSIONS). */
export const MAX_ACTIVE_SESSIONS = 64;

/** Authorisation and policy sessions and their handles (TPM 2.0 Library specification, Part 1, chapters 19 and 30.4). */
import { TPM_HANDLE_RANGE, TPM_SE } from '../../src/tpm2/constants.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_SYM_DEF } from '../../src/tpm2/structures/index.ts';
import { refuse } from './refusal.ts';
import type { TpmState } from './state.ts';

/** What the digest of a policy limit is made of: parameters and handles, handles only, or a public area. */
export type LimitKind = 'cpHash' | 'nameHash' | 'templateHash';

/** What a policy session has collected; PolicyRestart and every use of the session empty it. */
export interface PolicyFacts {
  policyDigest: Uint8Array;
  /** PolicyAuthValue was called: the HMAC includes the authValue. */
  authValueNeeded: boolean;
  /** PolicyPassword was called: the authValue comes as a password. */
  passwordNeeded: boolean;
  /** The only command allowed; 0 for any. */
  commandCode: number;
  /** pcrUpdateCounter at PolicyPCR; 0 where it was not called. */
  pcrCounter: number;
  /** TPMA_LOCALITY of PolicyLocality; 0 for any locality. */
  locality: number;
  /** PolicyPhysicalPresence was called. */
  physicalPresence: boolean;
  /** The one digest that PolicyCpHash, PolicyNameHash, PolicyTemplate and others share. */
  limit: { readonly kind: LimitKind; readonly digest: Uint8Array } | undefined;
  /** State of TPMA_NV_WRITTEN that PolicyNvWritten asks for. */
  nvWritten: boolean | undefined;
  /** Time (ms since _TPM_Init) at which the authorisation ends; 0 for never. */
  timeout: number;
  /** Time at which the policy was begun. */
  startTime: number;
  /** Number of the _TPM_Init at that time: a time of another one means nothing. */
  epoch: number;
}

/** A loaded session. */
export interface Session extends PolicyFacts {
  readonly handle: number;
  /** TPM_SE: HMAC, policy or trial. */
  readonly type: number;
  readonly authHash: number;
  readonly symmetric: TPMT_SYM_DEF;
  readonly sessionKey: Uint8Array;
  nonceTPM: Uint8Array;
  /** Entity the session is bound to and the authValue it had; undefined where it is unbound or audits. */
  bound: { readonly name: Uint8Array; readonly authValue: Uint8Array } | undefined;
  /** What it was bound to is protected against dictionary attacks: a use of the session is a try. */
  readonly guards: 'nothing' | 'entity' | 'lockout';
  /** Digest of the audited commands; undefined where the session does not audit. */
  auditDigest: Uint8Array | undefined;
}

/** A policy or trial session. */
export const isPolicy = (session: Session): boolean => session.type !== TPM_SE.HMAC;

/** A session that computes a policy and can authorise nothing. */
export const isTrial = (session: Session): boolean => session.type === TPM_SE.TRIAL;

/** Sessions that can be loaded at once (MAX_LOADED_SESSIONS). */
export const MAX_LOADED_SESSIONS = 3;
/** Sessions that can be active, loaded or saved (MAX_ACTIVE_SESSIONS). */
export const MAX_ACTIVE_SESSIONS = 64;
/** Values below stand for loaded sessions where the reference implementation keeps its context counters. */
const FIRST_COUNTER = MAX_LOADED_SESSIONS + 1;
/** Saved contexts between the oldest one and the newest (TPM_PT_CONTEXT_GAP_MAX and one). */
const GAP = 0x1_0000;

/** Contexts that were saved and may come back. */
export interface SavedContexts {
  /** Number of the next session context. */
  counter: number;
  /** Context numbers of the saved sessions, by the index in their handle. */
  readonly sessions: Map<number, number>;
  /** Number of the last object context. */
  objects: number;
}

/** No context is saved: after TPM Reset. */
export const noContexts = (): SavedContexts => ({ counter: FIRST_COUNTER, sessions: new Map(), objects: 0 });

/** The number that sessions of both kinds share: a handle without its type. */
const indexOf = (handle: number): number => handle & 0xff_ffff;

/** The loaded session with this handle's index, of whichever kind. */
export function loadedSession(state: TpmState, handle: number): Session | undefined {
  const index = indexOf(handle);
  return (
    state.sessions.get(TPM_HANDLE_RANGE.POLICY_SESSION_FIRST + index) ??
    state.sessions.get(TPM_HANDLE_RANGE.HMAC_SESSION_FIRST + index)
  );
}

/** Whether the context counter has come so far that the oldest saved context could be mistaken for the next. */
function atGap({ counter, sessions }: SavedContexts, except?: number): boolean {
  if (sessions.size === 0) return false;
  let oldest = Number.POSITIVE_INFINITY;
  let oldestIndex = -1;
  for (const [index, number] of sessions) {
    if (number >= oldest) continue;
    oldest = number;
    oldestIndex = index;
  }
  return oldestIndex !== except && counter % GAP === oldest % GAP;
}

/** The handle of a new session; refuses where there is no room. */
export function newSessionHandle(state: TpmState, type: number): number {
  const { contexts } = state.access;
  const free = MAX_LOADED_SESSIONS - state.sessions.size;
  if (free <= 0) throw refuse(TPM_RC.SESSION_MEMORY);
  // The last place is kept for the oldest context, so that the gap can always be closed.
  if (free === 1 && atGap(contexts)) throw refuse(TPM_RC.CONTEXT_GAP);
  const base = type === TPM_SE.HMAC ? TPM_HANDLE_RANGE.HMAC_SESSION_FIRST : TPM_HANDLE_RANGE.POLICY_SESSION_FIRST;
  for (let index = 0; index < MAX_ACTIVE_SESSIONS; index++) {
    if (loadedSession(state, index) === undefined && !contexts.sessions.has(index)) return base + index;
  }
  throw refuse(TPM_RC.SESSION_HANDLES);
}

/** Ends a session, loaded or saved; false where there is none. */
export function flushSession(state: TpmState, handle: number): boolean {
  const session = loadedSession(state, handle);
  if (handle === state.access.exclusiveAudit) state.access.exclusiveAudit = 0;
  if (session !== undefined) return state.sessions.delete(session.handle);
  return state.access.contexts.sessions.delete(indexOf(handle));
}

/** Takes a session out of the TPM; the number of its context. */
export function unloadSession(state: TpmState, session: Session): number {
  const { contexts } = state.access;
  if (atGap(contexts)) throw refuse(TPM_RC.CONTEXT_GAP);
  const number = contexts.counter++;
  if (contexts.counter % GAP === 0) contexts.counter += FIRST_COUNTER;
  contexts.sessions.set(indexOf(session.handle), number);
  state.sessions.delete(session.handle);
  return number;
}

/** Whether `number` is the newest context of the session with this handle. */
export const isNewestContext = (state: TpmState, handle: number, number: bigint): boolean =>
  BigInt(state.access.contexts.sessions.get(indexOf(handle)) ?? -1) === number;

/** Brings a saved session back; refuses where there is no room. */
export function reloadSession(state: TpmState, session: Session): void {
  const { contexts } = state.access;
  const index = indexOf(session.handle);
  const free = MAX_LOADED_SESSIONS - state.sessions.size;
  if (free <= 0) throw refuse(TPM_RC.SESSION_MEMORY);
  // As above.
  if (free === 1 && atGap(contexts, index)) throw refuse(TPM_RC.CONTEXT_GAP);
  contexts.sessions.delete(index);
  state.sessions.set(session.handle, session);
}

/** Handles of the saved sessions, ascending. Their kind is in the saved context only. */
export const savedSessions = (state: TpmState): number[] =>
  [...state.access.contexts.sessions.keys()]
    .sort((a, b) => a - b)
    .map((index) => TPM_HANDLE_RANGE.HMAC_SESSION_FIRST + index);

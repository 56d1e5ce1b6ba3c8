/** The part of the state that guards the TPM: dictionary attack protection, audit, saved contexts, time epochs. */
import { TPM_ALG, TPM_CC } from '../../src/tpm2/constants.ts';
import type { Tpm } from './context.ts';
import { type DictionaryState, newDictionary, startDictionary } from './dictionary.ts';
import { noContexts, type SavedContexts } from './sessions.ts';
import type { TpmState } from './state.ts';

/** Command audit (Part 1, chapter 34). */
export interface AuditState {
  /** Commands that are audited; one of them always is. */
  commands: Set<number>;
  alg: number;
  /** Logs that were begun. */
  counter: bigint;
  /** Digest of the log; empty where none is begun. */
  digest: Uint8Array;
}

/** See the file. */
export interface AccessState {
  dictionary: DictionaryState;
  audit: AuditState;
  /** Handle of the session that has audited every command since it began; 0 for none. */
  exclusiveAudit: number;
  contexts: SavedContexts;
  /** Number of _TPM_Init signals. */
  timeEpoch: number;
  /** TPM Resets ever; unlike resetCount, nothing sets it back. */
  totalResetCount: number;
  /** TPM Restarts since the last TPM Reset: objects with stClear do not outlive one. */
  clearCount: number;
}

/** As the factory leaves it. */
export function newAccess(): AccessState {
  return {
    dictionary: newDictionary(),
    audit: {
      commands: new Set([TPM_CC.SetCommandCodeAuditStatus]),
      alg: TPM_ALG.SHA512,
      counter: 0n,
      digest: new Uint8Array(0),
    },
    exclusiveAudit: 0,
    contexts: noContexts(),
    timeEpoch: 0,
    totalResetCount: 0,
    clearCount: 0,
  };
}

/** `_TPM_Init`. */
export function initAccess(state: TpmState): void {
  state.access.timeEpoch++;
}

/** TPM2_Startup: a reset forgets saved contexts and the audit log; a start that is not orderly counts as a failed try. */
export function startAccess(tpm: Tpm, kind: 'reset' | 'restart' | 'resume', orderly: boolean): void {
  const { access } = tpm.state;
  access.exclusiveAudit = 0;
  if (kind === 'reset') {
    access.contexts = noContexts();
    access.audit.digest = new Uint8Array(0);
    access.totalResetCount++;
    access.clearCount = 0;
  } else if (kind === 'restart') {
    access.clearCount++;
  }
  startDictionary(tpm, orderly);
}

/** TPM2_Clear: dictionary attack protection as the factory left it. */
export function clearAccess(state: TpmState): void {
  // That a value was tried since the last start stays true.
  state.access.dictionary = { ...newDictionary(), used: state.access.dictionary.used };
}

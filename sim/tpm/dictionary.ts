/** Dictionary attack protection (TPM 2.0 Library specification, Part 1, 19.8). */
import { TPM_RH } from '../../src/tpm2/constants.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import { type Tpm, timeInfo } from './context.ts';
import { dictionaryProtected } from './entities.ts';
import type { Session } from './sessions.ts';

/** Counters and limits. Times are seconds, timers milliseconds of Time. */
export interface DictionaryState {
  failedTries: number;
  maxTries: number;
  /** Seconds after which one failed try is forgiven; 0 switches the protection off. */
  recoveryTime: number;
  /** Seconds for which a wrong lockoutAuth locks it; 0 until the next TPM2_Startup. */
  lockoutRecovery: number;
  lockoutEnabled: boolean;
  /** An authorisation was tried since the last start: an unorderly stop then counts as a failure. */
  used: boolean;
  selfHealTimer: number;
  lockoutTimer: number;
  /** How much of the timers had passed at the last TPM2_Shutdown, in ms; an orderly start goes on from there. */
  passedAtShutdown: { readonly selfHeal: number; readonly lockout: number } | undefined;
}

/** The factory's settings. */
export const newDictionary = (): DictionaryState => ({
  failedTries: 0,
  maxTries: 3,
  recoveryTime: 1000,
  lockoutRecovery: 1000,
  lockoutEnabled: true,
  used: false,
  selfHealTimer: 0,
  lockoutTimer: 0,
  passedAtShutdown: undefined,
});

const MILLISECONDS = 1000;
const now = (tpm: Tpm): number => Number(timeInfo(tpm).time);

/** TPM2_Shutdown: power may go now without a failed try being hidden, and the time that has passed is kept. */
export function shutDictionary(tpm: Tpm): void {
  const { dictionary } = tpm.state.access;
  const time = now(tpm);
  dictionary.used = false;
  dictionary.passedAtShutdown = {
    selfHeal: time - dictionary.selfHealTimer,
    lockout: time - dictionary.lockoutTimer,
  };
}

/** TPM2_Startup of any kind; without TPM2_Shutdown before it nobody knows how much of the timers had passed. */
export function startDictionary(tpm: Tpm, orderly: boolean): void {
  const { dictionary } = tpm.state.access;
  if (dictionary.lockoutRecovery === 0) dictionary.lockoutEnabled = true;
  // Whoever cuts the power to keep a failure from being counted has it counted here.
  if (!orderly && dictionary.used && dictionary.recoveryTime !== 0 && dictionary.failedTries < dictionary.maxTries) {
    dictionary.failedTries++;
  }
  dictionary.used = false;
  const passed = orderly ? dictionary.passedAtShutdown : undefined;
  dictionary.passedAtShutdown = undefined;
  // Time is 0 at _TPM_Init: what passed before it counts as before 0.
  dictionary.selfHealTimer = -(passed?.selfHeal ?? 0);
  dictionary.lockoutTimer = -(passed?.lockout ?? 0);
}

/** Forgives what time has healed; called before every command. */
export function selfHeal(tpm: Tpm): void {
  const { dictionary } = tpm.state.access;
  if (dictionary.failedTries === 0 && dictionary.lockoutEnabled) return;
  const time = now(tpm);
  if (dictionary.failedTries > 0) {
    if (dictionary.recoveryTime === 0) {
      dictionary.failedTries = 0;
    } else {
      const seconds = Math.floor(Math.max(0, time - dictionary.selfHealTimer) / MILLISECONDS);
      const healed = Math.floor(seconds / dictionary.recoveryTime);
      dictionary.failedTries = Math.max(0, dictionary.failedTries - healed);
      dictionary.selfHealTimer += healed * dictionary.recoveryTime * MILLISECONDS;
    }
  }
  if (!dictionary.lockoutEnabled && dictionary.lockoutRecovery !== 0) {
    const seconds = Math.floor((time - dictionary.lockoutTimer) / MILLISECONDS);
    if (seconds >= dictionary.lockoutRecovery) dictionary.lockoutEnabled = true;
  }
}

/** Whether too many tries failed. */
export const inLockout = (tpm: Tpm): boolean => {
  const { failedTries, maxTries } = tpm.state.access.dictionary;
  return failedTries >= maxTries;
};

/** Response code for trying an authorisation value (of the lockout hierarchy or of another protected entity) now, or 0. */
export function tryStatus(tpm: Tpm, lockout: boolean): number {
  const { dictionary } = tpm.state.access;
  if (lockout) return dictionary.lockoutEnabled ? 0 : TPM_RC.LOCKOUT;
  if (inLockout(tpm)) return TPM_RC.LOCKOUT;
  if (dictionary.used) return 0;
  // The mark must be in non-volatile memory before anything is tried: the caller repeats the command.
  dictionary.used = true;
  tpm.state.shutdown = undefined;
  return TPM_RC.RETRY;
}

/** Counts a failed authorisation of `handle` where it is protected; the response code without place. */
export function failedTry(tpm: Tpm, handle: number, session: Session | undefined, includeAuth: boolean): number {
  const { dictionary } = tpm.state.access;
  let tried = handle;
  if (session === undefined) {
    if (!dictionaryProtected(tpm, handle)) return TPM_RC.BAD_AUTH;
  } else {
    if (session.guards === 'lockout') tried = TPM_RH.LOCKOUT;
    if (session.guards === 'nothing' && (!includeAuth || !dictionaryProtected(tpm, tried))) return TPM_RC.BAD_AUTH;
  }
  if (tried === TPM_RH.LOCKOUT) {
    dictionary.lockoutEnabled = false;
    dictionary.lockoutTimer = now(tpm);
  } else {
    if (dictionary.recoveryTime !== 0) dictionary.failedTries++;
    dictionary.selfHealTimer = now(tpm);
  }
  return TPM_RC.AUTH_FAIL;
}

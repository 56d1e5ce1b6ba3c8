/** Dictionary attack protection (TPM 2.0 Library specification, Part 3, chapter 25). */
import { DictionaryAttackLockReset, DictionaryAttackParameters } from '../../../src/tpm2/commands/audit.ts';
import { action } from '../handler.ts';

const lockReset = action(DictionaryAttackLockReset, (tpm) => {
  tpm.state.access.dictionary.failedTries = 0;
});

const parameters = action(DictionaryAttackParameters, (tpm, { newMaxTries, newRecoveryTime, lockoutRecovery }) => {
  const { dictionary } = tpm.state.access;
  dictionary.maxTries = newMaxTries;
  dictionary.recoveryTime = newRecoveryTime;
  dictionary.lockoutRecovery = lockoutRecovery;
});

export const dictionaryHandlers = [lockReset, parameters];

/** Start-up and testing (TPM 2.0 Library specification, Part 3, chapters 9 and 10). */

import { GetTestResult, SelfTest, Shutdown, Startup } from '../../../src/tpm2/commands/startup.ts';
import { TPM_SU } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { random, type Tpm } from '../context.ts';
import { action, handler } from '../handler.ts';
import { HCRTM_PCR, PCR_TABLE, pcrsWhere } from '../pcr-table.ts';
import { refuse } from '../refusal.ts';
import { startupValue } from '../state.ts';

/** Locality that the code of a measured firmware start uses; PCR 0 records it. */
const HCRTM_STARTUP_LOCALITY = 3;

/** PCRs at their startup values, except those kept (`saved`, by bank) and PCR 0 after an H-CRTM sequence. */
function startPcrs(tpm: Tpm, saved: Uint8Array[][] | undefined): void {
  const { state } = tpm;
  for (const [b, bank] of state.banks.entries()) {
    bank.values = bank.values.map((value, pcr) => {
      const kept = PCR_TABLE[pcr]?.saved ? saved?.[b]?.[pcr] : undefined;
      if (kept !== undefined) return kept;
      if (pcr === HCRTM_PCR && state.hcrtmDone) return value;
      const start = startupValue(pcr, bank.size);
      if (pcr === HCRTM_PCR) start[bank.size - 1] = state.startupLocality;
      return start;
    });
  }
}

const startup = action(Startup, (tpm, { startupType }) => {
  const { state } = tpm;
  if (tpm.locality !== 0 && tpm.locality !== HCRTM_STARTUP_LOCALITY) throw refuse(TPM_RC.LOCALITY);
  const orderly = state.shutdown;
  const resume = startupType === TPM_SU.STATE;
  if (resume && (orderly !== TPM_SU.STATE || state.savedPcrs === undefined)) throw refuse(TPM_RC.VALUE, 'startupType');
  if (resume && state.hcrtmDone !== state.startedByHcrtm) throw refuse(TPM_RC.VALUE, 'startupType');
  // A resume must come from the same locality as the start it resumes, else PCR 0 would tell a lie.
  if (resume && tpm.locality !== state.startupLocality) throw refuse(TPM_RC.LOCALITY);
  state.startupLocality = tpm.locality;
  state.startedByHcrtm = state.hcrtmDone;
  if (orderly === undefined) state.clockSafe = false;

  startPcrs(tpm, resume ? state.savedPcrs : undefined);
  state.platform.enabled = true;
  if (orderly === TPM_SU.STATE) {
    state.restartCount++;
  } else {
    state.resetCount++;
    state.restartCount = 0;
    state.nullHierarchy.seed = random(tpm, 32);
    state.nullHierarchy.proof = random(tpm, 32);
  }
  if (!resume) {
    state.owner.enabled = true;
    state.endorsement.enabled = true;
    state.platform.auth = new Uint8Array(0);
    state.platform.policy = new Uint8Array(0);
    // Setting a PCR to its startup value counts as a change of it.
    state.pcrUpdateCounter = pcrsWhere(({ noIncrement }) => !noIncrement).length;
  }
  state.savedPcrs = undefined;
  state.shutdown = undefined;
  state.started = true;
});

const shutdown = action(Shutdown, (tpm, { shutdownType }) => {
  const { state } = tpm;
  state.savedPcrs = shutdownType === TPM_SU.STATE ? state.banks.map((bank) => [...bank.values]) : undefined;
  state.shutdown = shutdownType;
});

/** Every algorithm is a library function that was tested before: there is nothing to do, as on a TPM that has passed. */
const selfTest = action(SelfTest, () => {});

const getTestResult = handler(GetTestResult, () => ({ outData: new Uint8Array(0), testResult: TPM_RC.SUCCESS }));

export const startupHandlers = [startup, shutdown, selfTest, getTestResult];

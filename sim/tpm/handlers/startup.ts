/** Start-up and testing (TPM 2.0 Library specification, Part 3, chapters 9 and 10). */

import { GetTestResult, IncrementalSelfTest, SelfTest, Shutdown, Startup } from '../../../src/tpm2/commands/startup.ts';
import { TPM_ALG, TPM_SU } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { startAccess } from '../access-state.ts';
import { ALGORITHMS } from '../capabilities.ts';
import { random, type Tpm } from '../context.ts';
import { shutDictionary } from '../dictionary.ts';
import { action, handler } from '../handler.ts';
import { saveOrderlyIndices, startIndices } from '../nv-startup.ts';
import { HCRTM_PCR, PCR_TABLE } from '../pcr-table.ts';
import { countChange } from '../pcrs.ts';
import { refuse } from '../refusal.ts';
import { testedBy } from '../self-test.ts';
import { startupValue } from '../state.ts';

const EMPTY = new Uint8Array(0);
/** Locality that the code of a measured firmware start uses; PCR 0 records it. */
const HCRTM_STARTUP_LOCALITY = 3;

/** PCRs at their startup values, except those kept (`saved`, by bank algorithm) and PCR 0 after an H-CRTM sequence. */
function startPcrs(tpm: Tpm, saved: ReadonlyMap<number, Uint8Array[]> | undefined): void {
  const { state } = tpm;
  for (const [pcr, attributes] of PCR_TABLE.entries()) {
    const kept = saved !== undefined && attributes.saved;
    // Setting a PCR to its startup value counts as a change of it.
    if (!kept) countChange(state, pcr);
    if (pcr === HCRTM_PCR && saved === undefined && state.hcrtmDone) continue;
    for (const bank of state.banks) {
      const start = startupValue(pcr, bank.size);
      if (pcr === HCRTM_PCR) start[bank.size - 1] = state.startupLocality;
      bank.values[pcr] = (kept ? saved.get(bank.alg)?.[pcr]?.slice() : undefined) ?? start;
    }
  }
}

/** Hierarchies and PCR authorisation after a start that is not a resume. */
function startHierarchies(tpm: Tpm): void {
  const { state } = tpm;
  state.owner.enabled = true;
  state.endorsement.enabled = true;
  state.platformNv = true;
  state.platform.auth = EMPTY;
  state.platform.policy = EMPTY;
  state.platform.policyAlg = TPM_ALG.NULL;
  state.pcrGroup.auth = EMPTY;
}

const startup = action(Startup, (tpm, { startupType }) => {
  const { state } = tpm;
  if (tpm.locality !== 0 && tpm.locality !== HCRTM_STARTUP_LOCALITY) throw refuse(TPM_RC.LOCALITY);
  const orderly = state.shutdown;
  const resume = startupType === TPM_SU.STATE;
  // PCR 0 tells an H-CRTM or the locality, not both.
  const locality = state.hcrtmDone ? 0 : tpm.locality;
  if (resume && (orderly !== TPM_SU.STATE || state.savedPcrs === undefined)) {
    // As swtpm has it: after a refused resume, the start that follows does not count a hidden try.
    state.access.dictionary.used = false;
    throw refuse(TPM_RC.VALUE, 'startupType');
  }
  if (resume && state.hcrtmDone !== state.startedByHcrtm) throw refuse(TPM_RC.VALUE, 'startupType');
  // A resume must come from the same locality as the start it resumes, else PCR 0 would tell a lie.
  if (resume && locality !== state.startupLocality) throw refuse(TPM_RC.LOCALITY);
  state.startupLocality = locality;
  state.startedByHcrtm = state.hcrtmDone;
  state.startedOrderly = orderly !== undefined;
  if (orderly === undefined) state.clockSafe = false;

  const reset = orderly !== TPM_SU.STATE;
  state.pcrUpdateCounter = reset ? 0 : state.savedPcrUpdateCounter;
  startPcrs(tpm, resume ? state.savedPcrs : undefined);
  state.platform.enabled = true;
  if (reset) {
    state.resetCount++;
    state.restartCount = 0;
    state.nullHierarchy.seed = random(tpm, 32);
    state.nullHierarchy.proof = random(tpm, 32);
    // What TPM2_Commit promised before is not signed any more (Part 1, C.2.3).
    state.commitments = undefined;
  } else {
    state.restartCount++;
  }
  if (!resume) startHierarchies(tpm);
  const kind = resume ? 'resume' : reset ? 'reset' : 'restart';
  startIndices(state, kind);
  startAccess(tpm, kind, orderly !== undefined);
  state.savedPcrs = undefined;
  state.shutdown = undefined;
  state.started = true;
});

const shutdown = action(Shutdown, (tpm, { shutdownType }) => {
  const { state } = tpm;
  // Values of banks that will be others after the next start cannot be kept.
  if (state.nextPcrAllocation !== undefined && shutdownType === TPM_SU.STATE) throw refuse(TPM_RC.TYPE, 'shutdownType');
  saveOrderlyIndices(state);
  state.savedPcrUpdateCounter = state.pcrUpdateCounter;
  state.savedPcrs =
    shutdownType === TPM_SU.STATE
      ? new Map(state.banks.map(({ alg, values }) => [alg, values.map((value) => value.slice())]))
      : undefined;
  state.shutdown = shutdownType;
  shutDictionary(tpm);
});

/** Every algorithm is a library function that was tested before: what is left to do is only remembered. */
const selfTest = action(SelfTest, (tpm) => {
  tpm.state.untested = [];
});

const incrementalSelfTest = handler(IncrementalSelfTest, (tpm, { toTest }) => {
  const known = new Set(ALGORITHMS.map(({ alg }) => alg));
  if (!toTest.every((alg) => known.has(alg))) throw refuse(TPM_RC.VALUE, 'toTest');
  const tested = testedBy(toTest);
  tpm.state.untested = tpm.state.untested.filter((alg) => known.has(alg) && !tested.has(alg));
  return { toDoList: tpm.state.untested };
});

const getTestResult = handler(GetTestResult, () => ({ outData: EMPTY, testResult: TPM_RC.SUCCESS }));

export const startupHandlers = [startup, shutdown, selfTest, incrementalSelfTest, getTestResult];

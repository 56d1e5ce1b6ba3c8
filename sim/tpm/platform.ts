/** Signals of the platform that are not commands: power and the hash sequence of a dynamic launch (Part 3, chapters 9 and 22). */
import { continueHash, finishHash, startHash } from '../../src/crypto/resumable-hash.ts';
import { TPM_HANDLE_RANGE } from '../../src/tpm2/constants.ts';
import { initAccess } from './access-state.ts';
import { CLOCK_NOMINAL } from './clock-rate.ts';
import { setClock, type Tpm, timeInfo } from './context.ts';
import { freeTransientHandle } from './object-store.ts';
import { DRTM_PCR, HCRTM_PCR, PCR_TABLE } from './pcr-table.ts';
import { countChange, extendBank, isAllocated } from './pcrs.ts';
import { TESTED_ON_DEMAND } from './self-test.ts';
import { allocatedBanks } from './state.ts';

/** Locality in the last byte of PCR 0 when a hash sequence comes before TPM2_Startup (Part 3, 22.9). */
const HCRTM_LOCALITY = 4;

/** Power cycle and `_TPM_Init`: volatile state is gone, TPM2_Startup decides what comes back. */
export function powerOn(tpm: Tpm): void {
  const { state } = tpm;
  setClock(tpm, timeInfo(tpm).clockInfo.clock, CLOCK_NOMINAL);
  state.timeAtInit = 0;
  state.untested = [...TESTED_ON_DEMAND];
  state.failure = undefined;
  state.started = false;
  state.hcrtmDone = false;
  state.hashSequence = undefined;
  state.transient.clear();
  state.sessions.clear();
  initAccess(state);
  if (state.nextPcrAllocation === undefined) return;
  state.pcrAllocation = state.nextPcrAllocation;
  state.nextPcrAllocation = undefined;
  state.banks = allocatedBanks(state.pcrAllocation);
}

/** The platform clears TPM_ESTABLISHMENT (the interface's own signal, not a command). */
export function resetEstablished(tpm: Tpm): void {
  tpm.state.tpmEstablished = false;
}

/** `_TPM_Hash_Start`: opens a sequence in place of an open one. It needs an object's room: the first object makes way. */
export function hashStart(tpm: Tpm): void {
  const { state } = tpm;
  if (freeTransientHandle({ ...tpm, copied: 0 }) === undefined)
    state.transient.delete(TPM_HANDLE_RANGE.TRANSIENT_FIRST);
  state.hashSequence = { digests: state.banks.map((bank) => startHash(bank.hash)), hcrtm: !state.started };
  state.tpmEstablished = true;
}

/** `_TPM_Hash_Data`; ignored outside a sequence. */
export function hashData(tpm: Tpm, data: Uint8Array): void {
  for (const digest of tpm.state.hashSequence?.digests ?? []) continueHash(digest, data);
}

/** Zeroes the PCRs of a dynamic launch in every bank. */
function resetDynamic(tpm: Tpm): void {
  for (const bank of tpm.state.banks) {
    for (const [pcr, { dynamic }] of PCR_TABLE.entries()) if (dynamic) bank.values[pcr] = new Uint8Array(bank.size);
  }
}

/**
 * `_TPM_Hash_End`: PCR 17 to 22 := 0, then PCR 17 := H(0 ‖ H(data)); before TPM2_Startup only PCR 0 := H(0…04 ‖ H(data)).
 * Ignored outside a sequence. A dynamic launch counts as a restart.
 */
export function hashEnd(tpm: Tpm): void {
  const { state } = tpm;
  const sequence = state.hashSequence;
  state.hashSequence = undefined;
  if (sequence === undefined) return;
  if (!sequence.hcrtm) {
    resetDynamic(tpm);
    state.restartCount++;
  }
  const pcr = sequence.hcrtm ? HCRTM_PCR : DRTM_PCR;
  for (const [i, bank] of state.banks.entries()) {
    if (!isAllocated(bank, pcr)) continue;
    const start = new Uint8Array(bank.size);
    if (sequence.hcrtm) start[bank.size - 1] = HCRTM_LOCALITY;
    bank.values[pcr] = start;
    const running = sequence.digests[i];
    const digest = running === undefined ? undefined : finishHash(running);
    if (digest !== undefined) extendBank(bank, pcr, digest);
    countChange(state, pcr);
  }
  if (sequence.hcrtm) state.hcrtmDone = true;
}

/** Signals of the platform that are not commands: power and the hash sequence of a dynamic launch (Part 3, chapters 9 and 22). */
import { createHash } from '../../src/crypto/hash.ts';
import type { Tpm } from './context.ts';
import { timeInfo } from './context.ts';
import { DRTM_PCR, HCRTM_PCR, PCR_TABLE } from './pcr-table.ts';
import { countChange, extendBank } from './pcrs.ts';

/** Locality in the last byte of PCR 0 when a hash sequence comes before TPM2_Startup (Part 3, 22.9). */
const HCRTM_LOCALITY = 4;

/** Power cycle and `_TPM_Init`: volatile state is gone, TPM2_Startup decides what comes back. */
export function powerOn(tpm: Tpm): void {
  const { state } = tpm;
  state.clockAtInit = Number(timeInfo(tpm).clockInfo.clock);
  state.initAt = tpm.clock.now();
  state.started = false;
  state.hcrtmDone = false;
  state.hashSequence = undefined;
  state.transient.clear();
  state.sessions.clear();
}

/** `_TPM_Hash_Start`: opens a sequence; after TPM2_Startup it also zeroes the dynamic PCRs of every bank. */
export function hashStart(tpm: Tpm): void {
  const { state } = tpm;
  state.hashSequence = { digests: state.banks.map((bank) => createHash(bank.hash)), hcrtm: !state.started };
  if (!state.started) return;
  for (const bank of state.banks) {
    for (const [pcr, { dynamic }] of PCR_TABLE.entries()) if (dynamic) bank.values[pcr] = new Uint8Array(bank.size);
  }
}

/** `_TPM_Hash_Data`; ignored outside a sequence. */
export function hashData(tpm: Tpm, data: Uint8Array): void {
  for (const digest of tpm.state.hashSequence?.digests ?? []) digest.update(data);
}

/** `_TPM_Hash_End`: PCR 17 := H(0 ‖ H(data)), or before TPM2_Startup PCR 0 := H(0…04 ‖ H(data)); ignored outside a sequence. */
export function hashEnd(tpm: Tpm): void {
  const { state } = tpm;
  const sequence = state.hashSequence;
  state.hashSequence = undefined;
  // A sequence begun before TPM2_Startup and ended after it measures nothing.
  if (sequence === undefined || sequence.hcrtm === state.started) return;
  const pcr = sequence.hcrtm ? HCRTM_PCR : DRTM_PCR;
  for (const [i, bank] of state.banks.entries()) {
    const start = new Uint8Array(bank.size);
    if (sequence.hcrtm) start[bank.size - 1] = HCRTM_LOCALITY;
    bank.values[pcr] = start;
    const digest = sequence.digests[i]?.digest();
    if (digest !== undefined) extendBank(bank, pcr, digest);
    countChange(state, pcr);
  }
  if (sequence.hcrtm) state.hcrtmDone = true;
}

/** PCR commands (TPM 2.0 Library specification, Part 3, chapter 22). */
import {
  PCR_Allocate,
  PCR_Event,
  PCR_Extend,
  PCR_Read,
  PCR_Reset,
  PCR_SetAuthPolicy,
  PCR_SetAuthValue,
} from '../../../src/tpm2/commands/pcr.ts';
import { TPM_RH } from '../../../src/tpm2/constants.ts';
import { hashSize, hashWith } from '../../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import {
  HASH_ALGORITHMS,
  PCR_COUNT,
  PCR_SELECT_SIZE,
  selectedPcrs,
  selectPcr,
} from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { withoutTrailingZeros } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { policySize } from '../hierarchies.ts';
import { DRTM_PCR, HCRTM_PCR, PCR_TABLE } from '../pcr-table.ts';
import { allows, bankOf, countChange, extendBank, isAllocated, selectedValues } from '../pcrs.ts';
import { refuse } from '../refusal.ts';

const NO_PCRS = new Uint8Array(PCR_SELECT_SIZE);

/** Digests in one answer of TPM2_PCR_Read. */
const MAX_READ = 8;

/** Refuses a PCR that this locality may not change. A change of a saved PCR makes the last TPM2_Shutdown stale. */
function checkLocality(tpm: Tpm, pcr: number, which: 'extend' | 'reset'): void {
  const attributes = PCR_TABLE[pcr];
  if (attributes === undefined || !allows(attributes[which], tpm.locality)) throw refuse(TPM_RC.LOCALITY);
  if (attributes.saved) tpm.state.shutdown = undefined;
}

/** Refuses an extend that this locality may not do. */
export const requireExtendLocality = (tpm: Tpm, pcr: number): void => checkLocality(tpm, pcr, 'extend');

/** Extends a PCR in the banks that have it. */
export function extendIfAllocated(
  tpm: Tpm,
  pcr: number,
  digests: readonly { readonly hashAlg: number; readonly digest: Uint8Array }[],
): void {
  for (const { hashAlg, digest } of digests) {
    const bank = bankOf(tpm.state, hashAlg);
    if (bank === undefined || !isAllocated(bank, pcr)) continue;
    extendBank(bank, pcr, digest);
    countChange(tpm.state, pcr);
  }
}

const extend = action(PCR_Extend, (tpm, { pcrHandle, digests }) => {
  if (pcrHandle === TPM_RH.NULL) return;
  checkLocality(tpm, pcrHandle, 'extend');
  extendIfAllocated(tpm, pcrHandle, digests);
});

const event = handler(PCR_Event, (tpm, { pcrHandle, eventData }) => {
  if (pcrHandle !== TPM_RH.NULL) checkLocality(tpm, pcrHandle, 'extend');
  // The answer has every digest the TPM can make, also of banks that are not allocated.
  const digests = HASH_ALGORITHMS.map((hashAlg) => ({ hashAlg, digest: hashWith(hashAlg, eventData) }));
  if (pcrHandle !== TPM_RH.NULL) extendIfAllocated(tpm, pcrHandle, digests);
  return { digests };
});

const read = handler(PCR_Read, (tpm, { pcrSelectionIn }) => {
  const values = selectedValues(tpm.state, pcrSelectionIn, MAX_READ);
  const pcrSelectionOut = pcrSelectionIn.map(({ hash }) => ({ hash, pcrSelect: NO_PCRS.slice() }));
  for (const { selection, pcr } of values) {
    const out = pcrSelectionOut[selection];
    if (out !== undefined) selectPcr(out.pcrSelect, pcr);
  }
  return {
    pcrUpdateCounter: tpm.state.pcrUpdateCounter,
    pcrSelectionOut,
    pcrValues: values.map(({ value }) => value),
  };
});

const reset = action(PCR_Reset, (tpm, { pcrHandle }) => {
  // At locality 4 only the hash sequence of a dynamic launch resets (Part 3, 22.8.1).
  if (tpm.locality === 4) throw refuse(TPM_RC.LOCALITY);
  checkLocality(tpm, pcrHandle, 'reset');
  for (const bank of tpm.state.banks) bank.values[pcrHandle] = new Uint8Array(bank.size);
  countChange(tpm.state, pcrHandle);
});

/** Bytes of all PCRs a TPM with every bank has. */
const PCR_SPACE = PCR_COUNT * HASH_ALGORITHMS.reduce((sum, alg) => sum + hashSize(alg), 0);

const allocate = handler(PCR_Allocate, (tpm, { pcrAllocation }) => {
  // Banks that are not named stay as they are; of a bank named twice the last counts.
  const wanted = new Map([...tpm.state.pcrAllocation, ...pcrAllocation].map((one) => [one.hash, one.pcrSelect]));
  const allocation = HASH_ALGORITHMS.map((alg) => ({ hash: alg, pcrSelect: wanted.get(alg)?.slice() ?? NO_PCRS }));
  const pcrs = allocation.map(({ hash: alg, pcrSelect }) => ({ alg, pcrs: selectedPcrs(pcrSelect) }));
  for (const needed of [HCRTM_PCR, DRTM_PCR]) {
    if (!pcrs.some((bank) => bank.pcrs.includes(needed))) throw refuse(TPM_RC.PCR);
  }
  tpm.state.nextPcrAllocation = allocation;
  return {
    allocationSuccess: 1,
    maxPCR: PCR_COUNT,
    sizeNeeded: pcrs.reduce((sum, bank) => sum + bank.pcrs.length * hashSize(bank.alg), 0),
    sizeAvailable: PCR_SPACE,
  };
});

const setAuthPolicy = action(PCR_SetAuthPolicy, (tpm, { authPolicy, hashAlg, pcrNum }) => {
  if (authPolicy.length !== policySize(hashAlg)) throw refuse(TPM_RC.SIZE, 'authPolicy');
  if (PCR_TABLE[pcrNum]?.group !== true) throw refuse(TPM_RC.VALUE, 'pcrNum');
  tpm.state.pcrGroup.policy = authPolicy.slice();
  tpm.state.pcrGroup.policyAlg = hashAlg;
});

const setAuthValue = action(PCR_SetAuthValue, (tpm, { pcrHandle, auth }) => {
  if (PCR_TABLE[pcrHandle]?.group !== true) throw refuse(TPM_RC.VALUE);
  tpm.state.pcrGroup.auth = withoutTrailingZeros(auth).slice();
  tpm.state.shutdown = undefined;
});

export const pcrHandlers = [extend, event, read, reset, allocate, setAuthPolicy, setAuthValue];

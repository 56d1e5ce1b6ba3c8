/** Operations on PCR banks that several commands share. */
import { concat } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import { pcrSelection, selectedPcrs, type TPML_PCR_SELECTION } from '../../src/tpm2/structures/index.ts';
import { PCR_TABLE } from './pcr-table.ts';
import type { PcrBank, TpmState } from './state.ts';

// A PCR value and a digest, reused: half of the time of an extend would otherwise go to allocation.
const scratch = new Uint8Array(128);
const VIEWS: ReadonlyMap<number, Uint8Array> = new Map([20, 32, 48, 64].map((n) => [n, scratch.subarray(0, 2 * n)]));

/** Whether a bank has this PCR. */
export const isAllocated = (bank: PcrBank, pcr: number): boolean =>
  ((bank.select[pcr >> 3] ?? 0) & (1 << (pcr & 7))) !== 0;

/** PCR := H(PCR ‖ digest), where the bank has the PCR. */
export function extendBank(bank: PcrBank, pcr: number, digest: Uint8Array): void {
  if (!isAllocated(bank, pcr)) return;
  const old = bank.values[pcr];
  const view = VIEWS.get(bank.size);
  if (old === undefined || view === undefined) return;
  view.set(old, 0);
  view.set(digest, bank.size);
  bank.values[pcr] = hash(bank.hash, view);
}

/** The bank of a hash algorithm; undefined where the TPM has none allocated. */
export function bankOf(state: TpmState, alg: number): PcrBank | undefined {
  for (const bank of state.banks) if (bank.alg === alg) return bank;
  return undefined;
}

/** Counts a change of a PCR, unless it is one of those that change all the time. */
export function countChange(state: TpmState, pcr: number): void {
  if (PCR_TABLE[pcr]?.noIncrement === false) state.pcrUpdateCounter = (state.pcrUpdateCounter + 1) >>> 0;
}

/** Whether the locality mask of a PCR has `locality`. */
export const allows = (mask: number, locality: number): boolean => (mask & (1 << locality)) !== 0;

/** Each selected PCR that exists, in order: bank by bank, ascending. */
export function* selectedValues(
  state: TpmState,
  selections: TPML_PCR_SELECTION,
): Generator<{ selection: number; pcr: number; value: Uint8Array }> {
  for (const [selection, { hash: alg, pcrSelect }] of selections.entries()) {
    const bank = bankOf(state, alg);
    if (bank === undefined) continue;
    for (const pcr of selectedPcrs(pcrSelect)) {
      const value = bank.values[pcr];
      if (value !== undefined && isAllocated(bank, pcr)) yield { selection, pcr, value };
    }
  }
}

/** The selection without PCRs that are not allocated, as the TPM reports it. */
export function implementedSelection(state: TpmState, selections: TPML_PCR_SELECTION): TPML_PCR_SELECTION {
  return selections.map((one) => {
    const bank = bankOf(state, one.hash);
    if (bank === undefined) return pcrSelection(one.hash, []);
    return { hash: one.hash, pcrSelect: one.pcrSelect.map((bits, i) => bits & (bank.select[i] ?? 0)) };
  });
}

/** Concatenated values of the selected PCRs, the input of every PCR digest (Part 1, 17.5). */
export function concatenatedValues(state: TpmState, selections: TPML_PCR_SELECTION): Uint8Array {
  return concat(...Array.from(selectedValues(state, selections), ({ value }) => value));
}

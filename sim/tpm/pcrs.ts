/** Operations on PCR banks that several commands share. */
import { ByteWriter } from '../../src/bytes/writer.ts';
import { hashInto } from '../../src/crypto/hash.ts';
import { isSelected, PCR_SELECT_SIZE, type TPML_PCR_SELECTION } from '../../src/tpm2/structures/index.ts';
import { PCR_TABLE } from './pcr-table.ts';
import type { PcrBank, TpmState } from './state.ts';

// A PCR value and a digest, reused: half of the time of an extend would otherwise go to allocation.
const scratch = new Uint8Array(128);
/** The room by the size of a digest. */
const ROOM: readonly Uint8Array[] = Array.from({ length: 65 }, (_, size) => scratch.subarray(0, 2 * size));

/** Whether a bank has this PCR. */
export const isAllocated = (bank: PcrBank, pcr: number): boolean => isSelected(bank.select, pcr);

/** PCR := H(PCR ‖ digest), for a PCR that the bank has. */
export function extendBank(bank: PcrBank, pcr: number, digest: Uint8Array): void {
  const old = bank.values[pcr];
  const room = ROOM[bank.size];
  if (old === undefined || room === undefined) return;
  const { size } = bank;
  for (let i = 0; i < size; i++) {
    room[i] = old[i] ?? 0;
    room[size + i] = digest[i] ?? 0;
  }
  hashInto(bank.hash, room, old);
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

/** A selected PCR that exists. */
export interface SelectedPcr {
  /** Its place in the list of selections. */
  readonly selection: number;
  readonly pcr: number;
  readonly value: Uint8Array;
}

/** The first `most` selected PCRs that exist, in order: bank by bank, ascending. */
export function selectedValues(state: TpmState, selections: TPML_PCR_SELECTION, most = Infinity): SelectedPcr[] {
  const out: SelectedPcr[] = [];
  for (const [selection, one] of selections.entries()) {
    const bank = bankOf(state, one.hash);
    if (bank === undefined) continue;
    for (let pcr = 0; pcr < bank.values.length; pcr++) {
      const value = bank.values[pcr];
      if (value === undefined || !isSelected(one.pcrSelect, pcr) || !isAllocated(bank, pcr)) continue;
      if (out.length === most) return out;
      out.push({ selection, pcr, value });
    }
  }
  return out;
}

/** The selection without PCRs that are not allocated, as the TPM reports it. */
export function implementedSelection(state: TpmState, selections: TPML_PCR_SELECTION): TPML_PCR_SELECTION {
  return selections.map(({ hash: alg, pcrSelect }) => {
    const bank = bankOf(state, alg);
    const implemented = new Uint8Array(PCR_SELECT_SIZE);
    for (let i = 0; i < implemented.length; i++) implemented[i] = (pcrSelect[i] ?? 0) & (bank?.select[i] ?? 0);
    return { hash: alg, pcrSelect: implemented };
  });
}

/** Concatenated values of the selected PCRs, the input of every PCR digest (Part 1, 17.5). */
export function concatenatedValues(state: TpmState, selections: TPML_PCR_SELECTION): Uint8Array {
  const writer = new ByteWriter();
  for (const { value } of selectedValues(state, selections)) writer.bytes(value);
  return writer.finish();
}

/** PCR commands (TPM 2.0 Library specification, Part 3, chapter 22). */
import { hash } from '../../../src/crypto/hash.ts';
import { PCR_Event, PCR_Extend, PCR_Read, PCR_Reset } from '../../../src/tpm2/commands/pcr.ts';
import { TPM_RH } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { pcrSelection } from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { action, handler } from '../handler.ts';
import { PCR_TABLE, type PcrAttributes } from '../pcr-table.ts';
import { allows, bankOf, countChange, extendBank, implementedSelection, selectedValues } from '../pcrs.ts';
import { refuse } from '../refusal.ts';

/** Digests in one answer of TPM2_PCR_Read. */
const MAX_READ = 8;

function attributesAt(tpm: Tpm, pcr: number, which: 'extend' | 'reset'): PcrAttributes {
  const attributes = PCR_TABLE[pcr];
  if (attributes === undefined || !allows(attributes[which], tpm.locality)) throw refuse(TPM_RC.LOCALITY);
  return attributes;
}

const extend = action(PCR_Extend, (tpm, { pcrHandle, digests }) => {
  if (pcrHandle === TPM_RH.NULL) return;
  attributesAt(tpm, pcrHandle, 'extend');
  for (const { hashAlg, digest } of digests) {
    const bank = bankOf(tpm.state, hashAlg);
    if (bank === undefined) continue;
    extendBank(bank, pcrHandle, digest);
    countChange(tpm.state, pcrHandle);
  }
});

const event = handler(PCR_Event, (tpm, { pcrHandle, eventData }) => {
  if (pcrHandle !== TPM_RH.NULL) attributesAt(tpm, pcrHandle, 'extend');
  const digests = tpm.state.banks.map((bank) => ({ hashAlg: bank.alg, digest: hash(bank.hash, eventData) }));
  if (pcrHandle !== TPM_RH.NULL) {
    for (const [i, bank] of tpm.state.banks.entries()) {
      const digest = digests[i]?.digest;
      if (digest !== undefined) extendBank(bank, pcrHandle, digest);
      countChange(tpm.state, pcrHandle);
    }
  }
  return { digests };
});

const read = handler(PCR_Read, (tpm, { pcrSelectionIn }) => {
  const values: Uint8Array[] = [];
  const read: number[][] = pcrSelectionIn.map(() => []);
  for (const { selection, pcr, value } of selectedValues(tpm.state, pcrSelectionIn)) {
    if (values.length === MAX_READ) break;
    values.push(value);
    read[selection]?.push(pcr);
  }
  const kept = implementedSelection(tpm.state, pcrSelectionIn);
  return {
    pcrUpdateCounter: tpm.state.pcrUpdateCounter,
    pcrSelectionOut: kept.map(({ hash: alg }, i) => pcrSelection(alg, read[i] ?? [])),
    pcrValues: values,
  };
});

const reset = action(PCR_Reset, (tpm, { pcrHandle }) => {
  // At locality 4 only the hash sequence of a dynamic launch resets (Part 3, 22.8.1).
  if (tpm.locality === 4) throw refuse(TPM_RC.LOCALITY);
  attributesAt(tpm, pcrHandle, 'reset');
  for (const bank of tpm.state.banks) bank.values[pcrHandle] = new Uint8Array(bank.size);
  countChange(tpm.state, pcrHandle);
});

export const pcrHandlers = [extend, event, read, reset];

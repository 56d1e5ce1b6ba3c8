import type { HashName } from '../src/crypto/primitives.ts';
import { COMMANDS, pcrSelection, selectedPcrs, type Tpm2Client } from '../src/tpm2/index.ts';
import { BANK_ALGORITHM } from './measure.ts';

/** PCRs of a PC Client TPM. */
export const PCR_NUMBERS: readonly number[] = Array.from({ length: 24 }, (_, i) => i);

/** PCR values by bank; index = PCR number. */
export type PcrBanks = ReadonlyMap<HashName, readonly Uint8Array[]>;

/** Reads all PCRs of one bank; a TPM returns at most eight values at a time. */
async function readBank(client: Tpm2Client, bank: HashName): Promise<Uint8Array[]> {
  const values: Uint8Array[] = [];
  let wanted = PCR_NUMBERS;
  while (wanted.length > 0) {
    const selection = pcrSelection(BANK_ALGORITHM[bank], wanted);
    const { pcrSelectionOut, pcrValues } = await client.call(COMMANDS.PCR_Read, { pcrSelectionIn: [selection] });
    const read = pcrSelectionOut.flatMap((part) => selectedPcrs(part.pcrSelect));
    for (const [i, pcr] of read.entries()) values[pcr] = pcrValues[i] ?? new Uint8Array(0);
    if (read.length === 0) break;
    wanted = wanted.filter((pcr) => !read.includes(pcr));
  }
  return values;
}

/** Reads every PCR of the given banks back from the TPM. */
export async function readPcrs(client: Tpm2Client, banks: readonly HashName[]): Promise<PcrBanks> {
  const result = new Map<HashName, readonly Uint8Array[]>();
  for (const bank of banks) result.set(bank, await readBank(client, bank));
  return result;
}

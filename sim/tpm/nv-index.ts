/** What may be done to an NV index and how its contents change (TPM 2.0 Library specification, Part 3, 31.1; Part 1, 37). */
import { toBigInt } from '../../src/bytes/bytes.ts';
import { has, nvType, TPM_NT, TPMA_NV } from '../../src/tpm2/attributes.ts';
import { TPM_RH } from '../../src/tpm2/constants.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMS_NV_PUBLIC } from '../../src/tpm2/structures/index.ts';
import type { Tpm } from './context.ts';
import { saveOrderlyIndices, setNvAttributes } from './nv-startup.ts';
import { refuse } from './refusal.ts';
import type { NvIndex, TpmState } from './state.ts';

/** Bytes of a counter, a bit field, and a PIN count with its limit. */
export const COUNTER_SIZE = 8;

const BITS = {
  read: { locked: TPMA_NV.readLocked, owner: TPMA_NV.ownerRead, platform: TPMA_NV.ppRead },
  write: { locked: TPMA_NV.writeLocked, owner: TPMA_NV.ownerWrite, platform: TPMA_NV.ppWrite },
} as const;

/** Whether `authHandle` (the index itself, the owner or the platform) may read or write the index now. */
function access(authHandle: number, { publicArea }: NvIndex, kind: 'read' | 'write'): number {
  const { attributes, nvIndex } = publicArea;
  const bits = BITS[kind];
  if (has(attributes, bits.locked)) return TPM_RC.NV_LOCKED;
  if (authHandle === TPM_RH.OWNER) return has(attributes, bits.owner) ? 0 : TPM_RC.NV_AUTHORIZATION;
  if (authHandle === TPM_RH.PLATFORM) return has(attributes, bits.platform) ? 0 : TPM_RC.NV_AUTHORIZATION;
  return authHandle === nvIndex ? 0 : TPM_RC.NV_AUTHORIZATION;
}

/** Response code (without place) for reading an index, or 0. */
export function readAccess(authHandle: number, index: NvIndex): number {
  const rc = access(authHandle, index, 'read');
  if (rc !== 0) return rc;
  return has(index.publicArea.attributes, TPMA_NV.written) ? 0 : TPM_RC.NV_UNINITIALIZED;
}

/** Response code (without place) for writing an index, or 0. */
export const writeAccess = (authHandle: number, index: NvIndex): number => access(authHandle, index, 'write');

/** The bytes at `offset`; refuses those beyond the end. */
export function readIndex(index: NvIndex, offset: number, size: number): Uint8Array {
  if (offset + size > index.publicArea.dataSize) throw refuse(TPM_RC.NV_RANGE);
  return index.data.slice(offset, offset + size);
}

/** Memory of an index before anybody writes it: ones, as in erased flash, or zeros where orderly indices are kept. */
export const emptyMemory = ({ attributes, dataSize }: TPMS_NV_PUBLIC): Uint8Array =>
  new Uint8Array(dataSize).fill(has(attributes, TPMA_NV.orderly) ? 0 : 0xff);

/**
 * Writes into an index and marks it written. The rest of an ordinary index that counted as unwritten is emptied; what other
 * types held before stays under a shorter write. Data of an orderly index reaches non-volatile memory only at
 * TPM2_Shutdown; a counter also at its first value and whenever its low byte rolls over.
 */
export function writeIndex(tpm: Tpm, index: NvIndex, offset: number, data: Uint8Array): void {
  const { attributes } = index.publicArea;
  const orderly = has(attributes, TPMA_NV.orderly);
  const first = !has(attributes, TPMA_NV.written);
  const emptied = first && nvType(attributes) === TPM_NT.ORDINARY;
  const contents = emptied ? emptyMemory(index.publicArea) : index.data.slice();
  contents.set(data, offset);
  index.data = contents;
  if (first) setNvAttributes(index, attributes | TPMA_NV.written);
  if (!orderly) return;
  tpm.state.shutdown = undefined;
  const isCounter = nvType(attributes) === TPM_NT.COUNTER;
  if (isCounter && (first || contents[COUNTER_SIZE - 1] === 0)) saveOrderlyIndices(tpm.state);
}

/**
 * Removes an index. The highest value of a counter is remembered, so that no later counter repeats one; `cleared` indices are
 * judged by what non-volatile memory knows, where an orderly counter never counts as written.
 */
export function deleteIndex(state: TpmState, nvIndex: number, cleared = false): void {
  const index = state.nv.get(nvIndex);
  if (index === undefined) return;
  const { attributes } = index.publicArea;
  const forgotten = cleared && has(attributes, TPMA_NV.orderly);
  if (nvType(attributes) === TPM_NT.COUNTER && has(attributes, TPMA_NV.written) && !forgotten) {
    const value = toBigInt(index.data);
    if (value > state.maxCounter) state.maxCounter = value;
  }
  state.nv.delete(nvIndex);
  if (has(attributes, TPMA_NV.orderly)) saveOrderlyIndices(state);
}

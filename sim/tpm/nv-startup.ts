/** NV indices over a power cycle (TPM 2.0 Library specification, Part 1, 37.7; Part 2, 13.4). */
import { has, nvType, TPM_NT, TPMA_NV } from '../../src/tpm2/attributes.ts';
import type { NvIndex, TpmState } from './state.ts';

/** TPM_PT_ORDERLY_COUNT: how far an orderly counter may be ahead of its saved value. */
export const MAX_ORDERLY_COUNT = 0xff;

/** Copies all orderly indices to non-volatile memory. */
export function saveOrderlyIndices(state: TpmState): void {
  for (const index of state.nv.values()) {
    if (has(index.publicArea.attributes, TPMA_NV.orderly)) {
      index.backing = { attributes: index.publicArea.attributes, data: index.data };
    }
  }
}

/** An index with other attributes; its Name changes with them. */
export function setNvAttributes(index: NvIndex, attributes: number): void {
  index.publicArea = { ...index.publicArea, attributes: attributes >>> 0 };
}

/** Attributes after a start that is not a resume: locks fall, and data that does not outlive the start counts as unwritten. */
function startupAttributes(attributes: number, reset: boolean): number {
  let out = attributes & ~TPMA_NV.readLocked;
  const lost = has(out, TPMA_NV.clearStClear) || (has(out, TPMA_NV.orderly) && reset);
  if (nvType(out) !== TPM_NT.COUNTER && lost) out &= ~TPMA_NV.written;
  if (!has(out, TPMA_NV.written) || !has(out, TPMA_NV.writeDefine)) out &= ~TPMA_NV.writeLocked;
  return out >>> 0;
}

/** A counter at the highest value it can have reached since it was saved. */
function caughtUp(data: Uint8Array): Uint8Array {
  const out = data.slice();
  out[out.length - 1] = MAX_ORDERLY_COUNT;
  return out;
}

/** TPM2_Startup: orderly indices come back as saved; a reset or restart also undoes locks and clears what is volatile. */
export function startIndices(state: TpmState, start: 'resume' | 'restart' | 'reset'): void {
  for (const index of state.nv.values()) {
    if (index.backing !== undefined) {
      setNvAttributes(index, index.backing.attributes);
      index.data = index.backing.data;
    }
    if (start === 'resume') continue;
    setNvAttributes(index, startupAttributes(index.publicArea.attributes, start === 'reset'));
    const { attributes } = index.publicArea;
    if (has(attributes, TPMA_NV.orderly) && nvType(attributes) === TPM_NT.COUNTER && !state.startedOrderly) {
      index.data = caughtUp(index.data);
    }
  }
}

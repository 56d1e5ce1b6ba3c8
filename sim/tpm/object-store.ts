/** Room for objects. */
import { TPM_HANDLE_RANGE } from '../../src/tpm2/constants.ts';
import type { TpmState } from './state.ts';

/** Transient objects that can be loaded at once (MAX_LOADED_OBJECTS). */
export const MAX_LOADED_OBJECTS = 3;

/** Whether a transient handle is one of this TPM's slots; another one does not exist at all. */
export const isSlot = (handle: number): boolean => handle < TPM_HANDLE_RANGE.TRANSIENT_FIRST + MAX_LOADED_OBJECTS;

/** The lowest free transient handle; undefined where all slots are taken. */
export function freeTransientHandle(state: TpmState): number | undefined {
  for (let slot = 0; slot < MAX_LOADED_OBJECTS; slot++) {
    const handle = TPM_HANDLE_RANGE.TRANSIENT_FIRST + slot;
    if (!state.transient.has(handle)) return handle;
  }
  return undefined;
}

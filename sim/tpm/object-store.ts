/** Room for objects. */
import { TPM_HANDLE_RANGE } from '../../src/tpm2/constants.ts';
import type { Tpm } from './context.ts';

/** Transient objects that can be loaded at once (MAX_LOADED_OBJECTS). */
export const MAX_LOADED_OBJECTS = 3;

/** Whether a transient handle is one of this TPM's slots; another one does not exist at all. */
export const isSlot = (handle: number): boolean => handle < TPM_HANDLE_RANGE.TRANSIENT_FIRST + MAX_LOADED_OBJECTS;

/** The lowest free transient handle beyond those whose room persistent objects of the command take; undefined where there is none. */
export function freeTransientHandle({ state, copied }: Tpm): number | undefined {
  let taken = copied;
  for (let slot = 0; slot < MAX_LOADED_OBJECTS; slot++) {
    const handle = TPM_HANDLE_RANGE.TRANSIENT_FIRST + slot;
    if (!state.transient.has(handle) && taken-- === 0) return handle;
  }
  return undefined;
}

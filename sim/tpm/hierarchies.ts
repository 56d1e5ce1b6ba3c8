/** What happens to a hierarchy as a whole (TPM 2.0 Library specification, Part 3, chapter 24). */
import { has, TPMA_NV } from '../../src/tpm2/attributes.ts';
import { TPM_ALG, TPM_RH } from '../../src/tpm2/constants.ts';
import { hashSize } from '../../src/tpm2/hash-alg.ts';
import { random, type Tpm } from './context.ts';
import { deleteIndex } from './nv-index.ts';
import type { Hierarchy, TpmState } from './state.ts';

const EMPTY = new Uint8Array(0);

/** Size an authorisation policy must have for its hash algorithm; TPM_ALG_NULL goes with none. */
export const policySize = (hashAlg: number): number => (hashAlg === TPM_ALG.NULL ? 0 : hashSize(hashAlg));

/** A new primary seed: no primary object made before can be made again. */
export function renewSeed(tpm: Tpm, hierarchy: Hierarchy): void {
  hierarchy.seed = random(tpm, hierarchy.seed.length);
}

/** A new proof: tickets and saved contexts of before are worth nothing. */
export function renewProof(tpm: Tpm, hierarchy: Hierarchy): void {
  hierarchy.proof = random(tpm, hierarchy.proof.length);
}

/** No authorisation value and no policy. */
export function forgetAuthorisation(entity: { auth: Uint8Array; policy: Uint8Array; policyAlg: number }): void {
  entity.auth = EMPTY;
  entity.policy = EMPTY;
  entity.policyAlg = TPM_ALG.NULL;
}

/** Removes the objects of a hierarchy: the loaded ones, or also the persistent ones and the owner's NV indices. */
export function flushHierarchy(state: TpmState, hierarchy: number, which: 'loaded' | 'all'): void {
  for (const [handle, object] of state.transient) if (object.hierarchy === hierarchy) state.transient.delete(handle);
  if (which === 'loaded') return;
  for (const [handle, object] of state.persistent) if (object.hierarchy === hierarchy) state.persistent.delete(handle);
  if (hierarchy !== TPM_RH.OWNER) return;
  for (const [handle, { publicArea }] of state.nv) {
    if (!has(publicArea.attributes, TPMA_NV.platformCreate)) deleteIndex(state, handle, true);
  }
}

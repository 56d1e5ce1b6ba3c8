/** Tickets: HMACs under a hierarchy's proof (TPM 2.0 Library specification, Part 2, 10.7). */
import { concat } from '../../src/bytes/bytes.ts';
import { hmac } from '../../src/crypto/hash.ts';
import { TPM_ST } from '../../src/tpm2/constants.ts';
import type { Tpm } from './context.ts';
import { hierarchyOf } from './state.ts';

/** Hash of tickets, saved contexts and obfuscation (TPM_PT_CONTEXT_HASH). */
export const CONTEXT_HASH = 'sha512';

/** HMAC of a tag and data under the proof of a hierarchy. */
function ticketDigest(tpm: Tpm, hierarchy: number, tag: number, ...data: readonly Uint8Array[]): Uint8Array {
  const proof = hierarchyOf(tpm.state, hierarchy)?.proof;
  if (proof === undefined) return new Uint8Array(0);
  return hmac(CONTEXT_HASH, proof, concat(new Uint8Array([tag >> 8, tag & 0xff]), ...data));
}

/** Proof that the TPM created an object with this Name and creation data. */
export function creationTicket(tpm: Tpm, hierarchy: number, name: Uint8Array, creationHash: Uint8Array) {
  return {
    tag: TPM_ST.CREATION,
    hierarchy,
    digest: ticketDigest(tpm, hierarchy, TPM_ST.CREATION, name, creationHash),
  };
}

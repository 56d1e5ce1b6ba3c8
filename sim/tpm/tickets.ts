/** Tickets: HMACs under a hierarchy's proof (TPM 2.0 Library specification, Part 2, 10.7). */
import { concat, u32At } from '../../src/bytes/bytes.ts';
import { hmac } from '../../src/crypto/hash.ts';
import { TPM_GENERATED_VALUE, TPM_RH, TPM_ST } from '../../src/tpm2/constants.ts';
import type { Tpm } from './context.ts';
import { hierarchyOf } from './state.ts';

/** Hash of tickets, saved contexts and obfuscation (TPM_PT_CONTEXT_HASH). */
export const CONTEXT_HASH = 'sha512';

const EMPTY = new Uint8Array(0);

/** Two bytes of a tag or algorithm. */
const u16 = (value: number): Uint8Array => new Uint8Array([value >> 8, value & 0xff]);

/** HMAC of a tag and data under the proof of a hierarchy. */
export function ticketDigest(tpm: Tpm, hierarchy: number, tag: number, ...data: readonly Uint8Array[]): Uint8Array {
  const proof = hierarchyOf(tpm.state, hierarchy)?.proof;
  if (proof === undefined) return EMPTY;
  return hmac(CONTEXT_HASH, proof, concat(u16(tag), ...data));
}

/** Proof that the TPM created an object with this Name and creation data. */
export function creationTicket(tpm: Tpm, hierarchy: number, name: Uint8Array, creationHash: Uint8Array) {
  return {
    tag: TPM_ST.CREATION,
    hierarchy,
    digest: ticketDigest(tpm, hierarchy, TPM_ST.CREATION, name, creationHash),
  };
}

/** Proof that the TPM made a digest of data that is no structure of a TPM; no proof for TPM_RH_NULL. */
export function hashCheckTicket(tpm: Tpm, hierarchy: number, hashAlg: number, digest: Uint8Array) {
  if (hierarchy === TPM_RH.NULL) return NO_HASH_CHECK;
  return {
    tag: TPM_ST.HASHCHECK,
    hierarchy,
    digest: ticketDigest(tpm, hierarchy, TPM_ST.HASHCHECK, u16(hashAlg), digest),
  };
}

/** The hash check ticket that proves nothing. */
export const NO_HASH_CHECK = { tag: TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: EMPTY };

/** Proof that the TPM verified a signature of this digest with the key of this Name. */
export function verifiedTicket(tpm: Tpm, hierarchy: number, digest: Uint8Array, keyName: Uint8Array) {
  if (hierarchy === TPM_RH.NULL) return { tag: TPM_ST.VERIFIED, hierarchy, digest: EMPTY };
  return { tag: TPM_ST.VERIFIED, hierarchy, digest: ticketDigest(tpm, hierarchy, TPM_ST.VERIFIED, digest, keyName) };
}

/** Whether data cannot be taken for a structure that a TPM made: too short to tell is not safe. */
export function isSafeToSign(data: Uint8Array): boolean {
  return data.length >= 4 && u32At(data, 0) !== TPM_GENERATED_VALUE;
}

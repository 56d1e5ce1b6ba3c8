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

/** Proof that the TPM verified a signature of this digest by the key with this Name. */
export function verifiedTicket(tpm: Tpm, hierarchy: number, digest: Uint8Array, keyName: Uint8Array) {
  return { tag: TPM_ST.VERIFIED, hierarchy, digest: ticketDigest(tpm, hierarchy, TPM_ST.VERIFIED, digest, keyName) };
}

/** What an approval of a policy said. */
export interface ApprovalFacts {
  /** Time (ms since _TPM_Init) at which it ends; 0 for never. */
  readonly timeout: number;
  /** It ends with the next TPM Reset. */
  readonly untilReset: boolean;
  readonly cpHashA: Uint8Array;
  readonly policyRef: Uint8Array;
  /** Name of who approved. */
  readonly name: Uint8Array;
}

function bigEndian(value: number, size: 4 | 8): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out.subarray(8 - size);
}

/** TPMT_TK_AUTH: proof that the TPM saw an approval by PolicySigned or PolicySecret, as `tag` says. */
export function approvalTicket(tpm: Tpm, tag: number, hierarchy: number, facts: ApprovalFacts) {
  const { timeout, untilReset, cpHashA, policyRef, name } = facts;
  const { timeEpoch, totalResetCount } = tpm.state.access;
  const time = timeout === 0 ? [] : [bigEndian(timeEpoch, 4)];
  if (timeout !== 0 && untilReset) time.push(bigEndian(totalResetCount, 4));
  const parts = [cpHashA, policyRef, name].flatMap((part) => [new Uint8Array([part.length]), part]);
  return { tag, hierarchy, digest: ticketDigest(tpm, hierarchy, tag, ...parts, bigEndian(timeout, 8), ...time) };
}

/** TPMT_TK_AUTH: proof of an approval given earlier (TPM 2.0 Library specification, Part 2, 10.7.5; Part 3, 23.2.5). */
import { u32Bytes, u64Bytes } from '../../src/bytes/bytes.ts';
import type { Tpm } from './context.ts';
import { ticketDigest } from './tickets.ts';

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

/** Proof that the TPM saw an approval by PolicySigned or PolicySecret, as `tag` says. */
export function approvalTicket(tpm: Tpm, tag: number, hierarchy: number, facts: ApprovalFacts) {
  const { timeout, untilReset, cpHashA, policyRef, name } = facts;
  const { timeEpoch, totalResetCount } = tpm.state.access;
  const time = timeout === 0 ? [] : [u32Bytes(timeEpoch)];
  if (timeout !== 0 && untilReset) time.push(u32Bytes(totalResetCount));
  const parts = [cpHashA, policyRef, name].flatMap((part) => [new Uint8Array([part.length]), part]);
  return { tag, hierarchy, digest: ticketDigest(tpm, hierarchy, tag, ...parts, u64Bytes(timeout), ...time) };
}

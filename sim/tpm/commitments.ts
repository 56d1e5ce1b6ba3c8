/** Ephemeral scalars that a command makes and a later one uses once (TPM 2.0 Library specification, Part 1, C.2.3). */
import { concat, fromBigInt, toBigInt, u64Bytes } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import type { CurveName } from '../../src/crypto/primitives.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { random, type Tpm } from './context.ts';
import type { Commitments } from './state.ts';
import { CONTEXT_HASH } from './tickets.ts';

/** Commitments that can be open at once (TPM_PT_SPLIT_MAX). */
export const SPLIT_MAX = 128;

function commitments(tpm: Tpm): Commitments {
  tpm.state.commitments ??= { nonce: random(tpm, 64), counter: 0, open: new Uint8Array(SPLIT_MAX / 8) };
  return tpm.state.commitments;
}

/** The scalar of a counter, for a curve and the Name of the key it is for. */
function scalar({ nonce }: Commitments, counter: number, curve: CurveName, name: Uint8Array): Uint8Array {
  const { bits, size, order } = CURVES[curve];
  const context = concat(u64Bytes(counter), new Uint8Array(1));
  for (;;) {
    const value = toBigInt(kdfa(CONTEXT_HASH, nonce, 'ECDAA Commit', name, context, bits));
    if (value !== 0n && value < order) return fromBigInt(value, size);
    context[8] = (context[8] ?? 0) + 1;
  }
}

/** The scalar of the next commitment, which is not made yet. */
export function nextScalar(tpm: Tpm, curve: CurveName, name: Uint8Array): Uint8Array {
  const state = commitments(tpm);
  return scalar(state, state.counter, curve, name);
}

/** Makes the commitment of {@link nextScalar}: the low 16 bits of its counter. */
export function commit(tpm: Tpm): number {
  const state = commitments(tpm);
  const counter = state.counter++;
  const bit = counter % SPLIT_MAX;
  state.open[bit >> 3] = (state.open[bit >> 3] ?? 0) | (1 << (bit & 7));
  return counter & 0xffff;
}

/** The scalar of an open commitment; undefined where there is none (any more). */
export function committedScalar(tpm: Tpm, low: number, curve: CurveName, name: Uint8Array): Uint8Array | undefined {
  const state = commitments(tpm);
  const age = (state.counter - low) & 0xffff;
  const counter = state.counter - age;
  const bit = counter % SPLIT_MAX;
  const open = age > 0 && age <= SPLIT_MAX && counter >= 0 && ((state.open[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  return open ? scalar(state, counter, curve, name) : undefined;
}

/** Closes a commitment: its scalar must never be used twice. */
export function endCommitment(tpm: Tpm, low: number): void {
  const { open } = commitments(tpm);
  const bit = low % SPLIT_MAX;
  open[bit >> 3] = (open[bit >> 3] ?? 0) & ~(1 << (bit & 7));
}

/**
 * Proof that attestation key and endorsement key are in one TPM: the verifier encloses a secret that only the TPM of the EK can
 * open, and only if it also holds the AK (TPM 2.0 Library specification, Part 1, 24). Needs the host, so a folder of evidence
 * alone cannot give it (catalogue entry `ak-foreign-tpm`).
 */
import { CURVES } from '../crypto/curves.ts';
import { type Credential, makeCredential } from '../tpm2/credential.ts';
import { hashSize } from '../tpm2/hash-alg.ts';
import { objectName } from '../tpm2/names.ts';
import type { EvidenceFiles } from './evidence.ts';
import { parsePublicArea } from './tpm-evidence.ts';

/** The challenge a verifier sent and what came back. */
export interface Activation {
  /** The secret enclosed. */
  readonly secret: Uint8Array;
  /** What the host opened; undefined where its TPM refused. */
  readonly recovered: Uint8Array | undefined;
}

/** Bytes of a secret: as long as an AES-256 key. */
export const ACTIVATION_SECRET_SIZE = 32;

/**
 * The challenge for the keys in the evidence. The AK's name is computed from `ak.pub`, never taken from the host.
 *
 * @param random the verifier's random numbers
 * @throws FormatError where `ek.pub` or `ak.pub` is missing, malformed, or the EK cannot protect credentials
 */
export function challengeKeys(
  files: EvidenceFiles,
  random: (size: number) => Uint8Array,
): { readonly secret: Uint8Array; readonly credential: Credential } {
  const none = new Uint8Array(0);
  const ek = parsePublicArea(files.get('ek.pub') ?? none);
  const ak = parsePublicArea(files.get('ak.pub') ?? none);
  const secret = random(ACTIVATION_SECRET_SIZE);
  const size = hashSize(ek.area.nameAlg);
  const seeds =
    ek.key.kind === 'rsa'
      ? ({ kind: 'rsa', seed: random(size), oaepSeed: random(size) } as const)
      : ({ kind: 'ec', ephemeral: scalar(random, ek.key.curve) } as const);
  return { secret, credential: makeCredential(ek.area, objectName(ak.area), secret, seeds) };
}

/** A private scalar: one byte shorter than the order of every curve here but P-521, whose first byte is at most 1. */
function scalar(random: (size: number) => Uint8Array, curve: keyof typeof CURVES): Uint8Array {
  const { size } = CURVES[curve];
  const out = new Uint8Array(size);
  out.set(random(size - 1), 1);
  return out;
}

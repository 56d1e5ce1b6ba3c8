/** The public mark of a secret value: the unique field of symmetric and keyed hash objects (TPM 2.0 Library specification, Part 1, 27.5.3.2). */
import { concat } from '../../src/bytes/bytes.ts';
import { hmac } from '../../src/crypto/hash.ts';
import { hashWith, requireHash } from '../../src/tpm2/hash-alg.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { isStorage } from './object-kinds.ts';

/** Digest of obfuscation value and secret; for parents, whose seed must not be found by trying, an HMAC. */
export function symmetricUnique(area: TPMT_PUBLIC, seedValue: Uint8Array, secret: Uint8Array): Uint8Array {
  if (isStorage(area)) return hmac(requireHash(area.nameAlg), seedValue, secret);
  return hashWith(area.nameAlg, concat(seedValue, secret));
}

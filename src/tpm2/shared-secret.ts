/**
 * Sharing a secret seed with the holder of a key (TPM 2.0 Library specification, Part 1, annexes B.10 and C.6): used for
 * credentials, duplication and salted sessions, told apart by a label.
 */
import { primitives } from '#primitives';
import { utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { reducedPoint } from '../crypto/ec-points.ts';
import { ecKeyPair } from '../crypto/ecdsa.ts';
import type { EcPoint, EcPrivateKey, RsaPrivateKey } from '../crypto/primitives.ts';
import { encode, responseCodeOf } from './codec.ts';
import { TPM_ALG } from './constants.ts';
import { hashSize, requireHash } from './hash-alg.ts';
import { kdfe } from './kdf.ts';
import { oaepDecrypt, oaepEncrypt } from './oaep.ts';
import { givenKeyOf } from './public-key.ts';
import { TPM_RC } from './response-code.ts';
import { type EccPublicArea, TPMS_ECC_POINT, type TPMT_PUBLIC } from './structures/index.ts';

/** What a shared seed is for. */
export type SecretLabel = 'IDENTITY' | 'DUPLICATE' | 'SECRET';

/** Random values of {@link shareSecret}; the caller's own, so that a run can be repeated. */
export type SecretRandom =
  /** For an RSA key: the seed and the OAEP seed, both as long as the key's name digest. */
  | { readonly kind: 'rsa'; readonly seed: Uint8Array; readonly oaepSeed: Uint8Array }
  /** For an EC key: the private scalar of an ephemeral key on the key's curve. */
  | { readonly kind: 'ec'; readonly ephemeral: Uint8Array };

const NO_BITS = new Uint8Array(0);

/** The seed that two keys agree on; a key without a name algorithm has no bits for one. `x`: of both sides, as they were given. */
function agreedSeed(area: EccPublicArea, label: SecretLabel, shared: EcPoint, ephemeralX: Uint8Array): Uint8Array {
  if (area.nameAlg === TPM_ALG.NULL) return NO_BITS;
  return kdfe(requireHash(area.nameAlg), shared.x, label, ephemeralX, area.unique.x, hashSize(area.nameAlg) * 8);
}

/**
 * A new seed and its form for the holder of `area`'s key. RangeError where the random values do not fit the key, or it is an RSA
 * key without a name algorithm.
 */
export function shareSecret(
  area: TPMT_PUBLIC,
  label: SecretLabel,
  random: SecretRandom,
): { seed: Uint8Array; secret: Uint8Array } {
  const key = givenKeyOf(area);
  if (key.kind === 'rsa' && random.kind === 'rsa') {
    const alg = requireHash(area.nameAlg);
    if (random.seed.length !== hashSize(area.nameAlg)) throw new RangeError('seed is not as long as the name digest');
    return { seed: random.seed, secret: oaepEncrypt(key, alg, utf8(`${label}\0`), random.seed, random.oaepSeed) };
  }
  if (key.kind === 'ec' && area.type === TPM_ALG.ECC && random.kind === 'ec') {
    const ephemeral = ecKeyPair(key.curve, random.ephemeral);
    const shared = ephemeral && primitives.ecMultiply(key.curve, key, random.ephemeral);
    if (ephemeral === undefined || shared === undefined) throw new RangeError('not a private scalar of the curve');
    const seed = agreedSeed(area, label, shared, ephemeral.x);
    return { seed, secret: encode(TPMS_ECC_POINT, { x: ephemeral.x, y: ephemeral.y }) };
  }
  throw new RangeError(`random values for ${random.kind} with a key of kind ${key.kind}`);
}

/** Seed from the secret with the private key of `area`, or the response code a TPM gives (without a place). */
export function recoverSecret(
  area: TPMT_PUBLIC,
  key: RsaPrivateKey | EcPrivateKey,
  label: SecretLabel,
  secret: Uint8Array,
): Uint8Array | number {
  if (key.kind === 'rsa') {
    if (secret.length !== key.n.length) return TPM_RC.SIZE;
    // Without a hash no padding can be right.
    if (area.nameAlg === TPM_ALG.NULL) return TPM_RC.VALUE;
    // Part 4 says TPM_RC_VALUE; libtpms answers what its library's error becomes.
    return oaepDecrypt(key, requireHash(area.nameAlg), utf8(`${label}\0`), secret) ?? TPM_RC.FAILURE;
  }
  if (area.type !== TPM_ALG.ECC) return TPM_RC.KEY;
  let point: EcPoint;
  try {
    // What follows the point is not looked at.
    point = TPMS_ECC_POINT.read(new ByteReader(secret, 'TPMS_ECC_POINT'));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return responseCodeOf(error);
  }
  const shared = primitives.ecMultiply(key.curve, reducedPoint(key.curve, point), key.d);
  return shared === undefined ? TPM_RC.ECC_POINT : agreedSeed(area, label, shared, point.x);
}

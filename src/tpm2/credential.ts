/**
 * Credential protection (TPM 2.0 Library specification, Part 1, 24): a secret that only the TPM with a given EK can open, and
 * only if it also holds the object with a given Name. The verifier's half; the TPM's half is TPM2_ActivateCredential.
 */
import { concat, equalBytes } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { hmac } from '../crypto/hash.ts';
import type { EcPrivateKey, RsaPrivateKey } from '../crypto/primitives.ts';
import { type BlockCipherSizes, blockCipherOf, cryptCfb } from './block-cipher.ts';
import { decode, encode } from './codec.ts';
import { TPM_ALG } from './constants.ts';
import { hashSize, requireHash } from './hash-alg.ts';
import { kdfa } from './kdf.ts';
import { recoverSecret, type SecretRandom, shareSecret } from './shared-secret.ts';
import { TPM2B_DIGEST, type TPMT_PUBLIC } from './structures/index.ts';

const EMPTY = new Uint8Array(0);
/** Of a key that names no cipher, which is no storage key. */
const AES_128: BlockCipherSizes = { name: 'aes', keySize: 16, blockSize: 16 };

/** Random values of {@link makeCredential}; the caller's own, so that a run can be repeated. */
export type CredentialRandom = SecretRandom;

/** What TPM2_ActivateCredential takes; both without their outer size. */
export interface Credential {
  /** Contents of the TPM2B_ID_OBJECT. */
  readonly credentialBlob: Uint8Array;
  /** Contents of the TPM2B_ENCRYPTED_SECRET. */
  readonly secret: Uint8Array;
}

/** The EK's symmetric cipher, which protects the secret; undefined where the key is not a storage key. */
function cipherOf(ek: TPMT_PUBLIC): BlockCipherSizes | undefined {
  return ek.type === TPM_ALG.RSA || ek.type === TPM_ALG.ECC ? blockCipherOf(ek.parameters.symmetric) : undefined;
}

/** Keys of the blob from the seed (Part 1, 24.4 and 24.5). */
function protection(ek: TPMT_PUBLIC, seed: Uint8Array, name: Uint8Array) {
  const alg = requireHash(ek.nameAlg);
  const cipher = cipherOf(ek) ?? AES_128;
  return {
    alg,
    cipher,
    cipherKey: kdfa(alg, seed, 'STORAGE', name, EMPTY, cipher.keySize * 8),
    hmacKey: kdfa(alg, seed, 'INTEGRITY', EMPTY, EMPTY, hashSize(ek.nameAlg) * 8),
  };
}

/**
 * Protects `credential` (at most as long as the EK's name digest) for the TPM with the key `ek` and the object `objectName`.
 * FormatError where `ek` is not a storage key; RangeError where the random values do not fit it.
 */
export function makeCredential(
  ek: TPMT_PUBLIC,
  objectName: Uint8Array,
  credential: Uint8Array,
  random: CredentialRandom,
): Credential {
  if (cipherOf(ek) === undefined || ek.nameAlg === TPM_ALG.NULL) {
    throw new FormatError({ structure: 'TPMT_PUBLIC', field: 'parameters.symmetric', problem: 'not a storage key' });
  }
  const alg = requireHash(ek.nameAlg);
  if (credential.length > hashSize(ek.nameAlg)) throw new RangeError('credential is longer than the name digest');
  const { seed, secret } = shareSecret(ek, 'IDENTITY', random);
  const { cipher, cipherKey, hmacKey } = protection(ek, seed, objectName);
  const encIdentity = cryptCfb(cipher, 'encrypt', cipherKey, encode(TPM2B_DIGEST, credential));
  const integrity = hmac(alg, hmacKey, concat(encIdentity, objectName));
  return { credentialBlob: concat(encode(TPM2B_DIGEST, integrity), encIdentity), secret };
}

/** Why a TPM does not open a credential. */
export type CredentialProblem =
  /** The secret: the response code a TPM gives for it. */
  { readonly rc: number } | 'integrity' | 'format';

/** Opens a credential with the private EK: the secret, or why not. What a TPM does, for tests and for the engine. */
export function openCredential(
  ek: TPMT_PUBLIC,
  key: RsaPrivateKey | EcPrivateKey,
  objectName: Uint8Array,
  { credentialBlob, secret }: Credential,
): Uint8Array | CredentialProblem {
  const seed = recoverSecret(ek, key, 'IDENTITY', secret);
  if (typeof seed === 'number') return { rc: seed };
  const { alg, cipher, cipherKey, hmacKey } = protection(ek, seed, objectName);
  try {
    const reader = new ByteReader(credentialBlob, 'TPMS_ID_OBJECT');
    const integrity = TPM2B_DIGEST.read(reader);
    const encIdentity = reader.rest();
    if (!equalBytes(integrity, hmac(alg, hmacKey, concat(encIdentity, objectName)))) return 'integrity';
    return decode(TPM2B_DIGEST, cryptCfb(cipher, 'decrypt', cipherKey, encIdentity));
  } catch (error) {
    if (error instanceof FormatError) return 'format';
    throw error;
  }
}

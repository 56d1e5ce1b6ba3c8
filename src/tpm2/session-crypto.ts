/**
 * Keys, HMACs and parameter encryption of sessions (TPM 2.0 Library specification, Part 1, chapters 18, 19 and 21): the same
 * computations at both ends.
 */
import { concat } from '../bytes/bytes.ts';
import { hmac } from '../crypto/hash.ts';
import { blockCipherOf, cryptCfb } from './block-cipher.ts';
import { TPM_ALG } from './constants.ts';
import { hashSize, hashWith, requireHash } from './hash-alg.ts';
import { kdfa } from './kdf.ts';
import { handleName } from './names.ts';
import type { TPMT_SYM_DEF } from './structures/index.ts';

const EMPTY = new Uint8Array(0);

/** cpHash: commandCode ‖ Names of the handles ‖ parameters as sent (Part 1, 18.7). */
export function cpHash(
  alg: number,
  commandCode: number,
  names: readonly Uint8Array[],
  parameters: Uint8Array,
): Uint8Array {
  return hashWith(alg, concat(handleName(commandCode), ...names, parameters));
}

/** rpHash of a success: responseCode 0 ‖ commandCode ‖ parameters as sent (Part 1, 18.8). */
export function rpHash(alg: number, commandCode: number, parameters: Uint8Array): Uint8Array {
  return hashWith(alg, concat(new Uint8Array(4), handleName(commandCode), parameters));
}

/** What an authorisation HMAC covers besides its key. */
export interface SessionHmac {
  /** cpHash or rpHash. */
  readonly hash: Uint8Array;
  readonly nonceNewer: Uint8Array;
  readonly nonceOlder: Uint8Array;
  /** nonceTPM of the sessions that decrypt and encrypt, where the first session must vouch for them (Part 1, 19.6.5). */
  readonly others?: readonly Uint8Array[];
  /** TPMA_SESSION. */
  readonly attributes: number;
}

/** Authorisation HMAC (Part 1, 19.6.5); `key` is sessionKey ‖ authValue. */
export function sessionHmac(alg: number, key: Uint8Array, covered: SessionHmac): Uint8Array {
  const { hash, nonceNewer, nonceOlder, others = [], attributes } = covered;
  const data = concat(hash, nonceNewer, nonceOlder, ...others, new Uint8Array([attributes]));
  return hmac(requireHash(alg), key, data);
}

/** Key of a bound or salted session (Part 1, 19.6.8); empty where it is neither. */
export function sessionKey(
  alg: number,
  bound: { readonly authValue: Uint8Array } | undefined,
  salt: Uint8Array,
  nonceTPM: Uint8Array,
  nonceCaller: Uint8Array,
): Uint8Array {
  if (bound === undefined && salt.length === 0) return EMPTY;
  const secret = concat(bound?.authValue ?? EMPTY, salt);
  return kdfa(requireHash(alg), secret, 'ATH', nonceTPM, nonceCaller, hashSize(alg) * 8);
}

/** Session values that make the key of parameter encryption. */
export interface ParameterKey {
  /** Hash of the session. */
  readonly authHash: number;
  readonly symmetric: TPMT_SYM_DEF;
  /** sessionKey ‖ authValue of the entity the session authorises. */
  readonly key: Uint8Array;
  /** Nonce of the side that sends. */
  readonly nonceNewer: Uint8Array;
  readonly nonceOlder: Uint8Array;
}

/** Encrypts or decrypts the contents of a TPM2B (Part 1, 21.2 and 21.3). The session must have a symmetric algorithm. */
export function cryptParameter(
  direction: 'encrypt' | 'decrypt',
  { authHash, symmetric, key, nonceNewer, nonceOlder }: ParameterKey,
  data: Uint8Array,
): Uint8Array {
  const hash = requireHash(authHash);
  const cipher = blockCipherOf(symmetric);
  if (cipher !== undefined) {
    const { keySize, blockSize } = cipher;
    const made = kdfa(hash, key, 'CFB', nonceNewer, nonceOlder, (keySize + blockSize) * 8);
    return cryptCfb(cipher, direction, made.subarray(0, keySize), data, made.subarray(keySize));
  }
  if (symmetric.algorithm !== TPM_ALG.XOR || data.length === 0) return data.slice();
  const mask = kdfa(hash, key, 'XOR', nonceNewer, nonceOlder, data.length * 8);
  return data.map((byte, i) => byte ^ (mask[i] ?? 0));
}

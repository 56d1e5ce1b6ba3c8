/** Hash algorithms: TPM identifiers and the names `src/crypto` uses. */
import { HASH_SIZE, hash } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';
import { TPM_ALG } from './constants.ts';

/** Hash name of a TPM algorithm; undefined where it is not a hash this package has. */
export function hashName(alg: number): HashName | undefined {
  switch (alg) {
    case TPM_ALG.SHA1:
      return 'sha1';
    case TPM_ALG.SHA256:
      return 'sha256';
    case TPM_ALG.SHA384:
      return 'sha384';
    case TPM_ALG.SHA512:
      return 'sha512';
    default:
      return undefined;
  }
}

/** TPM algorithm of a hash name. */
export const HASH_ALG: Readonly<Record<HashName, number>> = {
  sha1: TPM_ALG.SHA1,
  sha256: TPM_ALG.SHA256,
  sha384: TPM_ALG.SHA384,
  sha512: TPM_ALG.SHA512,
};

/** Hash name of an algorithm already checked by a codec; RangeError otherwise. */
export function requireHash(alg: number): HashName {
  const name = hashName(alg);
  if (name === undefined) throw new RangeError(`0x${alg.toString(16)} is not a hash algorithm`);
  return name;
}

/** Digest of `data` with a TPM algorithm already checked by a codec. */
export const hashWith = (alg: number, data: Uint8Array): Uint8Array => hash(requireHash(alg), data);

/** Digest size of a TPM hash algorithm already checked by a codec. */
export const hashSize = (alg: number): number => HASH_SIZE[requireHash(alg)];

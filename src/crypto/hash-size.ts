/** Sizes of the hash algorithms (FIPS 180-4, figure 1). */
import type { HashName } from './primitives.ts';

/** Digest sizes in bytes. */
export const HASH_SIZE: Readonly<Record<HashName, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

/** HMAC block sizes in bytes. */
export const HASH_BLOCK_SIZE: Readonly<Record<HashName, number>> = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 };

import { primitives } from '#primitives';
import type { HashName, IncrementalHash } from './primitives.ts';

/** Digest sizes in bytes. */
export const HASH_SIZE: Readonly<Record<HashName, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

/** HMAC block sizes in bytes. */
export const HASH_BLOCK_SIZE: Readonly<Record<HashName, number>> = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 };

/** All hash names, strongest last. */
export const HASH_NAMES: readonly HashName[] = ['sha1', 'sha256', 'sha384', 'sha512'];

/** Digest of one byte string. */
export const hash = (name: HashName, data: Uint8Array): Uint8Array => primitives.hash(name, data);

/** A hash to be fed piece by piece. */
export const createHash = (name: HashName): IncrementalHash => primitives.createHash(name);

/** HMAC (RFC 2104). */
export const hmac = (name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array => primitives.hmac(name, key, data);

import { primitives } from '#primitives';
import type { HashName, IncrementalHash } from './primitives.ts';

export { HASH_BLOCK_SIZE, HASH_SIZE } from './hash-size.ts';

/** All hash names, strongest last. */
export const HASH_NAMES: readonly HashName[] = ['sha1', 'sha256', 'sha384', 'sha512'];

/** Digest of one byte string. */
export const hash = (name: HashName, data: Uint8Array): Uint8Array => primitives.hash(name, data);

/** {@link hash} into the first bytes of `target`, which may be a part of `data`. */
export const hashInto = (name: HashName, data: Uint8Array, target: Uint8Array): void =>
  primitives.hashInto(name, data, target);

/** A hash to be fed piece by piece. */
export const createHash = (name: HashName): IncrementalHash => primitives.createHash(name);

/** HMAC (RFC 2104). */
export const hmac = (name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array => primitives.hmac(name, key, data);

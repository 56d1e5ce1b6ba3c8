/** RSAES-OAEP (RFC 8017, 7.1) as a TPM uses it: hash and MGF1 by the key's nameAlg, label with its terminating zero byte. */
import { primitives } from '#primitives';
import { allBytes, concat, equalBytes } from '../bytes/bytes.ts';
import { HASH_SIZE, hash } from '../crypto/hash.ts';
import type { HashName, RsaPrivateKey, RsaPublicKey } from '../crypto/primitives.ts';
import { mgf1 } from '../crypto/rsa.ts';

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((value, i) => value ^ (b[i] ?? 0));

/** Longest message a key of `size` bytes can take; negative where it can take none. */
export const oaepCapacity = (name: HashName, size: number): number => size - 2 * HASH_SIZE[name] - 2;

/**
 * Encrypts `message` (RangeError where it is too long for the key).
 * @param label including its terminating zero byte
 * @param seed  as long as the digest; random in real use
 */
export function oaepEncrypt(
  key: RsaPublicKey,
  name: HashName,
  label: Uint8Array,
  message: Uint8Array,
  seed: Uint8Array,
): Uint8Array {
  const size = key.n.length;
  const room = oaepCapacity(name, size) - message.length;
  if (room < 0 || seed.length !== HASH_SIZE[name]) throw new RangeError(`OAEP: ${message.length} bytes do not fit`);
  const db = concat(hash(name, label), new Uint8Array(room), new Uint8Array([1]), message);
  const maskedDb = xor(db, mgf1(name, seed, db.length));
  const maskedSeed = xor(seed, mgf1(name, maskedDb, seed.length));
  return primitives.rsaPublicRaw(key, concat(new Uint8Array(1), maskedSeed, maskedDb));
}

/** Decrypts; undefined for every kind of bad input, which a caller must not tell apart. */
export function oaepDecrypt(
  key: RsaPrivateKey,
  name: HashName,
  label: Uint8Array,
  input: Uint8Array,
): Uint8Array | undefined {
  const size = key.n.length;
  const digest = HASH_SIZE[name];
  if (input.length !== size || oaepCapacity(name, size) < 0) return undefined;
  let encoded: Uint8Array;
  try {
    encoded = primitives.rsaPrivateRaw(key, input);
  } catch {
    return undefined;
  }
  const maskedDb = encoded.subarray(1 + digest);
  const seed = xor(encoded.subarray(1, 1 + digest), mgf1(name, maskedDb, digest));
  const db = xor(maskedDb, mgf1(name, seed, maskedDb.length));
  const one = db.indexOf(1, digest);
  const good =
    encoded[0] === 0 &&
    equalBytes(db.subarray(0, digest), hash(name, label)) &&
    one >= 0 &&
    allBytes(db.subarray(digest, one), 0);
  return good ? db.slice(one + 1) : undefined;
}

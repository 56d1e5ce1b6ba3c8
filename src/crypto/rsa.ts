/** RSA signature schemes of PKCS #1 (RFC 8017) over the raw operation of `#primitives`. Deterministic given the salt. */
import { primitives } from '#primitives';
import { allBytes, concat, equalBytes, fromHex, u32Bytes } from '../bytes/bytes.ts';
import { HASH_SIZE, hash } from './hash.ts';
import type { HashName, RsaPrivateKey, RsaPublicKey } from './primitives.ts';

/** DER of DigestInfo up to the digest (RFC 8017, 9.2 note 1). */
const DIGEST_INFO: Readonly<Record<HashName, Uint8Array>> = {
  sha1: fromHex('3021300906052b0e03021a05000414'),
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha384: fromHex('3041300d060960864801650304020205000430'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
};

/** EMSA-PKCS1-v1_5 encoding (RFC 8017, 9.2); undefined where the modulus is too small for the digest. */
function encodePkcs1(name: HashName, digest: Uint8Array, size: number): Uint8Array | undefined {
  const tail = concat(DIGEST_INFO[name], digest);
  const padding = size - tail.length - 3;
  if (padding < 8) return undefined;
  return concat(new Uint8Array([0, 1]), new Uint8Array(padding).fill(0xff), new Uint8Array(1), tail);
}

/** RSASSA-PKCS1-v1_5 signature of a digest. The key must be large enough for the digest (RangeError). */
export function signPkcs1(key: RsaPrivateKey, name: HashName, digest: Uint8Array): Uint8Array {
  const encoded = encodePkcs1(name, digest, key.n.length);
  if (encoded === undefined) throw new RangeError(`RSA key of ${key.n.length * 8} bits is too small for ${name}`);
  return primitives.rsaPrivateRaw(key, encoded);
}

/** Whether `signature` is the RSASSA-PKCS1-v1_5 signature of `digest`. */
export function verifyPkcs1(key: RsaPublicKey, name: HashName, digest: Uint8Array, signature: Uint8Array): boolean {
  const expected = encodePkcs1(name, digest, key.n.length);
  const encoded = publicRaw(key, signature);
  return expected !== undefined && encoded !== undefined && equalBytes(encoded, expected);
}

/** The public operation on untrusted input: undefined where it is not a valid representative. */
function publicRaw(key: RsaPublicKey, input: Uint8Array): Uint8Array | undefined {
  if (input.length !== key.n.length) return undefined;
  try {
    return primitives.rsaPublicRaw(key, input);
  } catch {
    return undefined;
  }
}

/** MGF1 mask generation (RFC 8017, B.2.1). */
export function mgf1(name: HashName, seed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let i = 0, at = 0; at < size; i++) {
    const block = hash(name, concat(seed, u32Bytes(i)));
    out.set(block.subarray(0, Math.min(block.length, size - at)), at);
    at += block.length;
  }
  return out;
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((v, i) => v ^ (b[i] ?? 0));

/** RSASSA-PSS signature of a digest with the given salt (RFC 8017, 8.1 and 9.1). */
export function signPss(key: RsaPrivateKey, name: HashName, digest: Uint8Array, salt: Uint8Array): Uint8Array {
  const size = key.n.length;
  const hashSize = HASH_SIZE[name];
  const dbSize = size - hashSize - 1;
  if (dbSize < salt.length + 1) throw new RangeError(`RSA key of ${size * 8} bits is too small for this PSS salt`);
  const h = hash(name, concat(new Uint8Array(8), digest, salt));
  const db = concat(new Uint8Array(dbSize - salt.length - 1), new Uint8Array([1]), salt);
  const masked = xor(db, mgf1(name, h, dbSize));
  masked[0] = (masked[0] ?? 0) & (0xff >> unusedBits(key));
  return primitives.rsaPrivateRaw(key, concat(masked, h, new Uint8Array([0xbc])));
}

/** Bits of the first encoded byte that must be zero: emBits = modBits − 1. */
function unusedBits(key: RsaPublicKey): number {
  return Math.clz32(key.n[0] ?? 0) - 24 + 1;
}

/** Whether `signature` is an RSASSA-PSS signature of `digest`; any salt length is accepted. */
export function verifyPss(key: RsaPublicKey, name: HashName, digest: Uint8Array, signature: Uint8Array): boolean {
  const encoded = publicRaw(key, signature);
  const hashSize = HASH_SIZE[name];
  const dbSize = key.n.length - hashSize - 1;
  if (encoded === undefined || dbSize < 1 || encoded[encoded.length - 1] !== 0xbc) return false;
  const masked = encoded.subarray(0, dbSize);
  const h = encoded.subarray(dbSize, dbSize + hashSize);
  if ((masked[0] ?? 0) >> (8 - unusedBits(key))) return false;
  const db = xor(masked, mgf1(name, h, dbSize));
  db[0] = (db[0] ?? 0) & (0xff >> unusedBits(key));
  const one = db.findIndex((b) => b !== 0);
  if (one < 0 || db[one] !== 1 || !allBytes(db.subarray(0, one), 0)) return false;
  return equalBytes(hash(name, concat(new Uint8Array(8), digest, db.subarray(one + 1))), h);
}

/**
 * The cryptographic and compression primitives that differ between Node and a browser. `#primitives` resolves to
 * `primitives.node.ts` (node:crypto, node:zlib: fast) or `primitives.web.ts` (noble, pako: everywhere) by package.json
 * `imports` conditions. Both are synchronous and deterministic; neither has a source of randomness.
 */

/** Hash algorithms by their usual names. */
export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** The curves of keys in certificates and their like, by their usual names (RFC 5480, 2.1.1.1; RFC 7518, 6.2.1.1). */
export type X509CurveName = 'P-256' | 'P-384' | 'P-521';

/** Curves with an object identifier; keys on the others than {@link X509CurveName} are only written here, never read. */
export type OidCurveName = X509CurveName | 'P-192' | 'P-224' | 'SM2 P-256';

/** Curves by their usual names; keys on the last two are only in TPMs. */
export type CurveName = OidCurveName | 'BN P-256' | 'BN P-638';

/** A hash fed piece by piece. */
export interface IncrementalHash {
  update(data: Uint8Array): void;
  /** The digest; the object must not be used afterwards. */
  digest(): Uint8Array;
  /** An independent copy with the same data so far. */
  clone(): IncrementalHash;
}

/** RSA public key; `n` big-endian without leading zeros. */
export interface RsaPublicKey {
  readonly kind: 'rsa';
  readonly n: Uint8Array;
  readonly e: number;
  /**
   * What alone the key is for, where its encoding says so: signatures by RSASSA-PSS, or encryption by RSAES-OAEP (RFC 4055, 1.2
   * and 4).
   */
  readonly only?: 'RSASSA-PSS' | 'RSAES-OAEP';
}

/** RSA private key with CRT parts, all big-endian. */
export interface RsaPrivateKey extends RsaPublicKey {
  readonly d: Uint8Array;
  readonly p: Uint8Array;
  readonly q: Uint8Array;
  readonly dp: Uint8Array;
  readonly dq: Uint8Array;
  readonly qi: Uint8Array;
}

/** A point on a curve; coordinates big-endian, padded to the field size. */
export interface EcPoint {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

/** Elliptic curve public key. */
export interface EcPublicKey<Curve extends CurveName = CurveName> extends EcPoint {
  readonly kind: 'ec';
  readonly curve: Curve;
}

/** Elliptic curve private key; `d` big-endian, padded to the order's size. */
export interface EcPrivateKey<Curve extends CurveName = CurveName> extends EcPublicKey<Curve> {
  readonly d: Uint8Array;
}

/** What a platform must offer. */
export interface Primitives {
  hash(name: HashName, data: Uint8Array): Uint8Array;
  /** {@link hash} into the first bytes of `target`, which may be a part of `data`: nothing is allocated. */
  hashInto(name: HashName, data: Uint8Array, target: Uint8Array): void;
  createHash(name: HashName): IncrementalHash;
  hmac(name: HashName, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** Raw RSA: `input`^e mod n, result as long as n. `input` is as long as n and less than n. */
  rsaPublicRaw(key: RsaPublicKey, input: Uint8Array): Uint8Array;
  /** Raw RSA: `input`^d mod n, result as long as n. */
  rsaPrivateRaw(key: RsaPrivateKey, input: Uint8Array): Uint8Array;
  /** d·G; undefined where d is 0 or not less than the order. */
  ecPublic(curve: CurveName, d: Uint8Array): EcPoint | undefined;
  /** d·P; undefined where P is not on the curve or the result is the point at infinity. */
  ecMultiply(curve: CurveName, point: EcPoint, d: Uint8Array): EcPoint | undefined;
  /** Whether (x, y) is a point of the curve other than infinity. */
  ecOnCurve(curve: CurveName, point: EcPoint): boolean;
  /** ECDSA verification of a message hashed with `hash`; `r` and `s` big-endian of any length. */
  ecdsaVerify(key: EcPublicKey, hash: HashName, message: Uint8Array, r: Uint8Array, s: Uint8Array): boolean;
  /** The same for a digest already made (slower in Node, whose API insists on hashing). */
  ecdsaVerifyDigest(key: EcPublicKey, digest: Uint8Array, r: Uint8Array, s: Uint8Array): boolean;
  /**
   * A block cipher: AES and Camellia with keys of 128, 192 or 256 bits, triple DES with two keys or three (16 or 24 bytes, parity is not
   * looked at). The feedback of CFB is a whole block; CFB, CTR and OFB take any length, CBC and ECB whole blocks, without padding. `iv` is
   * one block; ECB does not look at it.
   */
  cipher(
    name: BlockCipherName,
    mode: CipherMode,
    direction: 'encrypt' | 'decrypt',
    key: Uint8Array,
    iv: Uint8Array,
    data: Uint8Array,
  ): Uint8Array;
  /** Probable-prime test of a big-endian number, error below 2^-80. */
  isProbablePrime(candidate: Uint8Array): boolean;
  /** CRC-32 of ISO 3309, as GPT, gzip, ZIP and xz use it; `before` is that of the bytes in front, where they come in pieces. */
  crc32(bytes: Uint8Array, before?: number): number;
  /**
   * Decompresses one gzip stream (all members). Throws an Error where it is damaged, or where the output would be longer
   * than `maxOutput` bytes (message contains `too large`). The messages are those of zlib everywhere.
   */
  gunzip(data: Uint8Array, maxOutput: number): Uint8Array;
  /**
   * {@link gunzip} for data that come and go in pieces: `onChunk` gets the output in order, each chunk only for the time of
   * the call. What `onChunk` throws ends the work. Where the platform has threads, several calls decompress side by side.
   * `expected` is a guess at the output's size, which only makes it cheaper.
   */
  gunzipEach(
    pieces: Iterable<Uint8Array>,
    maxOutput: number,
    onChunk: (chunk: Uint8Array) => void,
    expected?: number,
  ): Promise<void>;
}

/** Ciphers of {@link Primitives.cipher}: AES (FIPS 197), Camellia (RFC 3713), triple DES (NIST SP 800-67). */
export type BlockCipherName = 'aes' | 'camellia' | 'tdes';

/** Modes of {@link Primitives.cipher} (NIST SP 800-38A). */
export type CipherMode = 'cfb' | 'ctr' | 'ofb' | 'cbc' | 'ecb';

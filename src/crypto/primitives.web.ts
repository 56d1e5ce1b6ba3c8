/** {@link Primitives} on noble and pako: the same results as the Node version, anywhere JavaScript runs. */
import { cbc, cfb, ctr, ecb } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, fromBigInt, toBigInt } from '../bytes/bytes.ts';
import { type BlockCipher, CIPHER_BLOCK_SIZE, runMode } from './block-cipher.ts';
import { camellia } from './camellia.ts';
import { crc32 } from './crc32.web.ts';
import { tripleDes } from './des.ts';
import { gunzipPieces } from './gunzip-now.ts';
import { modPow, probablePrime } from './modular.ts';
import { basePoint, multiply, onCurve, verifyDigest } from './noble-ec.ts';
import type { BlockCipherName, CipherMode, HashName, IncrementalHash, Primitives } from './primitives.ts';

const HASHES = { sha1, sha256, sha384, sha512 } as const;

type NobleHash = ReturnType<(typeof HASHES)[HashName]['create']>;

class WebHash implements IncrementalHash {
  readonly #hash: NobleHash;

  constructor(hash: NobleHash) {
    this.#hash = hash;
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Uint8Array {
    return this.#hash.digest();
  }

  clone(): IncrementalHash {
    return new WebHash(this.#hash.clone());
  }
}

/** A block of AES under one key. */
function aesBlock(key: Uint8Array): BlockCipher {
  // Good for one use only, as the library has it.
  const raw = () => ecb(key, { disablePadding: true });
  return {
    size: CIPHER_BLOCK_SIZE.aes,
    encrypt: (block) => raw().encrypt(block),
    decrypt: (block) => raw().decrypt(block),
  };
}

const BLOCK_CIPHERS: Readonly<Record<BlockCipherName, (key: Uint8Array) => BlockCipher>> = {
  aes: aesBlock,
  camellia,
  tdes: tripleDes,
};

/** AES in a mode that the library has. */
function aes(mode: Exclude<CipherMode, 'ofb'>, encrypt: boolean, key: Uint8Array, iv: Uint8Array, data: Uint8Array) {
  const raw = { disablePadding: true };
  const cipher =
    mode === 'cfb' ? cfb(key, iv) : mode === 'ctr' ? ctr(key, iv) : mode === 'cbc' ? cbc(key, iv, raw) : ecb(key, raw);
  return encrypt ? cipher.encrypt(data) : cipher.decrypt(data);
}

export const primitives: Primitives = {
  hash: (name, data) => HASHES[name](data),
  hashInto: (name, data, target) => target.set(HASHES[name](data)),
  createHash: (name) => new WebHash(HASHES[name].create()),
  hmac: (name, key, data) => hmac(HASHES[name], key, data),
  rsaPublicRaw: (key, input) => fromBigInt(modPow(toBigInt(input), BigInt(key.e), toBigInt(key.n)), key.n.length),
  rsaPrivateRaw: (key, input) => {
    // Chinese remainder theorem: two exponentiations of half the size.
    const [p, q, c] = [toBigInt(key.p), toBigInt(key.q), toBigInt(input)];
    const m1 = modPow(c % p, toBigInt(key.dp), p);
    const m2 = modPow(c % q, toBigInt(key.dq), q);
    const h = (((m1 - m2) % p) + p) % p;
    return fromBigInt(m2 + ((toBigInt(key.qi) * h) % p) * q, key.n.length);
  },
  ecPublic: basePoint,
  ecMultiply: multiply,
  ecOnCurve: onCurve,
  ecdsaVerify: (key, hash, message, r, s) => verifyDigest(key, HASHES[hash](message), r, s),
  ecdsaVerifyDigest: verifyDigest,
  cipher: (name, mode, direction, key, iv, data) =>
    name === 'aes' && mode !== 'ofb'
      ? aes(mode, direction === 'encrypt', key, iv, data)
      : runMode(BLOCK_CIPHERS[name](key), mode, direction, iv, data),
  isProbablePrime: (candidate) => probablePrime(toBigInt(candidate)),
  crc32,
  gunzip: (data, maxOutput) => {
    const parts: Uint8Array[] = [];
    gunzipPieces([data], maxOutput, (chunk) => parts.push(chunk.slice()));
    return concat(...parts);
  },
  gunzipEach: async (pieces, maxOutput, onChunk) => gunzipPieces(pieces, maxOutput, onChunk),
};

/** {@link Primitives} on noble and pako: the same results as the Node version, anywhere JavaScript runs. */
import { cbc, cfb, ctr, ecb } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat, fromBigInt, toBigInt } from '../bytes/bytes.ts';
import { crc32 } from './crc32.web.ts';
import { gunzipPieces } from './gunzip-now.ts';
import { modPow, probablePrime } from './modular.ts';
import { basePoint, multiply, onCurve, verifyDigest } from './noble-ec.ts';
import type { AesMode, HashName, IncrementalHash, Primitives } from './primitives.ts';

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

/** Output feedback: the keystream is the repeated encryption of the IV. */
function ofb(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length);
  let block = iv;
  for (let i = 0; i < data.length; i++) {
    if (i % 16 === 0) block = ecb(key, { disablePadding: true }).encrypt(block);
    out[i] = (data[i] ?? 0) ^ (block[i % 16] ?? 0);
  }
  return out;
}

function aes(mode: AesMode, encrypt: boolean, key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  if (mode === 'ofb') return ofb(key, iv, data);
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
  aes: (mode, direction, key, iv, data) => aes(mode, direction === 'encrypt', key, iv, data),
  isProbablePrime: (candidate) => probablePrime(toBigInt(candidate)),
  crc32,
  gunzip: (data, maxOutput) => {
    const parts: Uint8Array[] = [];
    gunzipPieces([data], maxOutput, (chunk) => parts.push(chunk.slice()));
    return concat(...parts);
  },
  gunzipEach: async (pieces, maxOutput, onChunk) => gunzipPieces(pieces, maxOutput, onChunk),
};

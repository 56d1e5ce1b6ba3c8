/** RSAES-PKCS1-v1_5 encryption (RFC 8017, 7.2). */
import { primitives } from '#primitives';
import { concat } from '../bytes/bytes.ts';
import type { RsaPrivateKey, RsaPublicKey } from './primitives.ts';

/** Fewest padding bytes. */
const MIN_PADDING = 8;

/** Encrypts `message` with padding bytes that are not zero: as many as the key has besides the message, less 3 (else RangeError). */
export function encryptPkcs1(key: RsaPublicKey, message: Uint8Array, padding: Uint8Array): Uint8Array {
  if (padding.length < MIN_PADDING || padding.length + message.length + 3 !== key.n.length || padding.includes(0)) {
    throw new RangeError(`RSAES: ${message.length} bytes with ${padding.length} of padding do not fit`);
  }
  return primitives.rsaPublicRaw(key, concat(new Uint8Array([0, 2]), padding, new Uint8Array(1), message));
}

/** Decrypts; undefined for every kind of bad input, which a caller must not tell apart. */
export function decryptPkcs1(key: RsaPrivateKey, input: Uint8Array): Uint8Array | undefined {
  if (input.length !== key.n.length) return undefined;
  let encoded: Uint8Array;
  try {
    encoded = primitives.rsaPrivateRaw(key, input);
  } catch {
    return undefined;
  }
  const zero = encoded.indexOf(0, 2);
  const good = encoded[0] === 0 && encoded[1] === 2 && zero >= 2 + MIN_PADDING;
  return good ? encoded.slice(zero + 1) : undefined;
}

/** Key derivation functions (TPM 2.0 Library specification, Part 1, 11.4.10). */
import { concat, u32Bytes, utf8 } from '../bytes/bytes.ts';
import { HASH_SIZE, hash, hmac } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';

/** First `bits` bits of `blocks`; a number of bits that is not whole bytes clears the unused high bits. */
function cut(blocks: Uint8Array, bits: number): Uint8Array {
  const size = Math.ceil(bits / 8);
  const out = blocks.length === size ? blocks : blocks.slice(0, size);
  if (bits % 8 !== 0) out[0] = (out[0] ?? 0) & ((1 << (bits % 8)) - 1);
  return out;
}

function blocks(size: number, blockSize: number, make: (counter: number) => Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < size; at += blockSize) parts.push(make(parts.length + 1));
  const [only, ...others] = parts;
  return only !== undefined && others.length === 0 ? only : concat(...parts);
}

/**
 * KDFa (Part 1, 11.4.10.2): SP800-108 in counter mode with HMAC. Result: `bits` bits, big-endian.
 * @param label without its terminating zero byte, which is added here
 */
export function kdfa(
  name: HashName,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array {
  const tail = concat(utf8(`${label}\0`), contextU, contextV, u32Bytes(bits));
  const size = Math.ceil(bits / 8);
  return cut(
    blocks(size, HASH_SIZE[name], (counter) => hmac(name, key, concat(u32Bytes(counter), tail))),
    bits,
  );
}

/**
 * KDFe (Part 1, 11.4.10.3): SP800-56A key derivation of an ECDH secret.
 * @param z      x-coordinate of the shared point
 * @param partyU x-coordinate of the ephemeral key
 * @param partyV x-coordinate of the static key
 */
export function kdfe(
  name: HashName,
  z: Uint8Array,
  label: string,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bits: number,
): Uint8Array {
  const tail = concat(z, utf8(`${label}\0`), partyU, partyV);
  const size = Math.ceil(bits / 8);
  return cut(
    blocks(size, HASH_SIZE[name], (counter) => hash(name, concat(u32Bytes(counter), tail))),
    bits,
  );
}

/** {@link Primitives.crc32} by table, where the platform has none. */
import type { Primitives } from './primitives.ts';

/** By ISO 3309: polynomial 0xEDB88320, reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** See {@link Primitives.crc32}. */
export const crc32: Primitives['crc32'] = (bytes, before = 0) => {
  let c = ~before;
  // Iterating over the array itself is ten times slower in some versions of V8.
  for (let i = 0; i < bytes.length; i++) c = (TABLE[(c ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
};

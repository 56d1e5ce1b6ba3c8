/** CRC-64 of ECMA-182, reflected (polynomial 0xC96C5795D7870F42), as .xz files use it by default. */

/** Low and high words of the table. */
const LOW = new Uint32Array(256);
const HIGH = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let [low, high] = [n, 0];
  for (let k = 0; k < 8; k++) {
    const bit = low & 1;
    low = ((low >>> 1) | (high << 31)) >>> 0;
    high >>>= 1;
    if (bit === 1) [low, high] = [(low ^ 0xd7870f42) >>> 0, (high ^ 0xc96c5795) >>> 0];
  }
  LOW[n] = low;
  HIGH[n] = high;
}

/** The CRC as eight bytes, little-endian. */
export function crc64(bytes: Uint8Array): Uint8Array {
  let low = 0xffffffff;
  let high = 0xffffffff;
  for (const byte of bytes) {
    const at = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (LOW[at] ?? 0);
    high = (high >>> 8) ^ (HIGH[at] ?? 0);
  }
  const out = new DataView(new ArrayBuffer(8));
  out.setUint32(0, ~low >>> 0, true);
  out.setUint32(4, ~high >>> 0, true);
  return new Uint8Array(out.buffer);
}

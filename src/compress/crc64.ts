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

/** A CRC of bytes that come in pieces. */
export class Crc64 {
  #low = 0xffffffff;
  #high = 0xffffffff;

  update(bytes: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    for (const byte of bytes) {
      const at = (low ^ byte) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ (LOW[at] ?? 0);
      high = (high >>> 8) ^ (HIGH[at] ?? 0);
    }
    this.#low = low;
    this.#high = high;
  }

  /** Eight bytes, little-endian. */
  digest(): Uint8Array {
    const out = new DataView(new ArrayBuffer(8));
    out.setUint32(0, ~this.#low >>> 0, true);
    out.setUint32(4, ~this.#high >>> 0, true);
    return new Uint8Array(out.buffer);
  }
}

/** What GET_INFO of the control channel tells: JSON, one key for each flag, in swtpm's order. */

import { u32At, utf8 } from '../../../src/bytes/bytes.ts';
import type { TpmConfig } from '../config.ts';
import { rsaKeySizes } from '../sizes.ts';

/** Family, level and revision of the specification the TPM reports. */
const SPECIFICATION = { family: '2.0', level: 0, revision: 164 };

/** `id:` and eight hexadecimal digits, as platform certificates write numbers. */
const id = (value: number): string => `id:${(value >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;

function manufacturerId(manufacturer: string): number {
  const bytes = new Uint8Array(4);
  bytes.set(utf8(manufacturer).subarray(0, 4));
  return u32At(bytes, 0);
}

/** The JSON text for these flags: 1 specification, 2 attributes, 4 features; other flags add nothing. */
export function tpmInfo(config: TpmConfig, flags: bigint): string {
  const out: Record<string, unknown> = {};
  if ((flags & 1n) !== 0n) out.TPMSpecification = SPECIFICATION;
  if ((flags & 2n) !== 0n) {
    const version = Number(config.firmwareVersion >> 32n);
    out.TPMAttributes = {
      manufacturer: id(manufacturerId(config.manufacturer)),
      version: id(version),
      model: config.vendorString,
    };
  }
  if ((flags & 4n) !== 0n) out.TPMFeatures = { RSAKeySizes: rsaKeySizes(config) };
  return JSON.stringify(out);
}

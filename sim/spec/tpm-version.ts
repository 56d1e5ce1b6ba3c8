/** TPM_PT_FIRMWARE_VERSION_1 and _2 of a text such as `1.59` or `1.59.0.1`: four 16-bit parts, most significant first. */
export function tpmFirmwareVersion(text: string): bigint {
  const parts = text.split('.').map(BigInt);
  return [0, 1, 2, 3].reduce((value, i) => (value << 16n) | ((parts[i] ?? 0n) & 0xffffn), 0n);
}

/** Records of a ZIP archive (APPNOTE 6.3.10, 4.3): signatures, sizes, and what reader and writer agree on. */

/** Signatures as little-endian numbers. */
export const ZIP = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;

/** Fixed parts of the records in bytes. */
export const ZIP_SIZE = { local: 30, central: 46, end: 22, end64: 56, locator64: 20 } as const;

/** Compression methods that a bundle may use. */
export const ZIP_METHOD = { stored: 0, deflated: 8 } as const;

/** General purpose flags. */
export const ZIP_FLAG = { encrypted: 1 << 0, utf8: 1 << 11 } as const;

/** Header id of the extra field with 64-bit sizes. */
export const ZIP64_EXTRA = 0x0001;

/** Values that send a reader to the 64-bit field. */
export const SEE_64 = { u16: 0xffff, u32: 0xffffffff } as const;

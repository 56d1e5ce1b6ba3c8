/**
 * The version record that ESXi's bootloader measures for `b` and `k`: a record of the ELF section `.version` with the full
 * path of the module appended (VMware esx-boot, uefi/efiutils/tpm.c). Little-endian.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | total size, the appended path included |
 * | 4 | 4 | format version, not 0 |
 * | 8 | 8 | flags |
 * | 16 | 4 × 4 | u16 offset, u16 size of: component name, product name, product version, file name |
 * | 32 | … | strings |
 */
import { ByteReader, ByteWriter, concat, fromLatin1, utf8 } from '../../bytes/index.ts';

/** A version record understood. */
export interface VersionRecord {
  readonly formatVersion: number;
  readonly flags: bigint;
  readonly componentName: string;
  readonly productName: string;
  readonly productVersion: string;
  /** Full path of the module. */
  readonly fileName: string;
}

const HEADER_SIZE = 32;
const FIELDS = ['componentName', 'productName', 'productVersion', 'fileName'] as const;

/** The bytes of a record; each string ends with a NUL that its size counts. */
export function encodeVersionRecord(record: VersionRecord): Uint8Array {
  const strings = FIELDS.map((field) => utf8(`${record[field]}\0`));
  const total = HEADER_SIZE + strings.reduce((sum, s) => sum + s.length, 0);
  const w = new ByteWriter('little').u32(total).u32(record.formatVersion).u64(record.flags);
  let at = HEADER_SIZE;
  for (const s of strings) {
    w.u16(at).u16(s.length);
    at += s.length;
  }
  return concat(w.finish(), ...strings);
}

/**
 * Reads a record strictly. The bootloader does not check offsets and sizes, so a hostile record can point anywhere
 * (catalogue entry `version-record-hostile`): every range must lie inside the record, after its header (FormatError).
 */
export function decodeVersionRecord(data: Uint8Array, base = 0): VersionRecord {
  const r = new ByteReader(data, 'ESXi version record', 'little', base);
  const total = r.u32('totalSize');
  if (total !== data.length) throw r.error('totalSize', `expected ${data.length}, found ${total}`, base);
  const formatVersion = r.u32('formatVersion');
  if (formatVersion === 0) throw r.error('formatVersion', 'must not be 0', base + 4);
  const flags = r.u64('flags');
  const text = (field: string): string => {
    const at = r.offset;
    const start = r.u16(`${field}.offset`);
    const size = r.u16(`${field}.size`);
    if (size > 0 && (start < HEADER_SIZE || start + size > data.length)) {
      throw r.error(field, `bytes ${start} to ${start + size} are outside the record of ${data.length}`, at);
    }
    return fromLatin1(data.subarray(start, start + size)).replace(/\0.*$/s, '');
  };
  return {
    formatVersion,
    flags,
    componentName: text('componentName'),
    productName: text('productName'),
    productVersion: text('productVersion'),
    fileName: text('fileName'),
  };
}

/**
 * The version record of the ELF section `.version` of `b` and `k`, and the form in which mboot measures it: with the
 * full path of the module appended (facts: esxi-measured-boot §4.3). All integers little-endian.
 */
import { concat, fromUtf8, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';

/** Bytes before the string area. */
export const VERSION_HEADER_SIZE = 32;
/** Offsets and lengths are 16-bit, so a record never needs more. */
export const VERSION_RECORD_MAX = 0xffff;

const STRINGS = ['componentName', 'productName', 'productVersion', 'fileName'] as const;
type StringField = (typeof STRINGS)[number];

/** A string of the record that lies outside of it; mboot does not check this, so it is a finding, not an error. */
export interface VersionFinding {
  readonly field: StringField;
  readonly offset: number;
  readonly length: number;
  readonly problem: string;
}

/** A parsed version record. Strings are empty where absent or out of bounds. */
export interface VersionRecord extends Record<StringField, string> {
  readonly totalSize: number;
  readonly formatVersion: number;
  readonly flags: bigint;
  readonly findings: readonly VersionFinding[];
}

/** Reads the first record of `bytes`. Throws FormatError where the header is short, oversized or has format version 0. */
export function parseVersionRecord(bytes: Uint8Array): VersionRecord {
  const r = new ByteReader(bytes, 'version record', 'little');
  const totalSize = r.u32('totalSize');
  if (totalSize < VERSION_HEADER_SIZE || totalSize > Math.min(bytes.length, VERSION_RECORD_MAX)) {
    throw r.error('totalSize', `${totalSize} not in ${VERSION_HEADER_SIZE}…${bytes.length}`, 0);
  }
  const formatVersion = r.u32('formatVersion');
  if (formatVersion === 0) throw r.error('formatVersion', 'must not be 0', 4);
  const flags = r.u64('flags');
  const findings: VersionFinding[] = [];
  const record = { componentName: '', productName: '', productVersion: '', fileName: '' };
  for (const field of STRINGS) {
    const offset = r.u16(`${field}Offset`);
    const length = r.u16(`${field}Len`);
    if (length === 0) continue;
    const finding = (problem: string) => findings.push({ field, offset, length, problem });
    if (offset < VERSION_HEADER_SIZE) finding('inside the header');
    else if (offset + length > totalSize) finding(`ends beyond the record of ${totalSize} bytes`);
    else {
      const text = bytes.subarray(offset, offset + length);
      const end = text.indexOf(0);
      if (end < 0) finding('not terminated by NUL');
      record[field] = fromUtf8(end < 0 ? text : text.subarray(0, end));
    }
  }
  return { totalSize, formatVersion, flags, ...record, findings };
}

/** What goes into a record; the file name is appended by the loader, see {@link appendModulePath}. */
export interface VersionInput {
  readonly componentName: string;
  readonly productName: string;
  readonly productVersion: string;
  readonly formatVersion?: number;
  readonly flags?: bigint;
}

/** Bytes of a record as a build places it in the ELF section (no file name yet). */
export function buildVersionRecord(input: VersionInput): Uint8Array {
  const texts = [input.componentName, input.productName, input.productVersion].map((text) => utf8(`${text}\0`));
  const w = new ByteWriter('little');
  w.u32(VERSION_HEADER_SIZE + texts.reduce((sum, text) => sum + text.length, 0));
  w.u32(input.formatVersion ?? 1).u64(input.flags ?? 0n);
  let at = VERSION_HEADER_SIZE;
  for (const text of texts) {
    w.u16(at).u16(text.length);
    at += text.length;
  }
  w.u16(0).u16(0);
  for (const text of texts) w.bytes(text);
  return w.finish();
}

/**
 * The record as it is measured: path and NUL appended, totalSize and the file name pair rewritten, anything after the
 * first record dropped. Throws FormatError where `section` holds no record or the result would not fit 16-bit offsets.
 */
export function appendModulePath(section: Uint8Array, path: string): Uint8Array {
  const { totalSize } = parseVersionRecord(section);
  const name = utf8(`${path}\0`);
  const size = totalSize + name.length;
  if (size > VERSION_RECORD_MAX) {
    throw new FormatError({ structure: 'version record', field: 'fileName', problem: `record of ${size} bytes` });
  }
  const out = concat(section.subarray(0, totalSize), name);
  const view = new DataView(out.buffer);
  view.setUint32(0, size, true);
  view.setUint16(28, totalSize, true);
  view.setUint16(30, name.length, true);
  return out;
}

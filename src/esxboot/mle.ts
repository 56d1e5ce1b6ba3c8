/**
 * The MLE header by which a TXT launch finds the measured launch environment inside `b`, and the image pages that SINIT
 * hashes (facts: esxi-measured-boot §10.4, §11.1 row 8). All integers little-endian.
 *
 * MLE offsets count from the start of the loaded image: the page of the lowest PT_LOAD segment (assumption; the MLE page
 * table that a launch builds maps exactly these pages in order).
 */
import { equalBytes, fromHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { type ElfFile, loadImage } from './elf.ts';

/** GUID of the header in file order. */
export const MLE_GUID = fromHex('5aac8290 6f47a774 0f5c55a2 cb51b642');
/** Size of a version 2.1 header in bytes. */
export const MLE_HEADER_SIZE = 52;
/** Version 2.1. */
export const MLE_HEADER_VERSION = 0x00020001;

/** Capability bits of an MLE (and of OsSinitData). */
export const MLE_CAPABILITY = {
  RLP_WAKE_GETSEC: 1 << 0,
  RLP_WAKE_MONITOR: 1 << 1,
  ECX_PAGE_TABLE: 1 << 2,
  STM: 1 << 3,
  PCR_MAP_NO_LEGACY: 1 << 4,
  PCR_MAP_DA: 1 << 5,
  MAX_PHYSICAL_ADDRESS: 1 << 8,
  TCG_EVENT_LOG: 1 << 9,
  CBNT: 1 << 10,
} as const;

/** The MLE header. Offsets in bytes from the start of the loaded image. */
export interface MleHeader {
  readonly version: number;
  readonly entryPoint: number;
  readonly firstValidPage: number;
  readonly mleStart: number;
  readonly mleEnd: number;
  readonly capabilities: number;
  readonly cmdlineStart: number;
  readonly cmdlineEnd: number;
}

/** A header and its offset in the loaded image. */
export interface FoundMle {
  readonly offset: number;
  readonly header: MleHeader;
}

/** Bytes of a header. */
export function buildMleHeader(header: Omit<MleHeader, 'version'>): Uint8Array {
  const w = new ByteWriter('little', MLE_HEADER_SIZE);
  w.bytes(MLE_GUID).u32(MLE_HEADER_SIZE).u32(MLE_HEADER_VERSION);
  w.u32(header.entryPoint).u32(header.firstValidPage).u32(header.mleStart).u32(header.mleEnd);
  w.u32(header.capabilities).u32(header.cmdlineStart).u32(header.cmdlineEnd);
  return w.finish();
}

/** Searches a loaded image at 4-byte steps. Undefined where there is no header; FormatError where it is cut short. */
export function findMle(image: Uint8Array): FoundMle | undefined {
  for (let at = 0; at + MLE_GUID.length <= image.length; at += 4) {
    if (image[at] !== 0x5a || !equalBytes(image.subarray(at, at + 16), MLE_GUID)) continue;
    const r = new ByteReader(image.subarray(at), 'MLE header', 'little', at);
    r.skip('uuid', 16);
    const length = r.u32('length');
    if (length < MLE_HEADER_SIZE) throw r.error('length', `${length} is less than ${MLE_HEADER_SIZE}`, at + 16);
    const header: MleHeader = {
      version: r.u32('version'),
      entryPoint: r.u32('entry_point'),
      firstValidPage: r.u32('first_valid_page'),
      mleStart: r.u32('mle_start_offset'),
      mleEnd: r.u32('mle_end_offset'),
      capabilities: r.u32('capabilities'),
      cmdlineStart: r.u32('cmdline_start_offset'),
      cmdlineEnd: r.u32('cmdline_end_offset'),
    };
    return { offset: at, header };
  }
  return undefined;
}

const PAGE = 4096;

/** The header of a module and the bytes that the launch hashes: whole pages from `mleStart` to `mleEnd`. */
export interface MleImage extends FoundMle {
  readonly pages: Uint8Array;
}

/**
 * Takes the MLE out of an ELF module. Undefined where it has no MLE header. Throws FormatError where the header's
 * offsets are not page-aligned, run backwards or leave the image, or the entry point lies outside.
 */
export function extractMle(elf: ElfFile): MleImage | undefined {
  const image = loadImage(elf).bytes;
  const found = findMle(image);
  if (found === undefined) return undefined;
  const { mleStart, mleEnd, entryPoint } = found.header;
  const fail = (field: string, problem: string) =>
    new FormatError({ structure: 'MLE header', field, offset: found.offset, problem });
  if (mleStart % PAGE !== 0) throw fail('mle_start_offset', `${mleStart} is not page-aligned`);
  if (mleEnd <= mleStart || mleEnd > image.length) {
    throw fail('mle_end_offset', `${mleEnd} not in ${mleStart + 1}…${image.length}`);
  }
  if (entryPoint < mleStart || entryPoint >= mleEnd) throw fail('entry_point', `${entryPoint} lies outside the MLE`);
  return { ...found, pages: image.subarray(mleStart, Math.ceil(mleEnd / PAGE) * PAGE) };
}

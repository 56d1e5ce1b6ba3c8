/**
 * The ESXBootInfo header by which mboot recognises a kernel and learns whether to measure (facts: esxi-measured-boot §6).
 * 72 bytes, 8-aligned, in the first 8192 bytes of the lowest ELF segment. All integers little-endian.
 */
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';

/** First word of the header. */
export const ESXBOOTINFO_MAGIC = 0x1badb005;
/** Size of the header in bytes. */
export const ESXBOOTINFO_SIZE = 72;
/** The header lies in this many bytes from the start of the lowest segment. */
export const ESXBOOTINFO_SEARCH = 8192;

/** Flag bit 21: the `tpmMeasure` field is valid. Bits 0–15 are required features, 16–31 optional ones. */
export const ESXBOOTINFO_FLAG_TPM_MEASURE = 1 << 21;
/** `tpmMeasure` bit 0: measure modules, command line, certificates and asset tag (V1 events). */
export const TPM_MEASURE_V1 = 1;

/** The kernel's header. */
export interface EsxBootInfoHeader {
  readonly flags: number;
  readonly minVideo: { readonly width: number; readonly height: number; readonly depth: number };
  readonly modeType: number;
  readonly video: { readonly width: number; readonly height: number; readonly depth: number };
  readonly rtsVaddr: bigint;
  readonly rtsSize: bigint;
  readonly loadesxVersion: number;
  readonly tpmMeasure: number;
}

/** A header and where it was found in the segment. */
export interface FoundEsxBootInfo {
  readonly offset: number;
  readonly header: EsxBootInfoHeader;
}

/**
 * Searches the lowest loaded segment. Undefined where there is no header with the magic and a checksum that sums to
 * zero; words with the magic but another sum are passed over.
 */
export function findEsxBootInfo(segment: Uint8Array): FoundEsxBootInfo | undefined {
  const last = Math.min(segment.length, ESXBOOTINFO_SEARCH) - ESXBOOTINFO_SIZE;
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  for (let at = 0; at <= last; at += 8) {
    if (view.getUint32(at, true) !== ESXBOOTINFO_MAGIC) continue;
    const sum = (ESXBOOTINFO_MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true)) >>> 0;
    if (sum === 0) return { offset: at, header: parseHeader(segment.subarray(at, at + ESXBOOTINFO_SIZE), at) };
  }
  return undefined;
}

function parseHeader(bytes: Uint8Array, base: number): EsxBootInfoHeader {
  const r = new ByteReader(bytes, 'ESXBootInfo_Header', 'little', base);
  r.skip('magic', 4);
  const flags = r.u32('flags');
  r.skip('checksum', 4);
  r.skip('reserved', 8);
  const minVideo = { width: r.u32('min_width'), height: r.u32('min_height'), depth: r.u32('min_depth') };
  const modeType = r.u32('mode_type');
  const video = { width: r.u32('width'), height: r.u32('height'), depth: r.u32('depth') };
  return {
    flags,
    minVideo,
    modeType,
    video,
    rtsVaddr: r.u64('rts_vaddr'),
    rtsSize: r.u64('rts_size'),
    loadesxVersion: r.u32('loadesx_version'),
    tpmMeasure: r.u32('tpm_measure'),
  };
}

/** Whether this kernel asks the bootloader to measure: flag bit 21 and `tpmMeasure` bit 0 both set. */
export function asksForMeasurement(header: EsxBootInfoHeader): boolean {
  return (header.flags & ESXBOOTINFO_FLAG_TPM_MEASURE) !== 0 && (header.tpmMeasure & TPM_MEASURE_V1) !== 0;
}

/** Bytes of a header with its checksum. */
export function buildEsxBootInfo(header: Partial<EsxBootInfoHeader>): Uint8Array {
  const flags = (header.flags ?? 0) >>> 0;
  const w = new ByteWriter('little', ESXBOOTINFO_SIZE);
  w.u32(ESXBOOTINFO_MAGIC)
    .u32(flags)
    .u32(-(ESXBOOTINFO_MAGIC + flags) >>> 0)
    .fill(8);
  const min = header.minVideo ?? { width: 0, height: 0, depth: 0 };
  const video = header.video ?? { width: 0, height: 0, depth: 0 };
  w.u32(min.width).u32(min.height).u32(min.depth);
  w.u32(header.modeType ?? 0);
  w.u32(video.width).u32(video.height).u32(video.depth);
  w.u64(header.rtsVaddr ?? 0n).u64(header.rtsSize ?? 0n);
  w.u32(header.loadesxVersion ?? 0).u32(header.tpmMeasure ?? 0);
  return w.finish();
}

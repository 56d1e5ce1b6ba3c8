/**
 * Visor tar, the archive inside `vgz` payloads: all headers first, file data behind them at offsets that the headers give,
 * so that a host maps files without unpacking (facts: vib-and-modules §3).
 */
import {
  type ArchiveEntry,
  type ArchiveInput,
  BLOCK,
  completeEntry,
  type TarFormat,
  writeTarHeader,
} from './tar-header.ts';
import { scanTar, type TarEntry, tarKind, VMTAR_MAGIC, VMTAR_WORDS_AT, withData } from './tar-scan.ts';

/** An entry with what visor tar adds (text segment, fix-up pages); all numbers are bytes. */
export type VmtarEntry = ArchiveEntry & TarEntry;

const STRUCTURE = 'vmtar';
const PREFIX_SIZE = 151;
/** Data of every file starts on a page, as the current vmtar tool lays it out. */
const ALIGNMENT = 4096;

/** Whether the bytes start with a visor tar header. */
export const isVmtar = (bytes: Uint8Array): boolean => tarKind(bytes) === 'vmtar';

/** Reads every entry; data are views of the input. Offsets outside the archive are a `FormatError`. */
export const readVmtar = (bytes: Uint8Array): VmtarEntry[] =>
  scanTar('vmtar', bytes).map((entry) => withData(entry, bytes));

const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** Writes an archive: headers, a block of zeros, then each file's data on the next page; it ends with the last file's data. */
export function writeVmtar(inputs: readonly (ArchiveInput & Partial<VmtarEntry>)[]): Uint8Array {
  const entries = inputs.map((input) => ({ ...input, ...completeEntry(input) }));
  let end = (entries.length + 1) * BLOCK;
  const offsets = entries.map((entry) => {
    if (entry.data.length === 0) return 0;
    const at = align(end);
    end = at + entry.data.length;
    return at;
  });
  const out = new Uint8Array(end);
  for (const [i, entry] of entries.entries()) {
    const dataOffset = offsets[i] ?? 0;
    const { textOffset = 0, textSize = 0, fixUpPages = 0 } = entry;
    const format: TarFormat = {
      structure: STRUCTURE,
      magic: VMTAR_MAGIC,
      prefixSize: PREFIX_SIZE,
      finish: (block) => {
        const view = new DataView(block.buffer, block.byteOffset + VMTAR_WORDS_AT, 16);
        for (const [k, word] of [dataOffset, textOffset, textSize, fixUpPages].entries())
          view.setUint32(4 * k, word, true);
      },
    };
    out.set(writeTarHeader(entry, format), i * BLOCK);
    if (dataOffset !== 0) out.set(entry.data, dataOffset);
  }
  return out;
}

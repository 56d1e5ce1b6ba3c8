/**
 * Visor tar, the archive inside `vgz` payloads: all headers first, file data behind them at offsets that the headers give,
 * so that a host maps files without unpacking (facts: vib-and-modules §3).
 */
import { ByteReader } from '../bytes/reader.ts';
import {
  type ArchiveEntry,
  type ArchiveInput,
  BLOCK,
  completeEntry,
  entryType,
  isZeroBlock,
  readTarHeader,
  type TarFormat,
  writeTarHeader,
} from './tar-header.ts';

/** An entry with what visor tar adds; all numbers are bytes, little-endian words in the header. */
export interface VmtarEntry extends ArchiveEntry {
  /** Where the data lies in the archive; 0 for directories and empty files. */
  readonly dataOffset: number;
  /** Offset and size of the text segment of an executable, 0 where unused. */
  readonly textOffset: number;
  readonly textSize: number;
  /** Pages to be fixed up after loading, 0 where unused. */
  readonly fixUpPages: number;
}

const STRUCTURE = 'vmtar';
const MAGIC = 'visor  \0';
const PREFIX_SIZE = 151;
/** Data of every file starts on a page, as the current vmtar tool lays it out. */
const ALIGNMENT = 4096;
/** Most entries of one archive. */
const MAX_ENTRIES = 100_000;

/** The four words behind the prefix. */
const WORDS_AT = 0x1f0;

/** Whether the bytes start with a visor tar header. */
export function isVmtar(bytes: Uint8Array): boolean {
  return bytes.length >= BLOCK && [...MAGIC].every((c, i) => bytes[0x101 + i] === c.charCodeAt(0));
}

function readWords(block: Uint8Array) {
  const words = new ByteReader(block.subarray(WORDS_AT), STRUCTURE, 'little');
  return {
    dataOffset: words.u32('dataOffset'),
    textOffset: words.u32('textOffset'),
    textSize: words.u32('textSize'),
    fixUpPages: words.u32('fixUpPages'),
  };
}

/** Reads every entry; data are views of the input. Offsets outside the archive are a `FormatError`. */
export function readVmtar(bytes: Uint8Array): VmtarEntry[] {
  const reader = new ByteReader(bytes, STRUCTURE);
  const entries: VmtarEntry[] = [];
  while (reader.remaining > 0) {
    const offset = reader.offset;
    const where = `entry[${entries.length}]`;
    const block = reader.bytes(where, BLOCK);
    if (isZeroBlock(block)) break;
    if (entries.length >= MAX_ENTRIES) throw reader.error(where, `more than ${MAX_ENTRIES} entries`, offset);
    const { flag, size, magic, ...header } = readTarHeader(block, PREFIX_SIZE, STRUCTURE, offset);
    if (magic !== MAGIC) throw reader.error(`${where}.magic`, 'expected "visor"', offset);
    const words = readWords(block);
    const type = entryType(flag, header.name, STRUCTURE, offset);
    let data: Uint8Array = new Uint8Array(0);
    if (size > 0 && words.dataOffset === 0) {
      // Without an offset the data follows the header, as in ustar.
      data = reader.bytes(`${where}.data`, size);
      reader.skip(`${where}.padding`, Math.min(reader.remaining, (BLOCK - (size % BLOCK)) % BLOCK));
    } else if (size > 0) {
      if (words.dataOffset + size > bytes.length) {
        const problem = `data at ${words.dataOffset} of ${size} bytes ends behind the archive's ${bytes.length}`;
        throw reader.error(`${where}.dataOffset`, problem, offset);
      }
      data = bytes.subarray(words.dataOffset, words.dataOffset + size);
    }
    entries.push({ ...header, name: header.name.replace(/\/+$/, ''), type, data, ...words });
  }
  return entries;
}

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
      magic: MAGIC,
      prefixSize: PREFIX_SIZE,
      finish: (block) => {
        const view = new DataView(block.buffer, block.byteOffset + WORDS_AT, 16);
        for (const [k, word] of [dataOffset, textOffset, textSize, fixUpPages].entries())
          view.setUint32(4 * k, word, true);
      },
    };
    out.set(writeTarHeader(entry, format), i * BLOCK);
    if (dataOffset !== 0) out.set(entry.data, dataOffset);
  }
  return out;
}

/**
 * Bounded reader of PE32+ images (Microsoft PE/COFF specification): headers, sections and the attribute certificate
 * table. Integers little-endian.
 */
import { fromLatin1 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';

/** Largest image and most sections read. */
export const PE_MAX_SIZE = 64 << 20;
export const PE_MAX_SECTIONS = 96;
/** Machine number of x86-64. */
export const MACHINE_X64 = 0x8664;
/** Subsystem numbers of EFI images. */
export const SUBSYSTEM = { application: 10, bootServiceDriver: 11, runtimeDriver: 12 } as const;

export const DOS_HEADER_SIZE = 64;
export const COFF_HEADER_SIZE = 20;
export const SECTION_HEADER_SIZE = 40;
const PE32_PLUS = 0x20b;
const MAX_DIRECTORIES = 16;
const CERTIFICATE_DIRECTORY = 4;

/** One section. */
export interface PeSection {
  readonly name: string;
  readonly virtualAddress: number;
  readonly virtualSize: number;
  readonly rawOffset: number;
  readonly rawSize: number;
  readonly characteristics: number;
  /** Contents without the file padding: at most `virtualSize` bytes. */
  readonly data: Uint8Array;
}

/** A parsed image. Offsets count from the start of the file. */
export interface PeImage {
  readonly bytes: Uint8Array;
  readonly machine: number;
  readonly subsystem: number;
  readonly entryPoint: number;
  readonly imageBase: bigint;
  readonly sizeOfImage: number;
  readonly sizeOfHeaders: number;
  readonly checksumOffset: number;
  /** Offset of the certificate table's data directory; undefined where the image has fewer directories. */
  readonly certificateDirectoryOffset: number | undefined;
  /** The certificate table; `size` 0 where the image is not signed. */
  readonly certificates: { readonly offset: number; readonly size: number };
  readonly sections: readonly PeSection[];
}

/** Reads a PE32+ image. Throws FormatError, also where sections overlap or leave the file. */
export function parsePe(bytes: Uint8Array): PeImage {
  const dos = new ByteReader(bytes, 'IMAGE_DOS_HEADER', 'little');
  if (bytes.length > PE_MAX_SIZE) throw dos.error('', `image longer than ${PE_MAX_SIZE} bytes`);
  if (dos.u16('e_magic') !== 0x5a4d) throw dos.error('e_magic', 'not MZ', 0);
  dos.skip('', DOS_HEADER_SIZE - 6);
  const peOffset = dos.u32('e_lfanew');
  if (peOffset > bytes.length) throw dos.error('e_lfanew', `${peOffset} lies outside the file`, 60);
  const r = new ByteReader(bytes.subarray(peOffset), 'IMAGE_NT_HEADERS64', 'little', peOffset);
  if (r.u32('Signature') !== 0x4550) throw r.error('Signature', 'not PE', peOffset);
  const machine = r.u16('Machine');
  const sectionCount = r.u16('NumberOfSections');
  if (sectionCount > PE_MAX_SECTIONS) throw r.error('NumberOfSections', `${sectionCount} exceeds ${PE_MAX_SECTIONS}`);
  r.skip('TimeDateStamp', 12);
  const optionalSize = r.u16('SizeOfOptionalHeader');
  r.skip('Characteristics', 2);
  const optional = readOptional(r.sub('OptionalHeader', optionalSize), bytes.length);
  const sections = Array.from({ length: sectionCount }, (_, i) =>
    readSection(bytes, r.sub(`sections[${i}]`, SECTION_HEADER_SIZE, 'IMAGE_SECTION_HEADER')),
  );
  const image: PeImage = { bytes, machine, ...optional, sections };
  checkExtents(image, r.offset);
  return image;
}

type Optional = Omit<PeImage, 'bytes' | 'machine' | 'sections'>;

function readOptional(r: ByteReader, fileSize: number): Optional {
  const start = r.offset;
  if (r.u16('Magic') !== PE32_PLUS) throw r.error('Magic', 'not PE32+', start);
  r.skip('', 14);
  const entryPoint = r.u32('AddressOfEntryPoint');
  r.skip('BaseOfCode', 4);
  const imageBase = r.u64('ImageBase');
  r.skip('SectionAlignment', 24);
  const sizeOfImage = r.u32('SizeOfImage');
  const sizeOfHeaders = r.u32('SizeOfHeaders');
  const checksumOffset = r.offset;
  r.skip('CheckSum', 4);
  const subsystem = r.u16('Subsystem');
  r.skip('DllCharacteristics', 38);
  const directories = r.u32('NumberOfRvaAndSizes');
  if (directories > MAX_DIRECTORIES) throw r.error('NumberOfRvaAndSizes', `${directories} exceeds ${MAX_DIRECTORIES}`);
  const common = { subsystem, entryPoint, imageBase, sizeOfImage, sizeOfHeaders, checksumOffset };
  if (directories <= CERTIFICATE_DIRECTORY) {
    return { ...common, certificateDirectoryOffset: undefined, certificates: { offset: 0, size: 0 } };
  }
  r.skip('DataDirectory', 8 * CERTIFICATE_DIRECTORY);
  const certificateDirectoryOffset = r.offset;
  const offset = r.u32('DataDirectory[4].VirtualAddress');
  const size = r.u32('DataDirectory[4].Size');
  if (size > 0 && offset + size > fileSize) {
    throw r.error('DataDirectory[4]', `${size} bytes at ${offset} lie outside the file`, certificateDirectoryOffset);
  }
  return { ...common, certificateDirectoryOffset, certificates: { offset, size } };
}

function readSection(bytes: Uint8Array, r: ByteReader): PeSection {
  const name = fromLatin1(r.bytes('Name', 8)).split('\0', 1)[0] ?? '';
  const virtualSize = r.u32('VirtualSize');
  const virtualAddress = r.u32('VirtualAddress');
  const rawSize = r.u32('SizeOfRawData');
  const rawOffset = r.u32('PointerToRawData');
  r.skip('PointerToRelocations', 12);
  const characteristics = r.u32('Characteristics');
  if (rawSize > 0 && rawOffset + rawSize > bytes.length) {
    throw r.error('SizeOfRawData', `${rawSize} bytes at ${rawOffset} lie outside the file of ${bytes.length}`);
  }
  const data =
    rawSize === 0 ? new Uint8Array(0) : bytes.subarray(rawOffset, rawOffset + Math.min(rawSize, virtualSize));
  return { name, virtualAddress, virtualSize, rawOffset, rawSize, characteristics, data };
}

/** Headers, sections and certificates must lie one after the other: anything else could hide bytes from the hash. */
function checkExtents(image: PeImage, headersEnd: number): void {
  const fail = (field: string, problem: string) => new FormatError({ structure: 'PE image', field, problem });
  if (image.sizeOfHeaders < headersEnd || image.sizeOfHeaders > image.bytes.length) {
    throw fail('SizeOfHeaders', `${image.sizeOfHeaders} not in ${headersEnd}…${image.bytes.length}`);
  }
  let end = image.sizeOfHeaders;
  for (const section of rawOrder(image)) {
    if (section.rawOffset < end) throw fail(`section ${section.name}`, `starts at ${section.rawOffset}, before ${end}`);
    end = section.rawOffset + section.rawSize;
  }
  const { offset, size } = image.certificates;
  if (size > 0 && offset < end) throw fail('certificate table', `starts at ${offset}, before ${end}`);
  if (size > 0 && offset + size !== image.bytes.length) throw fail('certificate table', 'is not the end of the file');
}

/** Sections that have file contents, in the order of their place in the file. */
export function rawOrder(image: PeImage): PeSection[] {
  return image.sections.filter((s) => s.rawSize > 0).sort((a, b) => a.rawOffset - b.rawOffset);
}

/** The first section of that name. */
export function findPeSection(image: PeImage, name: string): PeSection | undefined {
  return image.sections.find((section) => section.name === name);
}

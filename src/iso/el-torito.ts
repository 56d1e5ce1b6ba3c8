/** El Torito boot catalogue (specification 1.0): which images of a disc firmware may start. */
import type { ByteSource } from '../archive/source.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { type IsoImage, SECTOR } from './iso9660.ts';

/** A boot image of the catalogue. */
export interface BootEntry {
  readonly platform: 'x86' | 'powerpc' | 'mac' | 'efi' | 'unknown';
  readonly bootable: boolean;
  /** Media type: 0 means no emulation of a disk. */
  readonly media: number;
  /** First sector of the image. */
  readonly sector: number;
  /** Sectors of 512 bytes that the catalogue states; many writers state 1 or 0 for EFI images. */
  readonly count: number;
}

const STRUCTURE = 'El Torito';
const ENTRY = 32;
const MAX_ENTRIES = SECTOR / ENTRY;
const PLATFORM: Readonly<Record<number, BootEntry['platform']>> = { 0: 'x86', 1: 'powerpc', 2: 'mac', 239: 'efi' };
const HEADER = { validation: 1, more: 0x90, last: 0x91, extension: 0x44 } as const;
const BOOTABLE = 0x88;

function readEntry(bytes: Uint8Array, platform: number): BootEntry {
  const reader = new ByteReader(bytes, STRUCTURE, 'little');
  const bootable = reader.u8('entry.indicator') === BOOTABLE;
  const media = reader.u8('entry.media') & 0x0f;
  reader.skip('entry.segment', 4);
  const count = reader.u16('entry.sectorCount');
  return { platform: PLATFORM[platform] ?? 'unknown', bootable, media, count, sector: reader.u32('entry.loadRba') };
}

/** Entries of the boot catalogue; none where the image is not bootable. A damaged catalogue is a FormatError. */
export function readBootCatalogue(iso: IsoImage): BootEntry[] {
  if (iso.bootCatalogue === undefined) return [];
  const source = iso.sectors(iso.bootCatalogue, SECTOR);
  const bytes = source.read(0, source.size);
  const fail = (problem: string): FormatError =>
    new FormatError({ structure: STRUCTURE, field: 'validation', problem });
  if (bytes.length < SECTOR || bytes[0] !== HEADER.validation)
    throw fail('the catalogue does not begin with a validation entry');
  const view = new DataView(bytes.buffer, bytes.byteOffset, ENTRY);
  let sum = 0;
  for (let at = 0; at < ENTRY; at += 2) sum = (sum + view.getUint16(at, true)) & 0xffff;
  if (sum !== 0 || view.getUint16(30, true) !== 0xaa55) throw fail('checksum or key bytes do not match');
  const at = (n: number): Uint8Array => bytes.subarray(n * ENTRY, (n + 1) * ENTRY);
  const entries = [readEntry(at(1), bytes[1] ?? 0)];
  for (let n = 2; n < MAX_ENTRIES; ) {
    const header = at(n++);
    if (header[0] !== HEADER.more && header[0] !== HEADER.last) break;
    const count = (header[2] ?? 0) | ((header[3] ?? 0) << 8);
    for (let left = count; left > 0 && n < MAX_ENTRIES; n++) {
      if (at(n)[0] === HEADER.extension) continue;
      entries.push(readEntry(at(n), header[1] ?? 0));
      left--;
    }
    if (header[0] === HEADER.last) break;
  }
  return entries;
}

/** Largest EFI boot image looked at. */
const MAX_EFI_IMAGE = 512 << 20;

/** The EFI boot image as a source up to the end of the disc: its own file system tells the length. */
export function efiBootImage(iso: IsoImage): ByteSource | undefined {
  const entry = readBootCatalogue(iso).find(({ platform, bootable }) => platform === 'efi' && bootable);
  return entry === undefined ? undefined : iso.sectors(entry.sector, MAX_EFI_IMAGE);
}

/** Installer discs: ISO 9660 with Joliet or Rock Ridge names, El Torito, the FAT volume of an EFI boot image; reading and writing. */
export type { IsoNames } from './directory.ts';
export { type BootEntry, efiBootImage, readBootCatalogue } from './el-torito.ts';
export { FatVolume } from './fat.ts';
export { writeFat } from './fat-write.ts';
export { type IsoInput, type IsoWriteOptions, isoParts } from './iso-write.ts';
export { type IsoFile, IsoImage, isIso, openIso } from './iso9660.ts';

/** Installer discs: ISO 9660 with Joliet or Rock Ridge names, El Torito, the FAT volume of an EFI boot image. */
export type { IsoNames } from './directory.ts';
export { type BootEntry, efiBootImage, readBootCatalogue } from './el-torito.ts';
export { FatVolume } from './fat.ts';
export { type IsoFile, IsoImage, isIso, openIso } from './iso9660.ts';

/** What needs Node's file system: boot images from VIB files and folders, the sample image of a profile. */
export { fileSource } from './file-source.ts';
export { loadImage, openImage } from './image-files.ts';
export { type ImageKind, imageKind } from './image-paths.ts';
export { openVibPaths, openVibs, readCertificates, type VibFile } from './vib-files.ts';

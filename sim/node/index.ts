/** What needs Node: boot images from VIB files and folders, the sample image of a profile, TPMs behind sockets and devices. */
export { DeviceTransport } from '../tpm/ports/device.ts';
export { MssimTransport } from '../tpm/ports/mssim.ts';
export { openTpm, parseTpmChoice, type TpmChoice } from '../tpm/ports/open.ts';
export { SwtpmTransport } from '../tpm/ports/swtpm.ts';
export { fileSource } from './file-source.ts';
export { loadImage, openImage } from './image-files.ts';
export { type ImageKind, imageKind } from './image-paths.ts';
export { TpmStateFile } from './tpm-state-file.ts';
export { openVibPaths, openVibs, readCertificates, type VibFile } from './vib-files.ts';

/**
 * What needs Node: VIBs and boot images in files, read and written piece by piece, the sample image of a profile, TPMs behind
 * sockets and devices.
 */
export { FormatError, InputError } from '../../src/bytes/errors.ts';
export { DeviceTransport } from '../tpm/ports/device.ts';
export { MssimTransport } from '../tpm/ports/mssim.ts';
export { openTpm, parseTpmChoice, type TpmChoice } from '../tpm/ports/open.ts';
export { SwtpmTransport } from '../tpm/ports/swtpm.ts';
export { fileSource } from './file-source.ts';
export { writePiecesAtomic } from './files.ts';
export { loadImage, openImage } from './image-files.ts';
export { type ImageKind, imageKind } from './image-paths.ts';
export { TpmStateFile } from './tpm-state-file.ts';
export { type TreeEntry, TreeWriter, writeTree } from './trees.ts';
export {
  type DamagedVib,
  findVibPaths,
  openVibPaths,
  openVibs,
  readCertificates,
  type VibFile,
} from './vib-files.ts';

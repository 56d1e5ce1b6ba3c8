/** `esxsim/vib`: ESXi's installation packages: read, build, sign, check. */

export { type ByteSource, bytesSource, piecesOf } from '../archive/source.ts';
export { FormatError, InputError } from '../bytes/errors.ts';
export { type Certificate, parseCertificate, parseCertificatesPem } from '../crypto/x509.ts';
export * from './acceptance.ts';
export { type ArInput, type ArMember, isAr, readAr, writeAr } from './ar.ts';
export {
  type ContentScan,
  type ScannedArchive,
  type ScanOptions,
  scanContent,
  scanPayload,
  UnpackedFile,
  unpackEach,
} from './content-scan.ts';
export * from './descriptor.ts';
export {
  type ExtractedFile,
  type ExtractedHead,
  type Extraction,
  type ExtractTarget,
  extractMembers,
  extractVib,
  type Written,
  writeMembers,
  writeVibFiles,
} from './extract.ts';
export { isError, VIB_FINDINGS, type VibFinding, type VibFindingCode } from './findings.ts';
export { type GunzipLimits, gunzip, gzip, isGzip } from './gzip.ts';
export { grantedLevel, LEVEL_POLICY } from './level-policy.ts';
export { NestedFile, type NestedLayer, nestedLayer, type Passes } from './nested-file.ts';
export {
  isArchiveType,
  isFile,
  type OpenArchive,
  type OpenPayload,
  openPayload,
  openUnpacked,
  type PayloadContent,
  plainPath,
  type ScannedPayload,
  unsafePath,
} from './payload.ts';
export * from './report.ts';
export * from './revocation.ts';
export { isAsStated } from './stated.ts';
export type { ArchiveEntry, ArchiveInput, EntryType } from './tar-header.ts';
export type { TarEntry, TarKind } from './tar-scan.ts';
export { isUstar, readUstar, writeUstar } from './ustar.ts';
export * from './verify.ts';
export { type SignedDescriptor, verifySignature } from './verify-signature.ts';
export * from './version.ts';
export * from './vib.ts';
export { sourceOfVib, vibFromSource } from './vib-source.ts';
export { isVmtar, readVmtar, type VmtarEntry, writeVmtar } from './vmtar.ts';

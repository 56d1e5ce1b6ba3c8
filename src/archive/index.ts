/** Archives over random access: byte sources, lazily read files, ZIP. */
export { digestsOf } from './digest.ts';
export { nameInAnyCase } from './file-names.ts';
export { LazyFiles, sourceOf } from './lazy-files.ts';
export {
  asSource,
  type ByteSource,
  bytesSource,
  deferredSource,
  joinedSource,
  piecesOf,
  readRange,
  sliceRange,
  sliceSource,
} from './source.ts';
export type { Spool, SpooledFile } from './spool.ts';
export { isZip, openZip, ZIP_LIMITS, ZipArchive, type ZipEntry, type ZipLimits } from './zip-read.ts';
export { writeZip, type ZipInput, type ZipWriteOptions, zipParts } from './zip-write.ts';

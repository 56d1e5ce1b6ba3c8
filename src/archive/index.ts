/** Archives over random access: byte sources, lazily read files, ZIP. */
export { LazyFiles } from './lazy-files.ts';
export { type ByteSource, bytesSource, readRange, sliceSource } from './source.ts';
export { isZip, openZip, ZipArchive, type ZipEntry, type ZipLimits } from './zip-read.ts';
export { writeZip, type ZipInput, type ZipWriteOptions, zipParts } from './zip-write.ts';

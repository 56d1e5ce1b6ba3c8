/** Offline bundles: reading, choosing an image profile, writing. */
export type { BundleBulletin, BundleProfile, BundleVendor, BundleVib } from './metadata.ts';
export {
  type BundleFiles,
  type BundleFinding,
  imageVibs,
  isBundle,
  type OfflineBundle,
  openBundle,
  readBundle,
  type UnusedPart,
} from './read.ts';
export { type BundleInput, bundleParts, writeBundle } from './write.ts';

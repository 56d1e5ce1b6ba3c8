/** Paths that users give for images and VIBs: what each holds is recognised by its content (docs/images.md). */
import { existsSync } from 'node:fs';
import { type ByteSource, isZip, type ZipLimits } from '../../src/archive/index.ts';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { isBundle, type OfflineBundle, openBundle, readBundle } from '../../src/depot/index.ts';
import { isIso } from '../../src/iso/index.ts';
import { isAr } from '../../src/vib/index.ts';
import { bundleFolder } from './bundle-folder.ts';
import { fileSource } from './file-source.ts';
import { isFolder, listFolder } from './files.ts';
import { temporarySpool } from './spool.ts';

/** Name of a boot bank's configuration, in any case. */
export const BOOT_CFG = 'boot.cfg';

/** What a path holds. */
export type ImageKind = 'vib' | 'bundle' | 'iso' | 'bootbank' | 'folder';

/** A path with the image profile behind `#`, where the user names one. */
export interface ImagePath {
  readonly path: string;
  readonly profile: string | undefined;
}

/** A path and what it holds. */
export interface ImageInput extends ImagePath {
  readonly kind: ImageKind;
  /** Of the kind `bundle`. */
  readonly bundle?: OfflineBundle;
}

/** Whether a file is a VIB by its name; the case of the suffix does not matter. */
export const isVibName = (name: string): boolean => /\.vib$/i.test(name);

/** Splits `bundle.zip#PROFILE`; a file whose own name has a `#` is taken as it is. */
export function splitPath(text: string): ImagePath {
  const at = text.lastIndexOf('#');
  if (at <= 0 || existsSync(text)) return { path: text, profile: undefined };
  return { path: text.slice(0, at), profile: text.slice(at + 1) };
}

function folderKind(path: string): ImageKind {
  const names = listFolder(path);
  if (names.some((name) => name.toLowerCase() === BOOT_CFG)) return 'bootbank';
  // The VIBs of a bundle lie in folders of their own.
  return isBundle({ has: (name) => names.includes(name) }) && !names.some(isVibName) ? 'bundle' : 'folder';
}

/** Recognises what a path holds by its content. Nothing of it is an InputError. */
export function imageKind(path: string): ImageKind {
  if (isFolder(path)) return folderKind(path);
  return withSource(path, () => fileKind(fileSource(path)));
}

function fileKind(source: ByteSource): ImageKind {
  const start = source.read(0, Math.min(8, source.size));
  if (isAr(start)) return 'vib';
  if (isZip(start)) return 'bundle';
  if (isIso(source)) return 'iso';
  throw new InputError(
    'neither a VIB ("!<arch>" at its beginning), an offline bundle (.zip) nor an installer disc (.iso)',
  );
}

/**
 * What a user's path holds; of a bundle its metadata are read, and `limits` hold for what is unpacked of it. An image profile of
 * something else is an InputError.
 */
export function openInput(text: string, limits: ZipLimits = {}): ImageInput {
  const { path, profile } = splitPath(text);
  const kind = imageKind(path);
  if (kind !== 'bundle') {
    if (profile === undefined) return { path, profile, kind };
    throw new InputError(`${path}: #${profile} names an image profile, but this is no offline bundle`);
  }
  const bundle = withSource(path, () =>
    isFolder(path)
      ? readBundle(bundleFolder(path, limits), limits)
      : openBundle(fileSource(path), { ...limits, spool: temporarySpool }),
  );
  return { path, profile, kind, bundle };
}

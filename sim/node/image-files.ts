/**
 * Boot images from files, recognised by their content (docs/images.md): VIBs and folders of them, offline bundles, a boot
 * bank folder, an installer disc, the sample image of a profile. Large files are read piece by piece.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteSource, isZip, LazyFiles, type ZipLimits } from '../../src/archive/index.ts';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { imageVibs, type OfflineBundle, openBundle } from '../../src/depot/index.ts';
import { isIso, openIso } from '../../src/iso/index.ts';
import { isAr, type Vib } from '../../src/vib/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import type { BootImage } from '../image.ts';
import { installImage } from '../install.ts';
import { imageFromDisc } from '../media.ts';
import type { HostSpec } from '../spec/schema.ts';
import { fileSource } from './file-source.ts';
import { isFolder, listFolder, packageRoot } from './files.ts';
import { temporarySpool } from './spool.ts';

/** Folder of the system partition inside a boot bank folder. */
const ESP_FOLDER = 'esp';
const BOOT_CFG = 'boot.cfg';

/** What a path holds. */
export type ImageKind = 'vib' | 'bundle' | 'iso' | 'bootbank' | 'folder';

/** A path with the image profile behind `#`, where the user names one. */
interface ImagePath {
  readonly path: string;
  readonly profile: string | undefined;
}

/** Splits `bundle.zip#PROFILE`; a file whose own name has a `#` is taken as it is. */
function splitPath(text: string): ImagePath {
  const at = text.lastIndexOf('#');
  if (at <= 0 || existsSync(text)) return { path: text, profile: undefined };
  return { path: text.slice(0, at), profile: text.slice(at + 1) };
}

/** Recognises what a path holds by its content. Nothing of it is an InputError. */
export function imageKind(path: string): ImageKind {
  if (isFolder(path)) return bankConfig(path) === undefined ? 'folder' : 'bootbank';
  return withSource(path, () => fileKind(fileSource(path)));
}

function fileKind(source: ByteSource): ImageKind {
  const start = source.read(0, Math.min(8, source.size));
  if (isAr(start)) return 'vib';
  if (isZip(start)) return 'bundle';
  if (isIso(source)) return 'iso';
  throw new InputError('neither a VIB, an offline bundle (.zip) nor an installer disc (.iso)');
}

/** The bundle at a path that names no image profile; undefined where the path holds something else. */
export function bundleAt(text: string, limits: ZipLimits = {}): OfflineBundle | undefined {
  const { path, profile } = splitPath(text);
  if (profile !== undefined || imageKind(path) !== 'bundle') return undefined;
  return withSource(path, () => openBundle(fileSource(path), { ...limits, spool: temporarySpool }));
}

const bankConfig = (folder: string): string | undefined =>
  listFolder(folder).find((name) => name.toLowerCase() === BOOT_CFG);

/** The boot disk of a spec: its paths where it names any, else its sample image. */
export function loadImage(spec: HostSpec): BootImage {
  const { paths, sample } = spec.image;
  if (paths !== undefined && paths.length > 0) return fromPaths(spec, paths);
  if (sample === undefined) throw new InputError('host spec: image: name a sample or paths');
  return fromPaths(spec, [join(packageRoot(), 'vib-samples', sample)]);
}

function fromPaths(spec: HostSpec, texts: readonly string[]): BootImage {
  const inputs = texts.map(splitPath).map((input) => ({ ...input, kind: imageKind(input.path) }));
  for (const { path, profile, kind } of inputs) {
    if (profile !== undefined && kind !== 'bundle') {
      throw new InputError(`${path}: #${profile} names an image profile, but this is no offline bundle`);
    }
    if (inputs.length > 1 && (kind === 'bootbank' || kind === 'iso')) {
      throw new InputError(`${path}: a whole image (${kind}) cannot be combined with other --image paths`);
    }
  }
  const [first] = inputs;
  if (first?.kind === 'bootbank') return readBootbank(first.path);
  if (first?.kind === 'iso') return withSource(first.path, () => imageFromDisc(openIso(fileSource(first.path)), spec));
  const vibs = inputs.flatMap((input) => vibsOf(input));
  if (vibs.length === 0) throw new InputError(`${texts.join(', ')}: no .vib files and no ${BOOT_CFG}`);
  return installImage(spec, vibs);
}

/** The VIBs of several paths: files, folders, bundles (within `limits`). A path that is a whole image or holds no VIB is an InputError. */
export function loadVibs(texts: readonly string[], limits: ZipLimits = {}): Vib[] {
  return texts.flatMap((text) => {
    const { path, profile } = splitPath(text);
    const kind = imageKind(path);
    if (kind === 'bootbank' || kind === 'iso') {
      throw new InputError(`${path}: is a whole image (${kind}), not a .vib file, a folder of them or a bundle`);
    }
    const vibs = vibsOf({ path, profile, kind }, limits);
    if (vibs.length === 0) throw new InputError(`${path}: no .vib files`, { source: path });
    return vibs;
  });
}

/** The VIBs of one path; payload data stay in their files until they are used. */
function vibsOf({ path, profile, kind }: ImagePath & { readonly kind: ImageKind }, limits: ZipLimits = {}): Vib[] {
  switch (kind) {
    case 'folder':
      return listFolder(path)
        .filter((name) => name.endsWith('.vib'))
        .map((name) => openVib(join(path, name)));
    case 'bundle':
      return withSource(path, () => {
        const bundle = openBundle(fileSource(path), { ...limits, spool: temporarySpool });
        return imageVibs(bundle, profile).map((id) => bundle.openVib(id, { lazy: true }));
      });
    default:
      return [openVib(path)];
  }
}

function openVib(path: string): Vib {
  return withSource(path, () => vibFromSource(fileSource(path)));
}

/** A boot bank folder: its files, and the system partition in the subfolder `esp`. Files are read when they are used. */
function readBootbank(folder: string): BootImage {
  const names = listFolder(folder).filter((name) => !isFolder(join(folder, name)));
  const bootbank = new LazyFiles(names.map((name) => [name, fileSource(join(folder, name))]));
  const esp = new LazyFiles();
  const espFolder = listFolder(folder).find((name) => name.toLowerCase() === ESP_FOLDER);
  const walk = (path: string): void => {
    for (const name of listFolder(join(folder, path))) {
      const inner = `${path}/${name}`;
      if (isFolder(join(folder, inner))) walk(inner);
      else esp.add(inner.slice(inner.indexOf('/') + 1), fileSource(join(folder, inner)));
    }
  };
  if (espFolder !== undefined) walk(espFolder);
  return { bootbank, esp };
}

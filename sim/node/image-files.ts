/**
 * Boot images from files, recognised by their content (docs/images.md): VIBs and folders of them, offline bundles, a boot
 * bank folder, an installer disc, the sample image of a profile. Large files are read piece by piece.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteSource, isZip, LazyFiles, type ZipLimits } from '../../src/archive/index.ts';
import { InputError, withSource, withSourceAsync } from '../../src/bytes/errors.ts';
import { imageVibs, type OfflineBundle, openBundle } from '../../src/depot/index.ts';
import { isIso, openIso } from '../../src/iso/index.ts';
import { isAr, type Vib } from '../../src/vib/index.ts';
import type { BootImage } from '../image.ts';
import { installImage } from '../install.ts';
import { imageFromDisc } from '../media.ts';
import type { HostSpec } from '../spec/schema.ts';
import { fileSource } from './file-source.ts';
import { isFolder, listFolder, packageRoot } from './files.ts';
import { temporarySpool } from './spool.ts';
import { openVibFolder, openVibs } from './vib-files.ts';

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

/** A path and what it holds. */
interface ImageInput extends ImagePath {
  readonly kind: ImageKind;
  /** Of the kind `bundle`. */
  readonly bundle?: OfflineBundle;
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

function openInput(text: string, limits: ZipLimits = {}): ImageInput {
  const { path, profile } = splitPath(text);
  const kind = imageKind(path);
  if (kind !== 'bundle') return { path, profile, kind };
  const bundle = withSource(path, () => openBundle(fileSource(path), { ...limits, spool: temporarySpool }));
  return { path, profile, kind, bundle };
}

/** Unpacks what is compressed in bundles, outside of memory and with threads of its own: everything that reads it is synchronous. */
async function unpackBundles(inputs: readonly ImageInput[]): Promise<void> {
  for (const { path, profile, bundle } of inputs) {
    if (bundle === undefined) continue;
    await withSourceAsync(path, () => bundle.unpack(imageVibs(bundle, profile)));
  }
}

/** The bundle at a path that names no image profile; undefined where the path holds something else. */
export async function bundleAt(text: string, limits: ZipLimits = {}): Promise<OfflineBundle | undefined> {
  const { path, profile } = splitPath(text);
  if (profile !== undefined || imageKind(path) !== 'bundle') return undefined;
  const { bundle } = openInput(text, limits);
  if (bundle !== undefined) await withSourceAsync(path, () => bundle.unpack([...bundle.vibs.keys()]));
  return bundle;
}

const bankConfig = (folder: string): string | undefined =>
  listFolder(folder).find((name) => name.toLowerCase() === BOOT_CFG);

/**
 * The boot disk of a spec: its paths where it names any, else its sample image. VIBs that are compressed in a bundle are
 * unpacked into memory; {@link openImage} needs less of it.
 */
export function loadImage(spec: HostSpec): BootImage {
  return fromInputs(spec, openInputs(spec));
}

/** {@link loadImage} for images of any size. */
export async function openImage(spec: HostSpec): Promise<BootImage> {
  const inputs = openInputs(spec);
  await unpackBundles(inputs);
  return fromInputs(spec, inputs);
}

function openInputs(spec: HostSpec): ImageInput[] {
  const { paths, sample } = spec.image;
  if (paths !== undefined && paths.length > 0) return paths.map((path) => openInput(path));
  if (sample === undefined) throw new InputError('host spec: image: name a sample or paths');
  return [openInput(join(packageRoot(), 'vib-samples', sample))];
}

function fromInputs(spec: HostSpec, inputs: readonly ImageInput[]): BootImage {
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
  if (vibs.length === 0) {
    throw new InputError(`${inputs.map(({ path }) => path).join(', ')}: no .vib files and no ${BOOT_CFG}`);
  }
  return installImage(spec, vibs);
}

/** The VIBs of several paths: files, folders, bundles (within `limits`). A path that is a whole image or holds no VIB is an InputError. */
export async function loadVibs(texts: readonly string[], limits: ZipLimits = {}): Promise<Vib[]> {
  const inputs = texts.map((text) => openInput(text, limits));
  await unpackBundles(inputs);
  return inputs.flatMap((input) => {
    const { path, kind } = input;
    if (kind === 'bootbank' || kind === 'iso') {
      throw new InputError(`${path}: is a whole image (${kind}), not a .vib file, a folder of them or a bundle`);
    }
    const vibs = vibsOf(input);
    if (vibs.length === 0) throw new InputError(`${path}: no .vib files`, { source: path });
    return vibs;
  });
}

/** The VIBs of one path; payload data stay in their files until they are used. */
function vibsOf({ path, profile, kind, bundle }: ImageInput): Vib[] {
  if (kind === 'folder') return openVibFolder(path).map(({ vib }) => vib);
  if (bundle === undefined) return openVibs([path]).map(({ vib }) => vib);
  return withSource(path, () => imageVibs(bundle, profile).map((id) => bundle.openVib(id, { lazy: true })));
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

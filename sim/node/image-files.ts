/** Boot images from files: VIBs and folders of them, offline bundles, a boot bank folder, an installer disc, the sample image of a profile. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LazyFiles, nameInAnyCase, type ZipLimits } from '../../src/archive/index.ts';
import { InputError, withSource, withSourceAsync } from '../../src/bytes/errors.ts';
import { imageVibs, type OfflineBundle } from '../../src/depot/index.ts';
import { BOOT_CFG_MAX_SIZE } from '../../src/esxboot/index.ts';
import { openIso } from '../../src/iso/index.ts';
import type { Vib } from '../../src/vib/index.ts';
import type { BootImage } from '../image.ts';
import { INSTALL_LOG, installImage } from '../install.ts';
import { broughtLoaders, discMedia, imageFromMedia, isMediaConfig, type Media } from '../media.ts';
import type { HostSpec } from '../spec/schema.ts';
import { fileSource } from './file-source.ts';
import { isFolder, listFolder, packageRoot, readFile } from './files.ts';
import { filesBelow } from './files-below.ts';
import { BOOT_CFG, type ImageInput, openInput } from './image-paths.ts';
import { openVibPaths, unpackBundles, vibsOfInput } from './vib-files.ts';

/** Folder of the system partition inside a boot bank folder. */
const ESP_FOLDER = 'esp';

/** The bundle at a path that names no image profile; undefined where the path holds something else. */
export async function bundleAt(text: string, limits: ZipLimits = {}): Promise<OfflineBundle | undefined> {
  const { path, profile, bundle } = openInput(text, limits);
  if (bundle === undefined || profile !== undefined) return undefined;
  await withSourceAsync(path, () => bundle.unpack([...bundle.vibs.keys()]));
  return bundle;
}

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
  await unpackBundles(inputs, imageVibs);
  return fromInputs(spec, inputs);
}

function openInputs(spec: HostSpec): ImageInput[] {
  const { paths, sample } = spec.image;
  if (paths !== undefined && paths.length > 0) return paths.map((path) => openInput(path));
  if (sample === undefined) throw new InputError('host spec: image: name a sample or paths');
  return [openInput(join(packageRoot(), 'vib-samples', sample))];
}

function fromInputs(spec: HostSpec, inputs: readonly ImageInput[]): BootImage {
  for (const { path, kind } of inputs) {
    if (inputs.length > 1 && (kind === 'bootbank' || kind === 'iso')) {
      throw new InputError(`${path}: a whole image (${kind}) cannot be combined with other --image paths`);
    }
  }
  const [first] = inputs;
  if (first?.kind === 'bootbank') return readFolder(first.path, spec);
  if (first?.kind === 'iso')
    return withSource(first.path, () => imageFromMedia(discMedia(openIso(fileSource(first.path))), spec));
  const vibs = inputs.flatMap((input) => vibsOfInput(input, imageVibs)).map(({ vib }) => vib);
  if (vibs.length === 0) {
    throw new InputError(`${inputs.map(({ path }) => path).join(', ')}: no .vib files and no ${BOOT_CFG}`);
  }
  return installImage(spec, vibs);
}

/** The VIBs of several paths that an image is made of: files, folders, image profiles of bundles (within `limits`). */
export async function loadVibs(texts: readonly string[], limits: ZipLimits = {}): Promise<Vib[]> {
  return (await openVibPaths(texts, limits, imageVibs)).map(({ vib }) => vib);
}

/** A folder with a boot.cfg: a boot bank, or the files of a disc. */
function readFolder(folder: string, spec: HostSpec): BootImage {
  const name = listFolder(folder).find((each) => each.toLowerCase() === BOOT_CFG);
  const config = name === undefined ? undefined : fileSource(join(folder, name));
  if (config === undefined || config.size > BOOT_CFG_MAX_SIZE || !isMediaConfig(config.read(0, config.size)))
    return readBootbank(folder);
  return withSource(folder, () => imageFromMedia(folderMedia(folder), spec));
}

/** The files of a folder and below as media. */
function folderMedia(folder: string): Media {
  const files = filesBelow(folder);
  return {
    files,
    find: (path) => nameInAnyCase(files, path),
    findLink: () => undefined,
    source: (path) => fileSource(join(folder, path)),
    efiImage: () => undefined,
  };
}

/**
 * A boot bank folder: its files, and the system partition in the subfolder `esp`. A bank copied from a host has none, since that
 * is a volume of its own there: the loaders are then those the image brings along. Files are read when they are used.
 */
function readBootbank(folder: string): BootImage {
  const names = listFolder(folder).filter((name) => !isFolder(join(folder, name)));
  const sources = names.map((name) => [name, fileSource(join(folder, name))] as const);
  const bootbank = new LazyFiles(sources);
  const esp = new LazyFiles();
  const espFolder = listFolder(folder).find((name) => name.toLowerCase() === ESP_FOLDER);
  const walk = (path: string): void => {
    for (const name of listFolder(join(folder, path))) {
      const inner = `${path}/${name}`;
      if (isFolder(join(folder, inner))) walk(inner);
      else esp.add(inner.slice(inner.indexOf('/') + 1), fileSource(join(folder, inner)));
    }
  };
  const installLog = existsSync(join(folder, INSTALL_LOG)) ? readFile(join(folder, INSTALL_LOG)) : undefined;
  if (espFolder === undefined) return { bootbank, esp: broughtLoaders(new Map(sources)) ?? esp, installLog };
  walk(espFolder);
  return { bootbank, esp, installLog };
}

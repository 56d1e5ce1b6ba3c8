import { join } from 'node:path';
import type { ZipLimits } from '../../src/archive/index.ts';
import { FormatError, InputError, withSource, withSourceAsync } from '../../src/bytes/errors.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { type Certificate, parseCertificate } from '../../src/crypto/x509.ts';
import { imageVibs, type OfflineBundle } from '../../src/depot/index.ts';
import type { Vib } from '../../src/vib/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { fileSource } from './file-source.ts';
import { listFolder, readFile } from './files.ts';
import { type ImageInput, isVibName, openInput } from './image-paths.ts';

/** A VIB and where it came from. */
export interface VibFile {
  readonly path: string;
  readonly vib: Vib;
}

/** A VIB in a bundle or a folder that cannot be read, though others can. */
export interface DamagedVib {
  readonly path: string;
  /** Its ID as the bundle's metadata say; in a folder the name of the file. */
  readonly id: string;
  /** What is wrong with it. */
  readonly problem: FormatError;
}

/** A VIB file whose payloads stay in it until they are used. */
const vibFile = (path: string): VibFile => ({ path, vib: vibFromSource(fileSource(path)) });

/** {@link vibFile} whose errors name the file. */
const openVib = (path: string): VibFile => withSource(path, () => vibFile(path));

/** {@link openVib} of several. */
export const openVibs = (paths: readonly string[]): VibFile[] => paths.map(openVib);

/** What can be read of it, or what is wrong: both are worth a row of their own among others. */
function orDamaged(path: string, id: string, open: () => VibFile): VibFile | DamagedVib {
  try {
    return open();
  } catch (error) {
    if (error instanceof FormatError) return { path, id, problem: error };
    throw error;
  }
}

/** Names of the .vib files in a folder. */
const vibNames = (folder: string): string[] => listFolder(folder).filter(isVibName);

/** {@link openVibs} of every .vib file in a folder. */
export const openVibFolder = (folder: string): VibFile[] =>
  openVibs(vibNames(folder).map((name) => join(folder, name)));

/** {@link openVibFolder} that goes on where one is damaged. */
function foundInFolder(folder: string): (VibFile | DamagedVib)[] {
  return vibNames(folder).map((name) => {
    const path = join(folder, name);
    return orDamaged(path, name, () => vibFile(path));
  });
}

/** Which VIBs of a bundle are meant; `profile` is the image profile that the user named. */
type Choice = (bundle: OfflineBundle, profile: string | undefined) => readonly string[];

const everyVib: Choice = (bundle, profile) =>
  profile === undefined ? [...bundle.vibs.keys()] : imageVibs(bundle, profile);

/** Unpacks what is compressed in bundles, outside of memory and with threads of its own: everything that reads it is synchronous. */
export async function unpackBundles(inputs: readonly ImageInput[], choice: Choice): Promise<void> {
  for (const { path, profile, bundle } of inputs) {
    if (bundle !== undefined) await withSourceAsync(path, () => bundle.unpack(choice(bundle, profile)));
  }
}

/** The VIBs of one path; of a bundle or folder the damaged ones too. A path that is a whole image is an InputError. */
function foundIn({ path, profile, kind, bundle }: ImageInput, choice: Choice): (VibFile | DamagedVib)[] {
  if (kind === 'bootbank' || kind === 'iso') {
    throw new InputError(`${path}: is a whole image (${kind}), not a .vib file, a folder of them or a bundle`);
  }
  if (bundle !== undefined) {
    return withSource(path, () => choice(bundle, profile).map((id) => ofBundle(bundle, id, path)));
  }
  return kind === 'folder' ? foundInFolder(path) : [openVib(path)];
}

/** One VIB of the bundle at `bundlePath`. */
function ofBundle(bundle: OfflineBundle, id: string, bundlePath: string): VibFile | DamagedVib {
  const path = `${bundlePath}/${bundle.vibs.get(id)?.path ?? id}`;
  return orDamaged(path, id, () => ({ path, vib: bundle.openVib(id, { lazy: true }) }));
}

/** The VIBs of one path. One that is a whole image, or that holds a damaged VIB, is an InputError. */
export function vibsOfInput(input: ImageInput, choice: Choice): VibFile[] {
  return foundIn(input, choice).map((found) => {
    if (!('problem' in found)) return found;
    // What is wrong inside a bundle says where in it.
    throw withSource(input.bundle === undefined ? found.path : input.path, () => {
      throw found.problem;
    });
  });
}

/** What {@link openVibPaths} and {@link findVibPaths} share; `read` gives what one path holds. */
async function ofPaths<T>(
  texts: readonly string[],
  limits: ZipLimits,
  choice: Choice,
  read: (input: ImageInput, choice: Choice) => readonly T[],
): Promise<T[]> {
  const inputs = texts.map((text) => openInput(text, limits));
  await unpackBundles(inputs, choice);
  return inputs.flatMap((input) => {
    const found = read(input, choice);
    if (found.length === 0) throw new InputError(`${input.path}: no .vib files`, { source: input.path });
    return found;
  });
}

/**
 * {@link openVibs} for folders of VIBs and offline bundles (within `limits`) too. The path of a VIB in a bundle is that of the
 * bundle and the one inside. Without a choice every VIB of a bundle is meant. Nothing found is an InputError.
 */
export function openVibPaths(
  texts: readonly string[],
  limits: ZipLimits = {},
  choice: Choice = everyVib,
): Promise<VibFile[]> {
  return ofPaths(texts, limits, choice, vibsOfInput);
}

/** {@link openVibPaths} for looking at VIBs one by one: a damaged one in a bundle does not keep the others from being read. */
export function findVibPaths(texts: readonly string[], limits: ZipLimits = {}): Promise<(VibFile | DamagedVib)[]> {
  return ofPaths<VibFile | DamagedVib>(texts, limits, everyVib, foundIn);
}

/** Certificates of PEM files; a file without any is an InputError. */
export function readCertificates(paths: readonly string[]): Certificate[] {
  return paths.flatMap((path) =>
    withSource(path, () => {
      const blocks = decodePem(readFile(path)).filter(({ label }) => label === 'CERTIFICATE');
      if (blocks.length === 0) throw new InputError('no PEM certificate');
      return blocks.map(({ bytes }) => parseCertificate(bytes));
    }),
  );
}

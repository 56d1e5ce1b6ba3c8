import { join } from 'node:path';
import type { ZipLimits } from '../../src/archive/index.ts';
import { InputError, withSource, withSourceAsync } from '../../src/bytes/errors.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { type Certificate, parseCertificate } from '../../src/crypto/x509.ts';
import { imageVibs, type OfflineBundle } from '../../src/depot/index.ts';
import type { Vib } from '../../src/vib/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { fileSource } from './file-source.ts';
import { listFolder, readFile } from './files.ts';
import { type ImageInput, openInput } from './image-paths.ts';

/** A VIB and where it came from. */
export interface VibFile {
  readonly path: string;
  readonly vib: Vib;
}

/** Opens VIB files; payloads stay in them until they are used. Errors name the file. */
export function openVibs(paths: readonly string[]): VibFile[] {
  return paths.map((path) => ({ path, vib: withSource(path, () => vibFromSource(fileSource(path))) }));
}

/** {@link openVibs} of every .vib file in a folder; the case of the suffix does not matter. */
export const openVibFolder = (folder: string): VibFile[] =>
  openVibs(
    listFolder(folder)
      .filter((name) => /\.vib$/i.test(name))
      .map((name) => join(folder, name)),
  );

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

/** The VIBs of one path. One that is a whole image is an InputError. */
export function vibsOfInput({ path, profile, kind, bundle }: ImageInput, choice: Choice): VibFile[] {
  if (kind === 'bootbank' || kind === 'iso') {
    throw new InputError(`${path}: is a whole image (${kind}), not a .vib file, a folder of them or a bundle`);
  }
  if (bundle !== undefined) {
    return withSource(path, () =>
      choice(bundle, profile).map((id) => ({
        path: `${path}/${bundle.vibs.get(id)?.path ?? id}`,
        vib: bundle.openVib(id, { lazy: true }),
      })),
    );
  }
  return kind === 'folder' ? openVibFolder(path) : openVibs([path]);
}

/**
 * {@link openVibs} for folders of VIBs and offline bundles (within `limits`) too. The path of a VIB in a bundle is that of the
 * bundle and the one inside. Without a choice every VIB of a bundle is meant. Nothing found is an InputError.
 */
export async function openVibPaths(
  texts: readonly string[],
  limits: ZipLimits = {},
  choice: Choice = everyVib,
): Promise<VibFile[]> {
  const inputs = texts.map((text) => openInput(text, limits));
  await unpackBundles(inputs, choice);
  return inputs.flatMap((input) => {
    const found = vibsOfInput(input, choice);
    if (found.length === 0) throw new InputError(`${input.path}: no .vib files`, { source: input.path });
    return found;
  });
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

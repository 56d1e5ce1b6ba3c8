import { join } from 'node:path';
import { isZip } from '../../src/archive/index.ts';
import { InputError, withSource, withSourceAsync } from '../../src/bytes/errors.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { type Certificate, parseCertificate } from '../../src/crypto/x509.ts';
import { openBundle } from '../../src/depot/index.ts';
import type { Vib } from '../../src/vib/index.ts';
import { vibFromSource } from '../../src/vib/vib-source.ts';
import { fileSource } from './file-source.ts';
import { isFolder, listFolder, readFile } from './files.ts';
import { temporarySpool } from './spool.ts';

/** A VIB and where it came from. */
export interface VibFile {
  readonly path: string;
  readonly vib: Vib;
}

/** Opens VIB files; payloads stay in them until they are used. Errors name the file. */
export function openVibs(paths: readonly string[]): VibFile[] {
  return paths.map((path) => ({ path, vib: withSource(path, () => vibFromSource(fileSource(path))) }));
}

/** {@link openVibs} of every .vib file in a folder. */
export const openVibFolder = (folder: string): VibFile[] =>
  openVibs(
    listFolder(folder)
      .filter((name) => name.endsWith('.vib'))
      .map((name) => join(folder, name)),
  );

/**
 * {@link openVibs} for folders of VIBs and offline bundles too. The path of a VIB in a bundle is that of the bundle and the one
 * inside. Nothing found is an InputError.
 */
export async function openVibPaths(paths: readonly string[]): Promise<VibFile[]> {
  const found: VibFile[] = [];
  for (const path of paths) found.push(...(await vibsAt(path)));
  return found;
}

async function vibsAt(path: string): Promise<VibFile[]> {
  if (isFolder(path)) {
    const found = openVibFolder(path);
    if (found.length === 0) throw new InputError(`${path}: no .vib files`, { source: path });
    return found;
  }
  if (!isZip(firstBytes(path))) return openVibs([path]);
  return await withSourceAsync(path, async () => {
    const bundle = openBundle(fileSource(path), { spool: temporarySpool });
    const ids = [...bundle.vibs.keys()];
    await bundle.unpack(ids);
    return ids.map((id) => ({
      path: `${path}/${bundle.vibs.get(id)?.path ?? id}`,
      vib: bundle.openVib(id, { lazy: true }),
    }));
  });
}

function firstBytes(path: string): Uint8Array {
  const source = fileSource(path);
  return source.read(0, Math.min(4, source.size));
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

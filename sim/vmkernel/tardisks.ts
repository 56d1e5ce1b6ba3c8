/** Tardisks: archives of the boot bank that the VMkernel mounts as its file system, in boot order. */
import { InputError } from '../../src/bytes/errors.ts';
import { isXz } from '../../src/compress/xz.ts';
import { isZstd } from '../../src/compress/zstd.ts';
import type { TarEntry } from '../../src/vib/index.ts';
import { type BootModule, eachFile } from '../boot/modules.ts';
import type { Machine } from '../machine.ts';

/** A file of a mounted archive; its data are in the module. */
export interface TardiskFile {
  /** Path without a leading slash. */
  readonly path: string;
  readonly entry: TarEntry;
}

/** A mounted archive. */
export interface Tardisk {
  readonly module: BootModule;
  readonly files: readonly TardiskFile[];
}

/** The files of an archive; undefined where the module is none. Throws FormatError where it is damaged. */
export function openArchive({ archive }: BootModule): TardiskFile[] | undefined {
  if (archive === undefined) return undefined;
  if ('error' in archive) throw archive.error;
  return archive.entries
    .filter(({ type }) => type === 'file' || type === 'shared')
    .map((entry) => ({ path: entry.name.replace(/^(\.?\/)+/, ''), entry }));
}

/** Gives the data of some files of a tardisk, in its order, and keeps none. */
export async function eachTardiskFile(
  { module, files }: Tardisk,
  wanted: (path: string) => boolean,
  visit: (path: string, data: Uint8Array) => void,
): Promise<void> {
  const found = files.filter(({ path }) => wanted(path));
  const paths = new Map(found.map(({ path, entry }) => [entry, path]));
  await eachFile(
    module,
    found.map(({ entry }) => entry),
    (entry, data) => visit(paths.get(entry) ?? entry.name, data),
  );
}

/** A second layer of compression around an archive, which is measured as it is but not opened here (docs/images.md). */
const nestedLayer = (head: Uint8Array): string | undefined => (isXz(head) ? 'xz' : isZstd(head) ? 'zstd' : undefined);

/** Mounts every archive among the modules. A damaged one is not mounted; its absence shows later, as on a host. */
export function mountTardisks(machine: Machine, modules: readonly BootModule[]): Tardisk[] {
  const mounted: Tardisk[] = [];
  for (const module of modules) {
    try {
      const files = openArchive(module);
      if (files !== undefined) mounted.push({ module, files });
      const layer = nestedLayer(module.head);
      if (layer !== undefined) {
        machine.console.print('vmkernel', `VisorFS: cannot mount ${module.name}: holds ${layer} data inside gzip`);
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      machine.console.print('vmkernel', `VisorFS: cannot mount ${module.name}: ${error.message}`);
    }
  }
  machine.console.print('vmkernel', `VisorFS: mounted ${mounted.length} tardisks`);
  return mounted;
}

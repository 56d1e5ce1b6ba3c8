/** Tardisks: archives of the boot bank that the VMkernel mounts as its file system, in boot order. */
import { InputError } from '../../src/bytes/errors.ts';
import { layerLimit } from '../../src/compress/layer.ts';
import { NestedFile, nestedLayer, type Passes, type ScannedArchive, type TarEntry } from '../../src/vib/index.ts';
import { type BootModule, eachFile, MAX_MODULE } from '../boot/modules.ts';
import type { Machine } from '../machine.ts';

/** A file of a mounted archive; its data are in the archive. */
export interface TardiskFile {
  /** Path without a leading slash. */
  readonly path: string;
  readonly entry: TarEntry;
}

/** A mounted archive. */
export interface Tardisk {
  readonly module: BootModule;
  /** The archive's bytes: the module's, or what is below its second layer of compression. */
  readonly data: Passes;
  readonly files: readonly TardiskFile[];
}

function filesOf(archive: ScannedArchive | undefined): TardiskFile[] | undefined {
  if (archive === undefined) return undefined;
  if ('error' in archive) throw archive.error;
  return archive.entries
    .filter(({ type }) => type === 'file' || type === 'shared')
    .map((entry) => ({ path: entry.name.replace(/^(\.?\/)+/, ''), entry }));
}

/**
 * Opens an archive, through a second layer of compression too; undefined where the module is none. Damage is a FormatError, a
 * layer that cannot be opened an UnsupportedCompression.
 */
export async function openTardisk(module: BootModule): Promise<Tardisk | undefined> {
  const layer = nestedLayer(module.head);
  const nested = layer && new NestedFile(module, layer, module.name, Math.min(MAX_MODULE, layerLimit(module.size, {})));
  const files = filesOf(nested === undefined ? module.archive : await nested.archive());
  return files && { module, data: nested ?? module, files };
}

/** Gives the data of some files of a tardisk, in its order, and keeps none. */
export async function eachTardiskFile(
  { data, files }: Tardisk,
  wanted: (path: string) => boolean,
  visit: (path: string, data: Uint8Array) => void,
): Promise<void> {
  const found = files.filter(({ path }) => wanted(path));
  const paths = new Map(found.map(({ path, entry }) => [entry, path]));
  await eachFile(
    data,
    found.map(({ entry }) => entry),
    (entry, bytes) => visit(paths.get(entry) ?? entry.name, bytes),
  );
}

/** Mounts every archive among the modules. A damaged one is not mounted; its absence shows later, as on a host. */
export async function mountTardisks(machine: Machine, modules: readonly BootModule[]): Promise<Tardisk[]> {
  const mounted: Tardisk[] = [];
  for (const module of modules) {
    try {
      const tardisk = await openTardisk(module);
      if (tardisk !== undefined) mounted.push(tardisk);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      machine.console.print('vmkernel', `VisorFS: cannot mount ${module.name}: ${error.message}`);
    }
  }
  machine.console.print('vmkernel', `VisorFS: mounted ${mounted.length} tardisks`);
  return mounted;
}

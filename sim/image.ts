/** What is on the boot disk of a simulated host. */
import { type ByteSource, nameInAnyCase, sourceOf } from '../src/archive/index.ts';

/**
 * Files of the boot disk. Names are as on the FAT volumes; bytes are exactly those on disk. The maps may read a file each
 * time it is asked for (`LazyFiles`): take a value once and do not keep it.
 */
export interface BootImage {
  /** Boot bank: `boot.cfg` and the modules, by file name without a leading slash. */
  readonly bootbank: ReadonlyMap<string, Uint8Array>;
  /** EFI system partition, by path with forward slashes, e.g. `EFI/BOOT/BOOTX64.EFI`. */
  readonly esp: ReadonlyMap<string, Uint8Array>;
  /** The installer's log (`esxupdate.log`) as far as it was kept; it boots nothing and is not measured. */
  readonly installLog?: Uint8Array | undefined;
  /** VIBs that it was made from and that are not on it, and why. */
  readonly leftOut?: readonly { readonly vib: string; readonly why: string }[];
}

/** The name in the map of a path such as `/b.b00`, whatever its case (FAT ignores case); of several the exact one. */
export function findName(files: ReadonlyMap<string, Uint8Array>, path: string): string | undefined {
  return nameInAnyCase(files, path.replace(/^\/+/, '').replaceAll('\\', '/'));
}

/** The file of a path such as `/b.b00`, whatever its case. */
export function findFile(files: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array | undefined {
  const name = findName(files, path);
  return name === undefined ? undefined : files.get(name);
}

/** {@link findFile} as a source: nothing is read yet. */
export function findSource(files: ReadonlyMap<string, Uint8Array>, path: string): ByteSource | undefined {
  const name = findName(files, path);
  return name === undefined ? undefined : sourceOf(files, name);
}

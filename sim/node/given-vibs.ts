/** The VIBs of paths that an image is installed from: VIB files and bundles, and what is installed on a boot bank or disc. */
import type { ZipLimits } from '../../src/archive/index.ts';
import { withSource } from '../../src/bytes/errors.ts';
import type { Vib } from '../../src/vib/index.ts';
import { type InstalledImage, installedImage } from '../install/installed.ts';
import type { HostSpec } from '../spec/schema.ts';
import { loadImage, loadVibs } from './image-files.ts';
import { imageKind, splitPath } from './image-paths.ts';

/** What paths hold. */
export interface GivenVibs {
  readonly vibs: readonly Vib[];
  /** Those of `vibs` that come from boot banks and discs, which keep no payloads for installers. */
  readonly fromDisks: readonly Vib[];
}

/** Whether a path is a whole image: a boot bank folder or a disc. Nothing recognisable is an InputError. */
export function isDisk(path: string): boolean {
  const kind = imageKind(path);
  return kind === 'bootbank' || kind === 'iso';
}

/** What is installed on the boot bank or disc at a path. One without an image database is an InputError. */
export function installedAt(path: string, spec: HostSpec): InstalledImage {
  const disk = loadImage({ ...spec, image: { paths: [path] } });
  return withSource(path, () => installedImage(disk));
}

/**
 * The VIBs of several paths: files, folders, image profiles of bundles (within `limits`), boot banks and discs. Errors are those of
 * {@link loadVibs} and {@link installedAt}.
 */
export async function givenVibs(texts: readonly string[], spec: HostSpec, limits: ZipLimits = {}): Promise<GivenVibs> {
  const vibs: Vib[] = [];
  const fromDisks: Vib[] = [];
  for (const text of texts) {
    const { path, profile } = splitPath(text);
    const disk = profile === undefined && isDisk(path) ? installedAt(path, spec).vibs : undefined;
    vibs.push(...(disk ?? (await loadVibs([text], limits))));
    fromDisks.push(...(disk ?? []));
  }
  return { vibs, fromDisks };
}

/** What lies in a folder that stands for an archive or a disc. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { ZIP_LIMITS } from '../../src/archive/index.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { attempt, listFolder } from './files.ts';

/** Folders in folders that are walked: bundles and discs have three. */
const MAX_DEPTH = 16;

/**
 * Files below a folder with their sizes, by their paths with slashes. What is neither file nor folder is passed over: links could lead
 * anywhere. InputError where the folders are nested too deep or hold too many files.
 */
export function filesBelow(
  root: string,
  maxEntries: number = ZIP_LIMITS.maxEntries,
): Map<string, { readonly size: number }> {
  const files = new Map<string, { readonly size: number }>();
  const walk = (below: string, depth: number): void => {
    if (depth > MAX_DEPTH) throw new InputError(`${root}: folders nested deeper than ${MAX_DEPTH}`, { source: root });
    for (const name of listFolder(join(root, below))) {
      const inner = below === '' ? name : `${below}/${name}`;
      const path = join(root, inner);
      const found = attempt(path, 'read', () => lstatSync(path));
      if (found.isDirectory()) walk(inner, depth + 1);
      else if (found.isFile()) files.set(inner, { size: found.size });
      if (files.size > maxEntries) throw new InputError(`${root}: more than ${maxEntries} files`, { source: root });
    }
  };
  walk('', 0);
  return files;
}

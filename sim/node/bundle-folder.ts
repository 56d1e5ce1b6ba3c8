/** An offline bundle that somebody unpacked: a folder in the place of the ZIP archive. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteSource, ZIP_LIMITS, type ZipLimits } from '../../src/archive/index.ts';
import { FormatError, InputError } from '../../src/bytes/errors.ts';
import type { BundleFiles } from '../../src/depot/index.ts';
import { fileSource } from './file-source.ts';
import { attempt, listFolder } from './files.ts';

/** Folders in folders that are walked: bundles have three. */
const MAX_DEPTH = 16;

/** Files below a folder with their sizes. What is neither file nor folder is no part of a bundle: links could lead anywhere. */
function filesBelow(root: string, maxEntries: number): Map<string, { readonly size: number }> {
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

/** The files of an unpacked bundle. Only what was found below the folder can be read, whatever the metadata name. */
export function bundleFolder(
  root: string,
  { maxBytes = ZIP_LIMITS.maxBytes, maxEntries = ZIP_LIMITS.maxEntries }: ZipLimits = {},
): BundleFiles {
  const entries = filesBelow(root, maxEntries);
  const stored = (name: string): ByteSource | undefined =>
    entries.has(name) ? fileSource(join(root, name)) : undefined;
  return {
    entries,
    has: (name) => entries.has(name),
    stored,
    unpacked: () => undefined,
    unpack: () => Promise.resolve(),
    read(name) {
      const source = stored(name);
      const fail = (problem: string) => new FormatError({ structure: 'offline bundle', field: name, problem });
      if (source === undefined) throw fail('no such file in the folder');
      if (source.size > maxBytes) throw fail(`${source.size} bytes, the limit is ${maxBytes}`);
      return source.read(0, source.size);
    },
  };
}

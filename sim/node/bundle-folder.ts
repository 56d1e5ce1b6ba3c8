/** An offline bundle that somebody unpacked: a folder in the place of the ZIP archive. */
import { join } from 'node:path';
import { type ByteSource, ZIP_LIMITS, type ZipLimits } from '../../src/archive/index.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import type { BundleFiles } from '../../src/depot/index.ts';
import { fileSource } from './file-source.ts';
import { filesBelow } from './files-below.ts';

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

/** Archive entries for a list of files: every parent directory once, before what it holds. */
import type { ArchiveInput } from '../vib/tar-header.ts';

/** The files with their parent directories added, in the order given. */
export function withDirectories<T extends ArchiveInput>(files: readonly T[]): (T | ArchiveInput)[] {
  const out: (T | ArchiveInput)[] = [];
  const seen = new Set<string>();
  for (const file of files) {
    const parts = file.name.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const name = parts.slice(0, depth).join('/');
      if (seen.has(name)) continue;
      seen.add(name);
      out.push({ name, type: 'directory' });
    }
    out.push(file);
  }
  return out;
}

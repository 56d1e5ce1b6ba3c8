/** Names of files where case does not count, as on FAT volumes and discs. */

/** The name whatever its case, the exact one before others; undefined where there is none. */
export function nameInAnyCase(
  names: { has(name: string): boolean; keys(): Iterable<string> },
  name: string,
): string | undefined {
  if (names.has(name)) return name;
  const wanted = name.toLowerCase();
  for (const each of names.keys()) if (each.toLowerCase() === wanted) return each;
  return undefined;
}

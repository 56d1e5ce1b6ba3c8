/** Digests of bytes that are read piece by piece. */
import { primitives } from '#primitives';
import type { HashName } from '../crypto/primitives.ts';
import { type ByteSource, piecesOf } from './source.ts';

/** Digests of a source by these hashes, from one pass; none is made where no hash is asked for. */
export function digestsOf(source: ByteSource, names: readonly HashName[]): ReadonlyMap<HashName, Uint8Array> {
  const hashes = names.map((name) => [name, primitives.createHash(name)] as const);
  for (const piece of hashes.length === 0 ? [] : piecesOf(source)) for (const [, each] of hashes) each.update(piece);
  return new Map(hashes.map(([name, each]) => [name, each.digest()]));
}

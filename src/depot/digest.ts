/** Digests in the metadata of a bundle. */
import { primitives } from '#primitives';
import { type ByteSource, piecesOf } from '../archive/index.ts';
import { toHex } from '../bytes/bytes.ts';

/** SHA-256 of a file, in hex. */
export function sha256Of(source: ByteSource): string {
  const digest = primitives.createHash('sha256');
  for (const piece of piecesOf(source)) digest.update(piece);
  return toHex(digest.digest());
}

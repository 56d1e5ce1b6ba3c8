/** Digests in the metadata of a bundle. */
import { type ByteSource, digestsOf } from '../archive/index.ts';
import { toHex } from '../bytes/bytes.ts';

/** SHA-256 of a file, in hex. */
export const sha256Of = (source: ByteSource): string => [...digestsOf(source, ['sha256']).values()].map(toHex).join('');

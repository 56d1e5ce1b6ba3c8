/** Decompressed files too large to keep, put where they can be read piece by piece. */
import type { ByteSource } from './source.ts';

/** A place for bytes outside of memory: a temporary file in Node (`sim/node/spool.ts`). */
export interface Spool {
  /** Stores what `write` puts, in order, and gives it back as a source. What `write` throws passes through. */
  store(write: (put: (chunk: Uint8Array) => void) => void): ByteSource;
}

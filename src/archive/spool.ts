/** Decompressed files too large to keep, put where they can be read piece by piece. */
import type { ByteSource } from './source.ts';

/** A place for bytes outside of memory: a temporary file in Node (`sim/node/spool.ts`). */
export interface Spool {
  /** Makes room for a file of `size` bytes; several may be filled at the same time. */
  allocate(size: number): SpooledFile;
}

/** A file in a spool. */
export interface SpooledFile {
  /** Adds the next bytes. More than there is room for is an Error. */
  put(chunk: Uint8Array): void;
  /** Its bytes, as far as they have been put. */
  readonly source: ByteSource;
}

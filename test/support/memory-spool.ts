/** A spool in memory, for tests of what is unpacked piece by piece. */
import { bytesSource, type Spool } from '../../src/archive/index.ts';

export const memorySpool: Spool = {
  allocate(size) {
    const bytes = new Uint8Array(size);
    let at = 0;
    const put = (chunk: Uint8Array): void => {
      bytes.set(chunk, at);
      at += chunk.length;
    };
    return { put, source: bytesSource(bytes) };
  },
};

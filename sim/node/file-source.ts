/** Files as byte sources: read piece by piece, and opened only while a piece is read, so that nothing has to be closed. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { ByteSource } from '../../src/archive/index.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { attempt } from './files.ts';

/** A source over a file. A file that cannot be opened, or that is shorter than before, is an InputError. */
export function fileSource(path: string): ByteSource {
  const size = attempt(path, 'read', () => statSync(path).size);
  return {
    size,
    read: (offset, length) =>
      attempt(path, 'read', () => {
        const bytes = new Uint8Array(length);
        const handle = openSync(path, 'r');
        try {
          for (let at = 0; at < length; ) {
            const count = readSync(handle, bytes, at, length - at, offset + at);
            if (count === 0) throw new InputError(`${path}: has become shorter while it was read`, { source: path });
            at += count;
          }
        } finally {
          closeSync(handle);
        }
        return bytes;
      }),
  };
}

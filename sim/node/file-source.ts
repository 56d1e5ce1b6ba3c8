/** Files as byte sources: read piece by piece, and opened only while a piece is read, so that nothing has to be closed. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { ByteSource } from '../../src/archive/index.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { attempt } from './files.ts';
import { expectLargeFiles } from './heap.ts';

/** Files from this size on are large: images of hosts are, single packages seldom. */
const LARGE = 32 << 20;

/** A source over a file. A file that cannot be opened, or that is shorter than before, is an InputError. */
export function fileSource(path: string): ByteSource {
  const size = attempt(path, 'read', () => {
    const found = statSync(path);
    // A pipe or device has no places to read from.
    if (found.isFile() || found.isDirectory()) return found.size;
    throw new InputError(`${path}: is no regular file`, { source: path });
  });
  if (size > LARGE) expectLargeFiles();
  const readInto = (offset: number, target: Uint8Array): void =>
    attempt(path, 'read', () => {
      const handle = openSync(path, 'r');
      try {
        fill(handle, offset, target, path);
      } finally {
        closeSync(handle);
      }
    });
  return {
    size,
    readInto,
    read: (offset, length) => {
      const bytes = new Uint8Array(length);
      readInto(offset, bytes);
      return bytes;
    },
  };
}

/** Fills `target` from an open file; InputError with the file's name where the file ends before. */
export function fill(handle: number, offset: number, target: Uint8Array, name: string): void {
  for (let at = 0; at < target.length; ) {
    const count = readSync(handle, target, at, target.length - at, offset + at);
    if (count === 0) throw new InputError(`${name}: has become shorter while it was read`, { source: name });
    at += count;
  }
}

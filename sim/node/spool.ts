/** A spool in a temporary file that nobody else sees and that is gone when the process is. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteSource, Spool } from '../../src/archive/index.ts';
import { fill } from './file-source.ts';
import { attempt } from './files.ts';

/** What messages call it. */
const NAME = 'temporary file';

/** The file of one process; made when it is first needed. */
class TemporaryFile implements Spool {
  #file: number | undefined;
  /** Bytes stored so far; also the place of the next. */
  #end = 0;

  #handle(): number {
    if (this.#file === undefined) {
      const folder = attempt(tmpdir(), 'write', () => mkdtempSync(join(tmpdir(), 'esxsim-spool-')));
      const file = attempt(folder, 'write', () => openSync(join(folder, 'spool'), 'wx+', 0o600));
      const remove = (): void => rmSync(folder, { recursive: true, force: true });
      try {
        // The open file stays usable without a name.
        remove();
      } catch {
        // Windows keeps the name for as long as the file is open.
        process.once('exit', () => {
          closeSync(file);
          remove();
        });
      }
      this.#file = file;
    }
    return this.#file;
  }

  store(write: (put: (chunk: Uint8Array) => void) => void): ByteSource {
    const file = this.#handle();
    const start = this.#end;
    write((chunk) =>
      attempt(NAME, 'write', () => {
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at, chunk.length - at, this.#end + at);
        this.#end += chunk.length;
      }),
    );
    const readInto = (offset: number, target: Uint8Array): void =>
      attempt(NAME, 'read', () => fill(file, start + offset, target, NAME));
    return {
      size: this.#end - start,
      readInto,
      read: (offset, length) => {
        const bytes = new Uint8Array(length);
        readInto(offset, bytes);
        return bytes;
      },
    };
  }
}

/** The spool of this process. */
export const temporarySpool: Spool = new TemporaryFile();

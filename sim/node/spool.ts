/** A spool in a temporary file that nobody else sees and that is gone when the process is. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spool, SpooledFile } from '../../src/archive/index.ts';
import { fill } from './file-source.ts';
import { attempt } from './files.ts';

/** What messages call it. */
const NAME = 'temporary file';

/** The file of one process; made when it is first needed. */
class TemporaryFile implements Spool {
  #file: number | undefined;
  /** Bytes given away so far; also the place of the next file. */
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

  allocate(size: number): SpooledFile {
    const file = this.#handle();
    const start = this.#end;
    this.#end += size;
    let end = start;
    const readInto = (offset: number, target: Uint8Array): void =>
      attempt(NAME, 'read', () => fill(file, start + offset, target, NAME));
    const put = (chunk: Uint8Array): void => {
      if (end + chunk.length > start + size) throw new RangeError(`${NAME}: more than the ${size} bytes expected`);
      attempt(NAME, 'write', () => {
        for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at, chunk.length - at, end + at);
      });
      end += chunk.length;
    };
    const read = (offset: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      readInto(offset, bytes);
      return bytes;
    };
    return { put, source: { size, readInto, read } };
  }
}

/** The spool of this process. */
export const temporarySpool: Spool = new TemporaryFile();

/** A folder with subfolders, written as a whole or not at all. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fchmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type ByteSource, piecesOf } from '../../src/archive/index.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { plainPath, unsafePath } from '../../src/vib/index.ts';

/** One entry; paths are relative with forward slashes. */
export interface TreeEntry {
  readonly path: string;
  readonly directory?: boolean;
  /** Permission bits; the owner may always read and write. */
  readonly mode?: number;
  /** Where it comes from, in words for messages, e.g. `payload p of a.vib`. */
  readonly origin?: string;
  /** Content: bytes, or where they are read piece by piece. */
  readonly data: Uint8Array | ByteSource;
}

/** Bytes of an entry's content. */
export const entrySize = ({ data }: TreeEntry): number => ('read' in data ? data.size : data.length);

function writeFully(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** A path that came before, and where it came from. */
type Seen = ReadonlyMap<string, string | undefined>;

/** Refuses paths that lead outside, that appear twice, or that make one name a file and a folder. */
class PathCheck {
  readonly #folders = new Map<string, string | undefined>();
  readonly #files = new Map<string, string | undefined>();

  /** The next path; what is wrong with it, if anything is. */
  add(given: string, directory: boolean, origin: string | undefined): string | undefined {
    const problem = unsafePath(given);
    if (problem !== undefined) return `path ${JSON.stringify(given)} ${problem}${whence([origin])}`;
    const path = plainPath(given);
    if (!directory && this.#files.has(path)) return clash(path, 'appears twice', this.#files, origin);
    const same = directory ? this.#folders : this.#files;
    if (!same.has(path)) same.set(path, origin);
    const other = directory ? this.#files : this.#folders;
    if (other.has(path)) return clash(path, BOTH, other, origin);
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const folder = path.slice(0, at);
      if (!this.#folders.has(folder)) this.#folders.set(folder, origin);
      if (this.#files.has(folder)) return clash(folder, BOTH, this.#files, origin);
    }
    return undefined;
  }
}

const BOTH = 'is both a file and a folder';

/** What is wrong with a path, and where those come from that are at odds. */
const clash = (path: string, problem: string, seen: Seen, origin: string | undefined): string =>
  `${path} ${problem}${whence([seen.get(path), origin])}`;

/** Where something comes from, as far as that is known. */
function whence(origins: readonly (string | undefined)[]): string {
  const known = [...new Set(origins.filter((origin) => origin !== undefined))];
  return known.length === 0 ? '' : `, in ${known.join(' and in ')}`;
}

/** The folder that something must be made in so that it can be moved to `path`: the nearest one that exists. */
function nearestFolder(path: string): string {
  let folder = dirname(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/**
 * A new folder whose files come piece by piece. They are written beside the target, which appears when all is there
 * (`commit`); whoever is done says `discard`, which leaves nothing behind unless the folder was moved in. A target that
 * exists and holds anything is refused.
 */
export class TreeWriter {
  readonly #target: string;
  readonly #path: string;
  readonly #paths = new PathCheck();
  #staging: string | undefined;
  /** The file that was written to last: most get all their bytes one after the other. */
  #open: { readonly path: string; readonly file: number } | undefined;

  constructor(target: string) {
    this.#target = target;
    this.#path = resolve(target);
    this.#attempt(() => {
      if (existsSync(this.#path)) {
        if (!statSync(this.#path).isDirectory()) throw this.#error('exists and is no folder');
        if (readdirSync(this.#path).length > 0) throw this.#error('exists and is not empty');
      }
    });
  }

  #error(problem: string, cause?: unknown): InputError {
    return new InputError(`${this.#target}: ${problem}`, { source: this.#target, cause });
  }

  #attempt<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw this.#error(`cannot write: ${error instanceof Error ? error.message : String(error)}`, error);
    }
  }

  /** Where a path is until the folder is complete. */
  #staged(path: string): string {
    if (this.#staging === undefined) {
      this.#staging = mkdtempSync(join(nearestFolder(this.#path), `.${basename(this.#path)}.esxsim-`));
      chmodSync(this.#staging, 0o755);
    }
    return join(this.#staging, path);
  }

  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) closeSync(open.file);
  }

  /** Makes a folder, or begins a file without content. Paths that do not fit are an InputError. */
  begin({ path, directory = false, mode = 0o644, origin }: Omit<TreeEntry, 'data'>): void {
    const problem = this.#paths.add(path, directory, origin);
    if (problem !== undefined) throw this.#error(problem);
    this.#attempt(() => {
      const full = this.#staged(path);
      mkdirSync(directory ? full : dirname(full), { recursive: true });
      if (directory) return;
      this.#close();
      this.#open = { path, file: openSync(full, 'wx') };
      fchmodSync(this.#open.file, (mode & 0o777) | 0o600);
    });
  }

  /** Bytes behind those that a file has already. */
  append(path: string, bytes: Uint8Array): void {
    this.#attempt(() => {
      if (this.#open?.path !== path) {
        this.#close();
        this.#open = { path, file: openSync(this.#staged(path), 'a') };
      }
      writeFully(this.#open.file, bytes);
    });
  }

  /** Moves the folder in. */
  commit(): void {
    this.#attempt(() => {
      this.#close();
      const staging = this.#staged('.');
      mkdirSync(dirname(this.#path), { recursive: true });
      if (existsSync(this.#path)) rmdirSync(this.#path);
      renameSync(staging, this.#path);
      this.#staging = undefined;
    });
  }

  /** Removes what was not moved in. */
  discard(): void {
    this.#close();
    if (this.#staging !== undefined) rmSync(this.#staging, { recursive: true, force: true });
    this.#staging = undefined;
  }
}

/** Writes a new folder: beside the target first, then moved in. A target that exists and holds anything is refused. */
export function writeTree(target: string, entries: readonly TreeEntry[]): void {
  const tree = new TreeWriter(target);
  try {
    for (const entry of entries) {
      const { path, directory = false, data } = entry;
      tree.begin(entry);
      if (directory) continue;
      for (const piece of 'read' in data ? piecesOf(data) : [data]) tree.append(path, piece);
    }
    tree.commit();
  } finally {
    tree.discard();
  }
}

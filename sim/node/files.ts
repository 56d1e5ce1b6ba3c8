/** Reading and writing files for the CLI: errors name the file on one line, and nothing is left half-written. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../src/bytes/errors.ts';

/** Largest single file read into memory: 4 GiB − 1 would not fit a Buffer everywhere, and no input comes near 2 GiB. */
const MAX_FILE = 2 ** 31 - 1;

const REASON: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'no space left on the device',
  EROFS: 'read-only file system',
  EEXIST: 'already exists',
};

/** What a file system error means, without the system's prefix. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASON[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Runs a file system call; its failure becomes an InputError of one line: the path, `cannot VERB`, the reason. */
export function attempt<T>(path: string, verb: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: cannot ${verb}: ${reasonOf(error)}`, { source: path, cause: error });
  }
}

/** Bytes of a file. */
export function readFile(path: string): Uint8Array {
  return attempt(path, 'read', () => {
    const { size } = statSync(path);
    if (size > MAX_FILE)
      throw new InputError(`${path}: ${size} bytes exceed the limit of ${MAX_FILE}`, { source: path });
    return new Uint8Array(readFileSync(path));
  });
}

/** Whether the path is a folder; a path that does not exist is an InputError. */
export function isFolder(path: string): boolean {
  return attempt(path, 'read', () => statSync(path).isDirectory());
}

/** Names in a folder, sorted by code unit so that every machine sees the same order. */
export function listFolder(path: string): readonly string[] {
  return attempt(path, 'read', () => readdirSync(path)).toSorted();
}

/** Writes pieces one after the other, and with `sync` waits for the disk; gives the number of bytes. */
function writePieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  { mode, sync = false }: { readonly mode?: number | undefined; readonly sync?: boolean } = {},
): number {
  const handle = openSync(path, 'w', mode);
  let total = 0;
  try {
    for (const bytes of pieces) {
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      total += bytes.length;
    }
    if (sync) fsyncSync(handle);
    return total;
  } finally {
    closeSync(handle);
  }
}

/** What a file is called while it is written: its own name (as much as there is room for) and the process's number. */
const temporaryName = (path: string): string => `.${basename(path).slice(0, MAX_OWN_NAME)}.${process.pid}${TEMPORARY}`;
const MAX_OWN_NAME = 50;
const TEMPORARY = '.esxsim.tmp';

const placeOf = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));

/** Whether two paths lead to the same file or folder, through links or not; where one is not there yet, by name alone. */
export const samePlace = (one: string, other: string): boolean => placeOf(one) === placeOf(other);

/** Removes what writers of this file left when they were killed. Nobody may be writing it. */
export function removeLeftTemporaries(path: string): void {
  const target = placeOf(path);
  const name = basename(target);
  if (name.length > MAX_OWN_NAME) return;
  const [before, folder] = [`.${name}.`, dirname(target)];
  for (const other of readdirSync(folder)) {
    if (!other.startsWith(before) || !other.endsWith(TEMPORARY)) continue;
    if (/^\d+$/.test(other.slice(before.length, -TEMPORARY.length))) rmSync(join(folder, other), { force: true });
  }
}

/**
 * Writes a file so that a reader sees the old content or the new, never a part (write, fsync, rename). A symbolic link stays
 * one, its target is written; a device or pipe gets the bytes as they come.
 * @param mode its permissions; default those of any new file
 */
export function writeFileAtomic(path: string, bytes: Uint8Array, mode?: number): void {
  writePiecesAtomic(path, [bytes], mode);
}

/** {@link writeFileAtomic} for a file that need not fit into memory: its pieces in order. Gives the number of bytes. */
export function writePiecesAtomic(path: string, pieces: Iterable<Uint8Array>, mode?: number): number {
  return attempt(path, 'write', () => {
    const old = statSync(path, { throwIfNoEntry: false });
    if (old !== undefined && !old.isFile() && !old.isDirectory()) return writePieces(path, pieces);
    const target = old === undefined ? path : realpathSync(path);
    const temporary = join(dirname(resolve(target)), temporaryName(target));
    try {
      const size = writePieces(temporary, pieces, { mode, sync: true });
      renameSync(temporary, target);
      return size;
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/**
 * Refuses a path where {@link writeFileAtomic} would fail, before the work whose result goes there: a folder, or a file in a
 * folder that does not exist or may not be written to. Nothing is written.
 */
export function checkFileTarget(path: string): void {
  attempt(path, 'write', () => {
    const full = resolve(path);
    const old = statSync(full, { throwIfNoEntry: false });
    if (old?.isDirectory() || /[/\\]$/.test(path)) throw new InputError(`${path}: cannot write: is a folder`);
    if (old !== undefined && !old.isFile()) return accessSync(full, constants.W_OK);
    mustTakeFiles(dirname(old === undefined ? full : realpathSync(full)), path);
  });
}

/** The same for {@link writeFolder}, which makes the folders that are missing. */
export function checkFolderTarget(path: string): void {
  attempt(path, 'write', () => {
    let folder = resolve(path);
    while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
    mustTakeFiles(folder, path);
  });
}

/** Fails where files for `path` cannot be made in this folder. */
function mustTakeFiles(folder: string, path: string): void {
  if (!statSync(folder).isDirectory()) throw new InputError(`${path}: cannot write: ${folder} is no folder`);
  accessSync(folder, constants.W_OK | constants.X_OK);
}

/**
 * Writes a folder of files. All are written and synced beside the target first and moved in only when complete; files of an
 * earlier run that this run does not write stay unless `replace` names them as ours to remove.
 */
export function writeFolder(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
  replace: readonly string[] = [],
): void {
  attempt(path, 'write', () => {
    mkdirSync(path, { recursive: true });
    const staging = join(path, `.${process.pid}${TEMPORARY}`);
    try {
      mkdirSync(staging);
      for (const [name, bytes] of files) writePieces(join(staging, name), [bytes], { sync: true });
      for (const name of replace) if (!files.has(name)) rmSync(join(path, name), { force: true });
      for (const name of files.keys()) renameSync(join(staging, name), join(path, name));
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
}

/** Root folder of the package, wherever this module was bundled or installed. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'vib-samples')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

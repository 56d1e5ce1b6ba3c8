/** A folder with subfolders, written as a whole or not at all. */
import {
  chmodSync,
  closeSync,
  existsSync,
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
import { unsafePath } from '../../src/vib/index.ts';

/** One entry; paths are relative with forward slashes. */
export interface TreeEntry {
  readonly path: string;
  readonly directory?: boolean;
  /** Permission bits; the owner may always read and write. */
  readonly mode?: number;
  /** Content: bytes, or where they are read piece by piece. */
  readonly data: Uint8Array | ByteSource;
}

/** Bytes of an entry's content. */
export const entrySize = ({ data }: TreeEntry): number => ('read' in data ? data.size : data.length);

function writeFile(path: string, data: Uint8Array | ByteSource): void {
  const file = openSync(path, 'wx');
  try {
    for (const piece of 'read' in data ? piecesOf(data) : [data]) writeFully(file, piece);
  } finally {
    closeSync(file);
  }
}

function writeFully(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Refuses paths that lead outside, that appear twice, or that make one name a file and a folder. */
function checkPaths(target: string, entries: readonly TreeEntry[]): void {
  const fail = (problem: string): InputError => new InputError(`${target}: ${problem}`, { source: target });
  const folders = new Set<string>();
  const files = new Set<string>();
  for (const { path, directory = false } of entries) {
    const problem = unsafePath(path);
    if (problem !== undefined) throw fail(`path ${JSON.stringify(path)} ${problem}`);
    if (!directory && files.has(path)) throw fail(`${path} appears twice`);
    (directory ? folders : files).add(path);
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at));
  }
  for (const path of files) if (folders.has(path)) throw fail(`${path} is both a file and a folder`);
}

/** Writes a new folder: beside the target first, then moved in. A target that exists and holds anything is refused. */
export function writeTree(target: string, entries: readonly TreeEntry[]): void {
  checkPaths(target, entries);
  const path = resolve(target);
  let staging: string | undefined;
  try {
    if (existsSync(path)) {
      if (!statSync(path).isDirectory()) throw new InputError(`${target}: exists and is no folder`);
      if (readdirSync(path).length > 0) throw new InputError(`${target}: exists and is not empty`);
    }
    mkdirSync(dirname(path), { recursive: true });
    staging = mkdtempSync(join(dirname(path), `.${basename(path)}.esxsim-`));
    chmodSync(staging, 0o755);
    for (const { path: name, directory = false, mode = 0o644, data } of entries) {
      const full = join(staging, name);
      mkdirSync(directory ? full : dirname(full), { recursive: true });
      if (directory) continue;
      writeFile(full, data);
      chmodSync(full, (mode & 0o777) | 0o600);
    }
    if (existsSync(path)) rmdirSync(path);
    renameSync(staging, path);
    staging = undefined;
  } catch (error) {
    if (error instanceof InputError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(`${target}: cannot write: ${why}`, { source: target, cause: error });
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true });
  }
}

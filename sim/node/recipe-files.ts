/** The payloads of a recipe from files. What a folder gives depends on names and contents only, never on times or owners. */
import { lstatSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { withDirectories } from '../../src/esxboot/archive-tree.ts';
import {
  type ArchiveInput,
  isArchiveType,
  type PayloadRecipe,
  unsafePath,
  type VibRecipe,
} from '../../src/vib/index.ts';
import { type RecipeDocument, type RecipeFile, type RecipePayload, recipeDescriptor } from '../authoring/recipe.ts';
import { listFolder, readFile } from './files.ts';

/** Where the VMkernel looks for modules: files below are stored as shared files, as VMware's tool does. */
const MODULE_FOLDER = 'usr/lib/vmware/vmkmod/';
const MAX_FILES = 100_000;

/** Kind and mode of a path of the user; links and devices are refused, they would mean something else on the host. */
function stat(path: string): { readonly folder: boolean; readonly executable: boolean } {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new InputError(`${path}: no such file or folder`, { source: path });
  if (!found.isFile() && !found.isDirectory()) {
    throw new InputError(`${path}: is neither a file nor a folder (links are stated in the recipe's files)`, {
      source: path,
    });
  }
  return { folder: found.isDirectory(), executable: (found.mode & 0o100) !== 0 };
}

const kindOf = (name: string): Pick<ArchiveInput, 'type'> => ({
  type: name.startsWith(MODULE_FOLDER) ? 'shared' : 'file',
});

/** Every file below a folder, sorted by path; mode 0755 where the owner may execute it, else 0644. */
function folderEntries(folder: string): ArchiveInput[] {
  if (!stat(folder).folder) throw new InputError(`${folder}: is not a folder`, { source: folder });
  const out: ArchiveInput[] = [];
  const walk = (below: string): void => {
    for (const name of listFolder(join(folder, below))) {
      const inner = below === '' ? name : `${below}/${name}`;
      const from = join(folder, inner);
      const { folder: isFolder, executable } = stat(from);
      if (out.length >= MAX_FILES) throw new InputError(`${folder}: more than ${MAX_FILES} files`, { source: folder });
      if (!isFolder) {
        out.push({ name: inner, mode: executable ? 0o755 : 0o644, data: readFile(from), ...kindOf(inner) });
        continue;
      }
      out.push({ name: inner, type: 'directory' });
      walk(inner);
    }
  };
  walk('');
  return out;
}

function statedEntry(file: RecipeFile, root: string): ArchiveInput {
  const name = file.path.replace(/\/+$/, '');
  const mode = file.mode === undefined ? {} : { mode: file.mode };
  if (file.directory === true) return { name, type: 'directory', ...mode };
  if (file.link !== undefined) return { name, type: 'symlink', linkName: file.link, mode: file.mode ?? 0o777 };
  const kind =
    file.shared === undefined ? kindOf(name) : { type: file.shared ? ('shared' as const) : ('file' as const) };
  if (file.text !== undefined) return { name, ...kind, ...mode, data: utf8(file.text) };
  const from = resolve(root, file.from ?? '');
  const { folder, executable } = stat(from);
  if (folder) throw new InputError(`${from}: is a folder; use the payload's directory`, { source: from });
  return { name, ...kind, mode: file.mode ?? (executable ? 0o755 : 0o644), data: readFile(from) };
}

function archiveEntries(payload: RecipePayload, root: string): ArchiveInput[] {
  const where = `recipe: payload ${payload.name}`;
  const files = [
    ...(payload.directory === undefined ? [] : folderEntries(resolve(root, payload.directory))),
    ...(payload.files ?? []).map((file) => statedEntry(file, root)),
  ];
  const entries = withDirectories(files.filter((file) => file.type !== 'directory'));
  for (const { name } of files) {
    const problem = unsafePath(name);
    if (problem !== undefined) throw new InputError(`${where}: path ${JSON.stringify(name)} ${problem}`);
  }
  const seen = new Set<string>();
  for (const { name } of entries) {
    if (seen.has(name)) throw new InputError(`${where}: ${name} appears twice`);
    seen.add(name);
  }
  // Folders that hold nothing, and folders with a mode of their own.
  const stated = files.filter((file) => file.type === 'directory');
  const own = new Map(stated.map((folder) => [folder.name, folder]));
  const kept = entries.map((entry) => (entry.type === 'directory' ? (own.get(entry.name) ?? entry) : entry));
  return [...kept, ...withDirectories(stated).filter((folder) => !seen.has(folder.name) && seen.add(folder.name))];
}

function payloadRecipe(payload: RecipePayload, root: string): PayloadRecipe {
  const { name, type, attributes } = payload;
  const head = { name, type, ...(attributes === undefined ? {} : { attributes }) };
  if (payload.content !== undefined) return { ...head, content: readFile(resolve(root, payload.content)) };
  if (payload.member !== undefined) return { ...head, data: readFile(resolve(root, payload.member)) };
  if (!isArchiveType(type)) {
    throw new InputError(
      `recipe: payload ${name}: type ${type} is no archive; give content or member instead of files`,
    );
  }
  return { ...head, files: archiveEntries(payload, root) };
}

/** What `buildVib` builds: the recipe with its files read from below `root`. InputError names the file or the payload. */
export function loadRecipe(document: RecipeDocument, root: string): VibRecipe {
  return {
    descriptor: recipeDescriptor(document),
    payloads: document.payloads.map((payload) => payloadRecipe(payload, root)),
  };
}

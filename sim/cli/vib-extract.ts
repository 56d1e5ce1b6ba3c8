import { InputError, withSourceAsync } from '../../src/bytes/errors.ts';
import {
  type ExtractTarget,
  isError,
  renderFindings,
  vibId,
  type Written,
  writeMembers,
  writeVibFiles,
} from '../../src/vib/index.ts';
import { TreeWriter } from '../node/trees.ts';
import { openVibPaths } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';
import { count } from './text.ts';

/** Folder of one of several VIBs. */
const folderOf = (id: string): string => id.replace(/[^A-Za-z0-9._+-]/g, '_').slice(0, 200);

/** What became of one VIB. */
interface Found extends Written {
  readonly path: string;
  readonly id: string;
  readonly folder: string;
}

/** A folder of the tree as the place where a VIB is unpacked; `origin` tells for messages where a member is. */
const below = (tree: TreeWriter, folder: string, origin: (member: string) => string): ExtractTarget => ({
  begin: (head) => tree.begin({ ...head, path: folder + head.path, origin: origin(head.member) }),
  append: (path, bytes) => tree.append(folder + path, bytes),
});

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const out = options.text('out');
  if (out === undefined) throw new InputError('vib extract: --out DIR is needed');
  const limits = readLimits(options);
  const raw = options.on('raw');
  const opened = await openVibPaths(args);
  const found: Found[] = [];
  let refused = false;
  let bad = false;
  const tree = new TreeWriter(out);
  try {
    for (const { path, vib } of opened) {
      const id = vibId(vib.descriptor);
      const folder = opened.length > 1 ? `${folderOf(id)}/` : '';
      const target = below(tree, folder, (member) => `${raw ? 'member' : 'payload'} ${member} of ${path}`);
      // A VIB that tries to leave its folder is not unpacked at all, nor are the others: they are only looked through.
      const { files, findings, differences } = await withSourceAsync<Written>(path, async () =>
        raw ? writeMembers(vib, target) : writeVibFiles(vib, refused ? undefined : target, limits),
      );
      refused ||= findings.some(isError);
      bad ||= differences.some(isError);
      found.push({ path, id, folder, files, findings, differences });
    }
    if (!refused) tree.commit();
  } finally {
    tree.discard();
  }
  const texts = found.map(({ path, id, folder, files, findings, differences }) => {
    const lines = renderFindings([...findings, ...differences], '  ');
    const written = count(files.filter((file) => !file.directory).length, 'file');
    const head = refused ? `${path}: not unpacked` : `${path}: ${id}, ${written} written to ${out}/${folder}`;
    return [head, ...lines].join('\n');
  });
  const json = found.map(({ path, id, folder, files, findings, differences }) => ({
    path,
    id,
    written: refused ? [] : files.map((file) => ({ path: folder + file.path, size: file.size, from: file.member })),
    findings: [...findings, ...differences],
  }));
  return { text: texts.join('\n'), json, exitCode: refused || bad ? 1 : 0 };
}

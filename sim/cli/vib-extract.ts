import { InputError, withSource } from '../../src/bytes/errors.ts';
import { extractMembers, extractVib, isError, VIB_FINDINGS, vibId } from '../../src/vib/index.ts';
import { writeTree } from '../node/trees.ts';
import { openVibPaths } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';
import { count } from './text.ts';

/** Folder of one of several VIBs. */
const folderOf = (id: string): string => id.replace(/[^A-Za-z0-9._+-]/g, '_').slice(0, 200);

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const out = options.text('out');
  if (out === undefined) throw new InputError('vib extract: --out DIR is needed');
  const limits = readLimits(options);
  const raw = options.on('raw');
  const opened = await openVibPaths(args);
  const found = opened.map(({ path, vib }) => {
    const { files, findings } = withSource(path, () =>
      raw ? { files: extractMembers(vib), findings: [] } : extractVib(vib, limits),
    );
    const id = vibId(vib.descriptor);
    return { path, id, folder: opened.length > 1 ? `${folderOf(id)}/` : '', files, findings };
  });
  const refused = found.flatMap(({ findings }) => findings).some(isError);
  // A VIB that tries to leave its folder is not unpacked at all.
  if (!refused) {
    const entries = found.flatMap(({ folder, files }) => files.map((file) => ({ ...file, path: folder + file.path })));
    writeTree(out, entries);
  }
  const texts = found.map(({ path, id, folder, files, findings }) => {
    const lines = findings.map(
      ({ code, where, message }) => `  ${VIB_FINDINGS[code][0]}  ${code}  ${where}  ${message}`,
    );
    const written = count(files.filter((file) => !file.directory).length, 'file');
    const head = refused ? `${path}: not unpacked` : `${path}: ${id}, ${written} written to ${out}/${folder}`;
    return [head, ...lines].join('\n');
  });
  const json = found.map(({ path, id, folder, files, findings }) => ({
    path,
    id,
    written: refused
      ? []
      : files.map((file) => ({ path: folder + file.path, size: file.data.length, from: file.member })),
    findings,
  }));
  return { text: texts.join('\n'), json, exitCode: refused ? 1 : 0 };
}

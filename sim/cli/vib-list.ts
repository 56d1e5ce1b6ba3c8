import { withSourceAsync } from '../../src/bytes/errors.ts';
import { listVibFiles, renderList } from '../../src/vib/index.ts';
import { openVibPaths } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const limits = readLimits(options);
  const found = [];
  for (const { path, vib } of await openVibPaths(args)) {
    found.push({ path, entries: await withSourceAsync(path, () => listVibFiles(vib, limits)) });
  }
  const texts = found.map(({ path, entries }) => (found.length > 1 ? `${path}\n` : '') + renderList(entries));
  return { text: texts.join('\n').trimEnd(), json: found, exitCode: 0 };
}

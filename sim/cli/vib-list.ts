import { withSource } from '../../src/bytes/errors.ts';
import { listVib, renderList } from '../../src/vib/index.ts';
import { openVibs } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const limits = readLimits(options);
  const found = openVibs(args).map(({ path, vib }) => ({
    path,
    entries: withSource(path, () => listVib(vib, limits)),
  }));
  const texts = found.map(({ path, entries }) => (found.length > 1 ? `${path}\n` : '') + renderList(entries));
  return { text: texts.join('\n').trimEnd(), json: found, exitCode: 0 };
}

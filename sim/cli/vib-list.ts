import { withSource } from '../../src/bytes/errors.ts';
import { listVib, renderList } from '../../src/vib/index.ts';
import { openVibs } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';

export async function run({ args }: CommandInput): Promise<CommandResult> {
  const found = openVibs(args).map(({ path, vib }) => ({ path, entries: withSource(path, () => listVib(vib)) }));
  const texts = found.map(({ path, entries }) => (found.length > 1 ? `${path}\n` : '') + renderList(entries));
  return { text: texts.join('\n').trimEnd(), json: found, exitCode: 0 };
}

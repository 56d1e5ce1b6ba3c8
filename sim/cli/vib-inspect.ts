import { inspectVib, renderInspect } from '../../src/vib/index.ts';
import { openVibPaths } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';

export async function run({ args }: CommandInput): Promise<CommandResult> {
  const found = (await openVibPaths(args)).map(({ path, vib }) => ({ path, ...inspectVib(vib) }));
  return { text: found.map(renderInspect).join('\n').trimEnd(), json: found, exitCode: 0 };
}

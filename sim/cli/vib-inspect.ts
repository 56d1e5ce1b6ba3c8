import { inspectVib, renderInspect } from '../../src/vib/index.ts';
import { findVibPaths } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { plain } from './text.ts';

export async function run({ args }: CommandInput): Promise<CommandResult> {
  const found = await findVibPaths(args);
  const shown = found.map((each) => {
    const { path } = each;
    if ('problem' in each) {
      const { id, problem } = each;
      const text = `${plain(path)}\nVIB   ${plain(id)}\nFile  BAD: ${plain(problem.message)}\n`;
      return { text, json: { path, id, problem: problem.message } };
    }
    const info = { path, ...inspectVib(each.vib) };
    return { text: renderInspect(info), json: info };
  });
  return {
    text: shown
      .map(({ text }) => text)
      .join('\n')
      .trimEnd(),
    json: shown.map(({ json }) => json),
    exitCode: found.some((each) => 'problem' in each) ? 1 : 0,
  };
}

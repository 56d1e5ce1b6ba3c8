import { withSourceAsync } from '../../src/bytes/errors.ts';
import { isError, listVibFiles, renderFindings, renderList, type VibFinding } from '../../src/vib/index.ts';
import { openVibPaths } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const limits = readLimits(options);
  const found = [];
  for (const { path, vib } of await openVibPaths(args)) {
    const findings: VibFinding[] = [];
    const entries = await withSourceAsync(path, () => listVibFiles(vib, limits, findings));
    found.push({ path, entries, findings });
  }
  const texts = found.map(({ path, entries, findings }) => {
    const head = found.length > 1 ? `${path}\n` : '';
    return `${head}${renderList(entries)}${renderFindings(findings, '  ')
      .map((line) => `${line}\n`)
      .join('')}`;
  });
  const bad = found.some(({ findings }) => findings.some(isError));
  return { text: texts.join('\n').trimEnd(), json: found, exitCode: bad ? 1 : 0 };
}

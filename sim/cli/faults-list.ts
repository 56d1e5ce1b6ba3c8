import { FAULTS } from '../faults/index.ts';
import type { CommandResult } from './command.ts';
import { table } from './text.ts';

export async function run(): Promise<CommandResult> {
  const rows = FAULTS.map((f) => [f.id, f.expect.verdict, f.expect.finding, f.title]);
  return {
    text: table(['ID', 'VERDICT', 'FINDING', 'WHAT GOES WRONG'], rows),
    json: FAULTS.map(({ id, title, about, shows, parameter, expect }) => ({
      id,
      title,
      about,
      shows,
      parameter,
      expect,
    })),
    exitCode: 0,
  };
}

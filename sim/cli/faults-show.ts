import { findFault } from '../faults/index.ts';
import type { CommandInput, CommandResult } from './command.ts';

export async function run({ args }: CommandInput): Promise<CommandResult> {
  const { fault } = findFault(args[0] ?? '');
  const { id, title, about, shows, parameter, expect } = fault;
  const text = [
    `${id}: ${title}`,
    '',
    `What is done   ${about}`,
    `What it shows  ${shows}`,
    `Verdict        ${expect.verdict} (${expect.finding})`,
    `Parameter      ${id}:${parameter.name.toUpperCase()} — ${parameter.about} (default ${parameter.default})`,
  ].join('\n');
  return { text, json: { id, title, about, shows, parameter, expect }, exitCode: 0 };
}

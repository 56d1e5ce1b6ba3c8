import { withSource } from '../../src/bytes/errors.ts';
import { parseEventLog, renderEventLog } from '../../src/eventlog/index.ts';
import { eventLogJson } from '../../src/eventlog/json.ts';
import { readFile } from '../node/files.ts';
import type { CommandInput, CommandResult } from './command.ts';

export async function run({ args }: CommandInput): Promise<CommandResult> {
  const path = args[0] ?? '';
  const log = withSource(path, () => parseEventLog(readFile(path)));
  return { text: renderEventLog(log), json: eventLogJson(log), exitCode: 0 };
}

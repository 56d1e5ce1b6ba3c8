import { fromUtf8 } from '../../src/bytes/bytes.ts';
import { readFile } from '../node/files.ts';
import { readTrace, traceEntryText } from '../tpm/trace-log.ts';
import type { CommandInput, CommandResult } from './command.ts';

export async function run({ args }: CommandInput): Promise<CommandResult> {
  const entries = readTrace(fromUtf8(readFile(args[0] ?? '')));
  return { text: entries.map(traceEntryText).join('\n\n'), json: entries, exitCode: 0 };
}

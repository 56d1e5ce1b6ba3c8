import { toHex } from '../../src/bytes/bytes.ts';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import {
  comparePcrs,
  type PcrMismatch,
  parseEventLog,
  parsePcrsJson,
  replayEvents,
  replayJson,
} from '../../src/eventlog/index.ts';
import { readFile } from '../node/files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { count, table } from './text.ts';

const mismatchJson = (m: PcrMismatch) => ({
  bank: m.bank,
  pcr: m.pcr,
  replayed: m.replayed === undefined ? null : toHex(m.replayed),
  actual: toHex(m.actual),
  events: m.events,
});

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const logs = args.map((path) => withSource(path, () => parseEventLog(readFile(path))));
  const [first] = logs;
  if (first === undefined) throw new InputError('log replay: name a log file');
  const replay = replayEvents(
    logs.flatMap((log) => log.events),
    first.algorithms,
  );
  const scope = { onlyLogged: replay.drtm };
  const json = replayJson(replay, scope);
  const rows = Object.entries(json.pcrs).flatMap(([bank, values]) =>
    Object.entries(values).map(([pcr, value]) => [bank, pcr, value]),
  );
  const lines = [table(['BANK', 'PCR', 'VALUE'], rows), ...replay.notes.map((note) => `note: ${note}`)];
  const file = options.text('pcrs');
  if (file === undefined) return { text: lines.join('\n'), json, exitCode: 0 };

  const mismatches = comparePcrs(
    replay,
    withSource(file, () => parsePcrsJson(readFile(file))),
    scope,
  );
  for (const m of mismatches) {
    const replayed = m.replayed === undefined ? 'nothing (the log has no such bank)' : toHex(m.replayed);
    lines.push(
      `MISMATCH ${m.bank} PCR ${m.pcr}: ${count(m.events, 'event')} of the log lead to ${replayed}, ${file} has ${toHex(m.actual)}`,
    );
  }
  if (mismatches.length === 0) lines.push(`every PCR the log extends agrees with ${file}`);
  return {
    text: lines.join('\n'),
    json: { ...json, mismatches: mismatches.map(mismatchJson) },
    exitCode: mismatches.length === 0 ? 0 : 1,
  };
}

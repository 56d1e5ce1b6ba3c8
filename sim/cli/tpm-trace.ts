import { fromUtf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { readFile } from '../node/files.ts';
import { parseTpmChoice } from '../tpm/ports/open.ts';
import { addressText } from '../tpm/ports/stream.ts';
import { proxyTpm } from '../tpm/servers/proxy.ts';
import { readTrace, readTraceLine, traceEntryText, traceObserver } from '../tpm/trace-log.ts';
import type { CommandInput, CommandIo, CommandResult } from './command.ts';
import { parseAddress } from './serve.ts';
import { askedToEnd } from './server-life.ts';

/** Shows what passes between clients and another TPM until the process is ended. */
async function proxy(listen: string, to: string, io: CommandIo): Promise<CommandResult> {
  const choice = parseTpmChoice(to);
  if (choice.kind === 'embedded' || choice.kind === 'device') throw new InputError(`--to ${to}: is not a TPM server`);
  let commands = 0;
  const observer = traceObserver((line) => {
    commands++;
    if (io.json) process.stdout.write(`${line}\n`);
    else io.line(`${traceEntryText(readTraceLine(line, commands))}\n`);
  });
  const server = await proxyTpm(choice.kind, parseAddress(listen, '--listen'), choice, observer);
  const stopped = askedToEnd();
  process.stdout.write(`ready ${addressText(server.address)}\n`);
  await stopped;
  await server.close();
  return { text: '', json: { commands }, exitCode: 0 };
}

export async function run({ args, options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  const [file] = args;
  const to = options.text('to');
  if (file === undefined) {
    if (to === undefined) throw new InputError('tpm trace: give a command log, or --to with the TPM server to watch');
    return proxy(options.text('listen') ?? '', to, io);
  }
  const { entries, cutOff } = readTrace(fromUtf8(readFile(file)));
  if (cutOff !== undefined)
    io.progress(`line ${cutOff} of the trace is cut off: its writer was ended or had no more room`);
  return { text: entries.map(traceEntryText).join('\n\n'), json: entries, exitCode: 0 };
}

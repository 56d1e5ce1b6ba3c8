/** The shell around the commands: parses, runs, prints, picks the exit code (0 done, 1 bad, 2 usage or unreadable input). */
import { Command, CommanderError, Option } from 'commander';
import { InputError } from '../../src/bytes/errors.ts';
import { type CommandIo, type CommandRow, Options } from './command.ts';
import { COMMANDS, GROUPS } from './commands.ts';
import { endsWithReader } from './server-life.ts';
import { VERSION } from './version.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe went away (`esxsim … | head`): nothing is wrong.
  if (error.code !== 'EPIPE') throw error;
  if (endsWithReader()) process.exit(process.exitCode ?? 0);
});

const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  value,
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function runCommand(row: CommandRow, args: readonly string[], values: Record<string, unknown>): Promise<void> {
  const json = values.json === true;
  const io: CommandIo = {
    json,
    line: (text) => {
      if (!json) process.stdout.write(`${text}\n`);
    },
    progress: (text) => process.stderr.write(`${text}\n`),
  };
  const { run } = await row.load();
  const result = await run({ args, options: new Options(values) }, io);
  if (json) process.stdout.write(`${JSON.stringify(result.json, null, 2)}\n`);
  else if (result.text !== '') process.stdout.write(`${result.text}\n`);
  process.exitCode = result.exitCode;
}

function addCommand(parent: Command, row: CommandRow): void {
  const word = row.name.split(' ').at(-1) ?? row.name;
  const command = parent.command(word).description(row.about);
  for (const argument of row.args ?? []) command.argument(argument.name, argument.about);
  for (const option of row.options ?? []) {
    const built = new Option(option.flags, option.about);
    if (option.repeatable) built.argParser(collect);
    if (option.default !== undefined) built.default(option.default);
    command.addOption(built);
  }
  command.option('--json', 'print one JSON document instead of text');
  command.addHelpText('after', `\nExamples:\n${row.examples.map((e) => `  $ esxsim ${e}`).join('\n')}`);
  command.action(async (...call: unknown[]) => {
    // commander passes each declared argument (a rest argument as an array), then the options, then itself.
    const args = call.slice(0, (row.args ?? []).length).flatMap((a) => (Array.isArray(a) ? a : [a]));
    const values = call[(row.args ?? []).length];
    const given = args.filter((a): a is string => typeof a === 'string');
    await runCommand(row, given, isRecord(values) ? values : {});
  });
}

/** What commander says of a usage mistake, on one line. */
function usageLine(text: string): string {
  const said = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ');
  return `esxsim: ${said} (--help shows what is possible)\n`;
}

function buildProgram(): Command {
  const program = new Command('esxsim')
    .description('A simulated ESXi host with measured boot, for testing attestation verifiers without hardware.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) });
  const groups = new Map<string, Command>();
  for (const row of COMMANDS) {
    const [first] = row.name.split(' ');
    let parent = program;
    if (first !== undefined && first !== row.name) {
      parent = groups.get(first) ?? program.command(first).description(GROUPS[first] ?? '');
      groups.set(first, parent);
    }
    addCommand(parent, row);
  }
  return program;
}

try {
  await buildProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version end with 0; everything else commander refuses is a usage mistake it has already explained.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof InputError) {
    process.stderr.write(`esxsim: ${error.message.replace(/\s*\n\s*/g, ' ')}\n`);
    process.exitCode = 2;
  } else {
    const detail = error instanceof Error ? error.message : String(error);
    process.stderr.write(`esxsim: internal error: ${detail} (set ESXSIM_DEBUG=1 for details; please report this)\n`);
    if (process.env.ESXSIM_DEBUG === '1') process.stderr.write(`${error instanceof Error ? error.stack : ''}\n`);
    process.exitCode = 2;
  }
}

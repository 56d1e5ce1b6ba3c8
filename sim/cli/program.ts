/** The shell around the commands: parses, runs, prints, picks the exit code. */
import { Command, CommanderError, Option } from 'commander';
import { InputError } from '../../src/bytes/errors.ts';
import { type CommandIo, type CommandRow, Options } from './command.ts';
import { COMMANDS, GROUPS } from './commands.ts';
import { VERSION } from './version.ts';

/** Where a run of the program prints. */
export interface Terminal {
  /** Standard output. */
  out(text: string): void;
  /** Standard error. */
  err(text: string): void;
}

const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  value,
];

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

async function runCommand(
  row: CommandRow,
  args: readonly string[],
  values: Record<string, unknown>,
  terminal: Terminal,
): Promise<number> {
  const json = values.json === true;
  const io: CommandIo = {
    json,
    line: (text) => {
      if (!json) terminal.out(`${text}\n`);
    },
    progress: (text) => terminal.err(`${text}\n`),
  };
  const { run } = await row.load();
  const result = await run({ args, options: new Options(values) }, io);
  if (json) terminal.out(`${JSON.stringify(result.json, null, 2)}\n`);
  else if (result.text !== '') terminal.out(`${result.text}\n`);
  return result.exitCode;
}

/** Adds a command to its group; `run` gets what the user gave. */
function addCommand(
  parent: Command,
  row: CommandRow,
  run: (row: CommandRow, args: readonly string[], values: Record<string, unknown>) => Promise<void>,
): void {
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
    await run(row, given, isRecord(values) ? values : {});
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

/**
 * Runs the program as `esxsim ARGS` does and gives its exit code: 0 done, 1 the thing checked is bad, 2 usage or
 * unreadable input. Nothing is left behind in this process, so one process can run it many times.
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode = 0;
  const program = new Command('esxsim')
    .description('A simulated ESXi host with measured boot, for testing attestation verifiers without hardware.')
    .version(VERSION, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text) => terminal.err(usageLine(text)),
    });
  const groups = new Map<string, Command>();
  for (const row of COMMANDS) {
    const [first] = row.name.split(' ');
    let parent = program;
    if (first !== undefined && first !== row.name) {
      parent = groups.get(first) ?? program.command(first).description(GROUPS[first] ?? '');
      groups.set(first, parent);
    }
    addCommand(parent, row, async (command, given, values) => {
      exitCode = await runCommand(command, given, values, terminal);
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version end with 0; everything else commander refuses is a usage mistake it has already explained.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof InputError) {
      terminal.err(`esxsim: ${error.message.replace(/\s*\n\s*/g, ' ')}\n`);
      return 2;
    }
    const detail = error instanceof Error ? error.message : String(error);
    terminal.err(`esxsim: internal error: ${detail} (set ESXSIM_DEBUG=1 for details; please report this)\n`);
    if (process.env.ESXSIM_DEBUG === '1') terminal.err(`${error instanceof Error ? error.stack : ''}\n`);
    return 2;
  }
}

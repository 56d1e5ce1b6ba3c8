/** The shape of a CLI command: data for parsing and help, and a lazily loaded function that returns what to print. */

/** One option of a command. */
export interface OptionRow {
  /** In commander's notation, e.g. `--seed <n>`. */
  readonly flags: string;
  readonly about: string;
  /** Given more than once: all values are collected. */
  readonly repeatable?: true;
  readonly default?: string;
}

/** What a command did. The shell prints `text` or `json` and exits with `exitCode`. */
export interface CommandResult {
  /** Text for people, without a final newline; empty when everything was printed on the way. */
  readonly text: string;
  /** The same facts for machines (`--json`). */
  readonly json: unknown;
  /** 0 = done, 1 = the thing checked is bad. Unusable input is an InputError (exit 2). */
  readonly exitCode: 0 | 1;
}

/** What a running command may use. */
export interface CommandIo {
  /** Prints a line on stdout as it happens (not with `--json`). */
  line(text: string): void;
  /** Prints a line of progress on stderr. */
  progress(text: string): void;
  readonly json: boolean;
}

/** Parsed arguments and options, read by name. */
export interface CommandInput {
  readonly args: readonly string[];
  readonly options: Options;
}

/** Options of one call. Every getter names an option of the command's table. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
  }

  /** True where a switch was given (or, for `--no-x`, not given). */
  on(name: string): boolean {
    return this.#values[name] === true;
  }
}

/** One command of the table. */
export interface CommandRow {
  /** Words on the command line, e.g. `vib inspect`. */
  readonly name: string;
  readonly about: string;
  /** In commander's notation, e.g. `<file>`, `[files...]`. */
  readonly args?: readonly { readonly name: string; readonly about: string }[];
  readonly options?: readonly OptionRow[];
  readonly examples: readonly string[];
  readonly load: () => Promise<{ run(input: CommandInput, io: CommandIo): Promise<CommandResult> }>;
}

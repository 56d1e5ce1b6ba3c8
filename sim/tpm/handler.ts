/** Ties a command row to the function that performs it. */
import type { AnyCommandRow, CommandRow } from '../../src/tpm2/command-row.ts';
import type { Tpm } from './context.ts';

/** A command the engine performs. Values are those the row's codecs read, so their types are the row's. */
export interface Handler {
  readonly row: AnyCommandRow;
  /** The response's handles and parameters by name; undefined for a command that answers nothing. */
  run(tpm: Tpm, input: Record<string, unknown>): Record<string, unknown> | undefined;
}

/** A command that answers something; `run` throws a Refusal to refuse. */
export function handler<In, Out>(row: CommandRow<In, Out>, run: (tpm: Tpm, input: In) => Out): Handler {
  return { row, run: run as Handler['run'] };
}

/** A command that only acts: its row has neither response handles nor response parameters. */
export function action<In>(row: CommandRow<In, object>, run: (tpm: Tpm, input: In) => void): Handler {
  return { row, run: run as Handler['run'] };
}

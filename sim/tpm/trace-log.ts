/** The file format of a TPM's command log: one JSON document a line, so that a log that is still written can be read. */
import { shownValue } from '../../src/bytes/arguments.ts';
import { toHex, tryFromHex } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { type TraceCommand, type TraceResponse, traceCommand, traceResponse, traceText } from '../../src/tpm2/trace.ts';

/** A line of the log, taken apart. */
export type TraceEntry =
  | { readonly number: number; readonly event: string }
  | {
      readonly number: number;
      readonly locality: number;
      readonly command: TraceCommand;
      readonly response: TraceResponse;
    };

/** Writes a line for every command and platform signal. Numbers count from 1; the lines hold no time, so equal runs give equal logs. */
export function traceObserver(line: (text: string) => void) {
  let number = 0;
  return {
    command(command: Uint8Array, response: Uint8Array, locality: number): void {
      number++;
      line(JSON.stringify({ number, locality, command: toHex(command), response: toHex(response) }));
    },
    platform(event: string): void {
      number++;
      line(JSON.stringify({ number, event }));
    },
  };
}

const problem = (number: number, text: string): InputError => new InputError(`line ${number} of the trace: ${text}`);

function parseLine(text: string, at: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // The same error as for another document.
  }
  throw problem(at, 'is not a JSON object');
}

/** One line of the log. InputError where it is none. */
export function readTraceLine(text: string, at: number): TraceEntry {
  const { number = at, locality = 0, event, command, response } = parseLine(text, at);
  if (typeof number !== 'number' || typeof locality !== 'number') throw problem(at, 'number or locality is no number');
  if (typeof event === 'string') return { number, event };
  const sent = typeof command === 'string' ? tryFromHex(command) : undefined;
  const got = typeof response === 'string' ? tryFromHex(response) : undefined;
  if (sent === undefined || got === undefined) throw problem(at, 'command and response must be hexadecimal');
  const decoded = traceCommand(sent);
  return { number, locality, command: decoded, response: traceResponse(got, decoded.code) };
}

/** A whole log. A last line that has no end and cannot be read was being written: `cutOff` is its number. */
export function readTrace(text: string): { readonly entries: TraceEntry[]; readonly cutOff: number | undefined } {
  if (typeof text !== 'string') throw new InputError(`command log: expected its text, not ${shownValue(text)}`);
  const lines = text.split('\n');
  const last = lines.at(-1)?.trim() ?? '';
  const cutOff = last !== '' && !isWhole(last, lines.length) ? lines.length : undefined;
  const entries = lines
    .slice(0, cutOff === undefined ? undefined : -1)
    .map((line, i) => ({ line: line.trim(), at: i + 1 }))
    .filter(({ line }) => line !== '')
    .map(({ line, at }) => readTraceLine(line, at));
  return { entries, cutOff };
}

function isWhole(line: string, at: number): boolean {
  try {
    parseLine(line, at);
    return true;
  } catch {
    return false;
  }
}

/** An entry for people. */
export function traceEntryText(entry: TraceEntry): string {
  if ('event' in entry) return `#${entry.number} ${entry.event}`;
  return `#${entry.number} locality ${entry.locality}\n${traceText(entry.command, entry.response)}`;
}

/** Logs and PCR values as JSON: what `esxsim log` prints for machines, and `pcrs.json`. */
import { FormatError, toHex, tryFromHex, tryFromUtf8 } from '../bytes/index.ts';
import { algorithmByName, type LogAlgorithm } from './algorithms.ts';
import { eventTypeName } from './event-types.ts';
import type { EventLog } from './log.ts';
import { describeEventData } from './print.ts';
import type { PcrValues } from './replay.ts';

/** Longest `pcrs.json` read: 1 MiB. */
const MAX_PCRS_JSON = 1024 * 1024;

/** A log for machines: every record with its bytes in hexadecimal and one line of meaning. */
export interface EventLogJson {
  readonly format: EventLog['format'];
  readonly algorithms: readonly LogAlgorithm[];
  readonly events: readonly {
    readonly index: number;
    readonly pcr: number;
    readonly type: string;
    readonly digests: Readonly<Record<string, string>>;
    readonly data: string;
    readonly meaning: string;
  }[];
  readonly problems: readonly { readonly index: number; readonly offset: number; readonly problem: string }[];
}

/** A parsed log as a JSON value. */
export function eventLogJson(log: EventLog): EventLogJson {
  const events = log.events.map((event) => ({
    index: event.index,
    pcr: event.pcr,
    type: eventTypeName(event.type),
    digests: Object.fromEntries([...event.digests].map(([name, digest]) => [name, toHex(digest)])),
    data: toHex(event.data),
    meaning: describeEventData(event.decoded, event.data),
  }));
  return { format: log.format, algorithms: log.algorithms, events, problems: log.problems };
}

const refuse = (field: string, problem: string): FormatError =>
  new FormatError({ structure: 'pcrs.json', field, problem });

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads `{ "sha256": { "0": "hex", … }, … }` strictly: known banks, PCR 0 to 23, each value in the digest size of its bank.
 * The `{ "pcrs": … }` form that `log replay --json` prints is read too. Errors: FormatError.
 */
export function parsePcrsJson(bytes: Uint8Array): PcrValues {
  if (bytes.length > MAX_PCRS_JSON) throw refuse('', `longer than ${MAX_PCRS_JSON} bytes`);
  const text = tryFromUtf8(bytes);
  if (text === undefined) throw refuse('', 'not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // SyntaxError, or RangeError where the nesting is too deep for the parser.
    throw refuse('', `not JSON: ${error instanceof Error ? error.message.slice(0, 120) : 'unreadable'}`);
  }
  if (isObject(value) && isObject(value.pcrs)) value = value.pcrs;
  if (!isObject(value)) throw refuse('', 'expected an object of banks');
  return new Map(Object.entries(value).map(([bank, values]) => readBank(bank, values)));
}

function readBank(bank: string, values: unknown): [LogAlgorithm, ReadonlyMap<number, Uint8Array>] {
  const row = algorithmByName(bank);
  if (row === undefined) throw refuse(bank.slice(0, 40), 'unknown bank');
  if (!isObject(values)) throw refuse(bank, 'expected an object of PCR values');
  const out = new Map<number, Uint8Array>();
  for (const [index, hex] of Object.entries(values)) {
    if (!/^(?:1?[0-9]|2[0-3])$/.test(index))
      throw refuse(`${bank}.${index.slice(0, 20)}`, 'expected a PCR from 0 to 23');
    const value = typeof hex === 'string' && hex.length === row.size * 2 ? tryFromHex(hex) : undefined;
    if (value === undefined) throw refuse(`${bank}.${index}`, `expected ${row.size} bytes in hexadecimal`);
    out.set(Number(index), value);
  }
  return [row.name, out];
}

/** Computes what PCR values a log stands for, and compares them with values read from a TPM. */
import { concat, equalBytes, toHex } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';
import { algorithmRow, type LogAlgorithm } from './algorithms.ts';
import { decodeNoAction } from './data/no-action.ts';
import { EV } from './event-types.ts';
import type { EventLog, EventRecord } from './log.ts';

const PCR_COUNT = 24;
/** PCRs that a dynamic launch resets. */
const DRTM_PCRS: readonly number[] = [17, 18, 19, 20, 21, 22];

/** One PCR after replay. */
export interface ReplayedPcr {
  readonly value: Uint8Array;
  /** Events that were extended into it; 0 means `value` is the start value. */
  readonly events: number;
}

/** Values of all 24 PCRs in each bank that was replayed. */
export interface Replay {
  readonly banks: ReadonlyMap<HashName, readonly ReplayedPcr[]>;
  /** Whether PCR 17 to 22 started at zero (dynamic launch) rather than at all ones. */
  readonly drtm: boolean;
  /** Locality of TPM2_Startup that the log names, else 0. */
  readonly startupLocality: number;
  /** Remarks that do not stop the replay, e.g. a repeated StartupLocality event. */
  readonly notes: readonly string[];
}

/** How to replay. */
export interface ReplayOptions {
  /** Banks to compute; default: every bank of the log that can be computed. */
  banks?: readonly HashName[];
  /**
   * Whether a dynamic launch reset PCR 17 to 22; default: whether the log extends any of them. Without a launch they stay
   * all ones, because nothing but the launch and what it starts may extend them.
   */
  drtm?: boolean;
}

/** Replays a parsed log. EV_NO_ACTION is never extended. A bank the log does not carry is left out of the result. */
export function replayEventLog(log: EventLog, options: ReplayOptions = {}): Replay {
  return replayEvents(log.events, log.algorithms, options);
}

/** Replays records from any source, e.g. a firmware log and a TXT log one after the other. */
export function replayEvents(
  events: readonly EventRecord[],
  algorithms: readonly LogAlgorithm[],
  options: ReplayOptions = {},
): Replay {
  const drtm = options.drtm ?? events.some((event) => DRTM_PCRS.includes(event.pcr) && event.type !== EV.NO_ACTION);
  const { locality, notes } = startupLocality(events);
  const banks = new Map<HashName, readonly ReplayedPcr[]>();
  for (const name of algorithms) {
    const bank = algorithmRow(name).hash;
    if (bank === undefined) {
      notes.push(`bank ${name} cannot be computed here and was not replayed`);
    } else if (options.banks === undefined || options.banks.includes(bank)) {
      banks.set(bank, replayBank(events, bank, drtm, locality));
    }
  }
  return { banks, drtm, startupLocality: locality, notes };
}

/** Start values of the 24 PCRs (PC Client Platform TPM Profile, 4.6.2). */
function startValues(size: number, drtm: boolean, locality: number): Uint8Array[] {
  const values = Array.from({ length: PCR_COUNT }, () => new Uint8Array(size));
  const pcr0 = values[0];
  if (pcr0 !== undefined) pcr0[size - 1] = locality;
  if (!drtm) for (const pcr of DRTM_PCRS) values[pcr]?.fill(0xff);
  return values;
}

function replayBank(events: readonly EventRecord[], bank: HashName, drtm: boolean, locality: number): ReplayedPcr[] {
  const { size } = algorithmRow(bank);
  const values: Uint8Array[] = startValues(size, drtm, locality);
  const counts = new Array<number>(PCR_COUNT).fill(0);
  for (const { pcr, type, digests } of events) {
    const old = values[pcr];
    const digest = digests.get(bank);
    if (type === EV.NO_ACTION || old === undefined || digest === undefined) continue;
    values[pcr] = hash(bank, concat(old, digest));
    counts[pcr] = (counts[pcr] ?? 0) + 1;
  }
  return values.map((value, pcr) => ({ value, events: counts[pcr] ?? 0 }));
}

/** The first StartupLocality event counts, where it stands in PCR 0 before anything was extended there. */
function startupLocality(events: readonly EventRecord[]): { locality: number; notes: string[] } {
  const notes: string[] = [];
  let locality: number | undefined;
  let extended = false;
  for (const event of events) {
    if (event.type !== EV.NO_ACTION) {
      extended ||= event.pcr === 0;
      continue;
    }
    const found = localityOf(event);
    if (found === undefined) continue;
    if (found === 'invalid') notes.push('a StartupLocality event with a bad value was ignored');
    else if (event.pcr !== 0) notes.push(`a StartupLocality event of PCR ${event.pcr} was ignored`);
    else if (locality !== undefined) notes.push('a repeated StartupLocality event was ignored');
    else if (extended) notes.push('a StartupLocality event after the first extend of PCR 0 was ignored');
    else locality = found;
  }
  return { locality: locality ?? 0, notes };
}

function localityOf(event: EventRecord): number | 'invalid' | undefined {
  try {
    const decoded = decodeNoAction(event.data);
    return decoded.kind === 'startupLocality' ? decoded.locality : undefined;
  } catch {
    return 'invalid';
  }
}

/** PCR values by bank and index, as read from a TPM. */
export type PcrValues = ReadonlyMap<LogAlgorithm, ReadonlyMap<number, Uint8Array>>;

/** A PCR whose replayed and actual values differ. */
export interface PcrMismatch {
  readonly bank: LogAlgorithm;
  readonly pcr: number;
  /** Undefined where the log does not carry the bank. */
  readonly replayed: Uint8Array | undefined;
  readonly actual: Uint8Array;
  /** Events the log has for this PCR. */
  readonly events: number;
}

/** Which PCRs of a replay count. */
export interface ReplayScope {
  /**
   * Leave out PCRs without an event. A launch has logs of its own, so one of several logs says nothing about the PCRs of
   * the others.
   */
  readonly onlyLogged?: boolean;
}

/** Every given PCR value that the replay does not give, in order of bank and index. */
export function comparePcrs(replay: Replay, pcrs: PcrValues, scope: ReplayScope = {}): PcrMismatch[] {
  const out: PcrMismatch[] = [];
  for (const [bank, values] of pcrs) {
    const { hash: name } = algorithmRow(bank);
    const replayed = name === undefined ? undefined : replay.banks.get(name);
    for (const [pcr, actual] of [...values].sort(([a], [b]) => a - b)) {
      const mine = replayed?.[pcr];
      if (mine !== undefined && equalBytes(mine.value, actual)) continue;
      if (scope.onlyLogged === true && mine?.events === 0) continue;
      out.push({ bank, pcr, replayed: mine?.value, actual, events: mine?.events ?? 0 });
    }
  }
  return out;
}

/** `{ "pcrs": { "sha256": { "0": "hex" } } }`: the result of `esxsim log replay --json`. */
export function replayJson(replay: Replay, scope: ReplayScope = {}): { pcrs: Record<string, Record<string, string>> } {
  const pcrs: Record<string, Record<string, string>> = {};
  for (const [bank, values] of replay.banks) {
    const rows = values.map((pcr, index) => ({ pcr, index }));
    const counted = rows.filter(({ pcr }) => scope.onlyLogged !== true || pcr.events > 0);
    pcrs[bank] = Object.fromEntries(counted.map(({ pcr, index }) => [String(index), toHex(pcr.value)]));
  }
  return { pcrs };
}

/** Reads a TCG event log from untrusted bytes, within stated bounds. */
import { ByteReader, FormatError, fromLatin1 } from '../bytes/index.ts';
import { algorithmById, algorithmRow, type LogAlgorithm } from './algorithms.ts';
import { decodeEventData } from './data/index.ts';
import { EV } from './event-types.ts';
import type { EventLog, LogEvent, LogHeader, LogProblem } from './log.ts';
import { decodeSpecId } from './specid.ts';

/** A log with more records than this is refused. */
export const MAX_EVENTS = 100_000;

/** Event data longer than this is refused: 4 MiB. */
export const MAX_EVENT_SIZE = 4 * 1024 * 1024;

/** A log longer than this is refused: 64 MiB. */
export const MAX_LOG_SIZE = 64 * 1024 * 1024;

/** PCRs of a PC Client TPM: 0 to 23. */
export const PCR_COUNT = 24;

/** How to read a log. */
export interface ParseOptions {
  /**
   * Keep what can be read: a damaged record ends the log with a problem, a record of an impossible PCR is skipped with a
   * problem (stale bytes of a TXT log, catalogue entry `txt-log-dirty`). Without it both are a FormatError.
   */
  tolerant?: boolean;
}

/**
 * Parses a log: crypto-agile where the first record is a "Spec ID Event03" header, else SHA-1 (TPM 1.2). Empty input is a
 * log without records and one problem, because some platforms offer that (catalogue entry `evt-empty`).
 *
 * Bounds: {@link MAX_LOG_SIZE}, {@link MAX_EVENTS}, {@link MAX_EVENT_SIZE}; memory is proportional to the input.
 * Errors: FormatError with structure, field and offset.
 */
export function parseEventLog(bytes: Uint8Array, options: ParseOptions = {}): EventLog {
  if (bytes.length > MAX_LOG_SIZE) {
    throw new FormatError({ structure: 'event log', field: '', problem: `longer than ${MAX_LOG_SIZE} bytes` });
  }
  const problems: LogProblem[] = [];
  if (bytes.length === 0) problems.push({ index: 0, offset: 0, problem: 'the log is empty' });
  const r = new ByteReader(bytes, 'TCG_PCR_EVENT', 'little');
  const header = readHeader(bytes, r);
  const algorithms: readonly LogAlgorithm[] = header?.specId.algorithms ?? ['sha1'];
  const readRecord = header === undefined ? readPcrEvent : readPcrEvent2;
  const events: LogEvent[] = [];
  const first = header === undefined ? 0 : 1;
  for (let index = first; r.remaining > 0; index++) {
    const offset = r.offset;
    try {
      if (index - first >= MAX_EVENTS) throw r.error('', `more than ${MAX_EVENTS} records`);
      const record = readRecord(r, algorithms);
      if (record.pcr >= PCR_COUNT) throw new BadIndexError(record.pcr, r.structure, offset);
      const decoded = decodeEventData(record.type, record.data, record.dataOffset);
      const { pcr, type, digests, data } = record;
      events.push({ index, offset, pcr, type, digests, data, decoded });
    } catch (error) {
      if (!(error instanceof FormatError) || options.tolerant !== true) throw error;
      problems.push({ index, offset, problem: error.message });
      if (!(error instanceof BadIndexError)) break;
    }
  }
  return { format: header === undefined ? 'sha1' : 'crypto-agile', header, algorithms, events, problems };
}

/** The record's form is sound, but no TPM has such a PCR; reading can go on after it. */
class BadIndexError extends FormatError {
  constructor(pcr: number, structure: string, offset: number) {
    super({ structure, field: 'pcrIndex', offset, problem: `expected 0 to ${PCR_COUNT - 1}, found ${pcr}` });
  }
}

interface RawRecord {
  pcr: number;
  type: number;
  digests: ReadonlyMap<LogAlgorithm, Uint8Array>;
  data: Uint8Array;
  dataOffset: number;
}

function readData(r: ByteReader): { data: Uint8Array; dataOffset: number } {
  const at = r.offset;
  const size = r.u32('eventSize');
  if (size > MAX_EVENT_SIZE) {
    throw r.error('eventSize', `${size} exceeds the limit of ${MAX_EVENT_SIZE}; ${r.remaining} bytes left`, at);
  }
  const dataOffset = r.offset;
  return { data: r.bytes('event', size), dataOffset };
}

function readPcrEvent(r: ByteReader): RawRecord {
  const pcr = r.u32('pcrIndex');
  const type = r.u32('eventType');
  const digest = r.bytes('digest', 20);
  return { pcr, type, digests: new Map([['sha1', digest]]), ...readData(r) };
}

function readPcrEvent2(r: ByteReader, algorithms: readonly LogAlgorithm[]): RawRecord {
  const pcr = r.u32('pcrIndex');
  const type = r.u32('eventType');
  const at = r.offset;
  const count = r.u32('digests.count');
  // One digest for each bank of the header, no more and no less (PFP 10.2.2): else a bank could be left out for a record.
  if (count !== algorithms.length) {
    throw r.error('digests.count', `the header lists ${algorithms.length} algorithms, found ${count}`, at);
  }
  const digests = new Map<LogAlgorithm, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const idAt = r.offset;
    const id = r.u16(`digests[${i}].hashAlg`);
    const row = algorithmById(id);
    if (row === undefined || !algorithms.includes(row.name)) {
      throw r.error(`digests[${i}].hashAlg`, `0x${id.toString(16)} is not an algorithm of the header`, idAt);
    }
    if (digests.has(row.name)) throw r.error(`digests[${i}].hashAlg`, `${row.name} is listed twice`, idAt);
    digests.set(row.name, r.bytes(`digests[${i}].digest`, algorithmRow(row.name).size));
  }
  return { pcr, type, digests, ...readData(r) };
}

/** Reads the header record where there is one; leaves the reader at the first record after it. */
function readHeader(bytes: Uint8Array, r: ByteReader): LogHeader | undefined {
  const probe = new ByteReader(bytes, 'TCG_PCR_EVENT', 'little');
  if (bytes.length < 32 + 16) return undefined;
  const pcr = probe.u32('pcrIndex');
  const type = probe.u32('eventType');
  probe.skip('digest', 24);
  const signature = fromLatin1(probe.bytes('event', 16));
  // "Spec ID Event00" and "Spec ID Event02" open SHA-1 logs and are records like others.
  if (type !== EV.NO_ACTION || !/^Spec ID Event0[^02]\0$/.test(signature)) return undefined;
  if (pcr !== 0) throw r.error('pcrIndex', `the header belongs to PCR 0, found ${pcr}`);
  const record = readPcrEvent(r);
  const specId = decodeSpecId(record.data, record.dataOffset);
  const digest = record.digests.get('sha1') ?? new Uint8Array(20);
  return { digest, data: record.data, specId };
}

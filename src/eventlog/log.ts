/** A parsed TCG event log as a value, and its bytes again. */
import { ByteWriter } from '../bytes/index.ts';
import { algorithmRow, type LogAlgorithm } from './algorithms.ts';
import type { EventData } from './data/index.ts';
import type { SpecIdEvent } from './specid.ts';

/** `crypto-agile`: Spec ID header and TCG_PCR_EVENT2 records; `sha1`: TCG_PCR_EVENT records only (TPM 1.2). */
export type LogFormat = 'crypto-agile' | 'sha1';

/** What makes one record. */
export interface EventRecord {
  readonly pcr: number;
  /** Event type number; see `event-types.ts`. */
  readonly type: number;
  /** Digests in the order of the record. */
  readonly digests: ReadonlyMap<LogAlgorithm, Uint8Array>;
  /** Event data as logged. */
  readonly data: Uint8Array;
}

/** One record of a parsed log. */
export interface LogEvent extends EventRecord {
  /** Position in the log; the header of a crypto-agile log is 0, as other tools count. */
  readonly index: number;
  /** Byte offset of the record. */
  readonly offset: number;
  /** The event data understood; data that does not decode is `{ kind: 'invalid' }`. */
  readonly decoded: EventData;
}

/** The header record of a crypto-agile log. */
export interface LogHeader {
  /** The 20 digest bytes of the header record: zeros in every honest log. */
  readonly digest: Uint8Array;
  /** The header's event data as logged. */
  readonly data: Uint8Array;
  readonly specId: SpecIdEvent;
}

/** Something about the log worth knowing that did not stop the parser. */
export interface LogProblem {
  /** Record it belongs to. */
  readonly index: number;
  readonly offset: number;
  readonly problem: string;
}

/** A parsed log. */
export interface EventLog {
  readonly format: LogFormat;
  readonly header: LogHeader | undefined;
  /** Banks of the log, in the header's order. */
  readonly algorithms: readonly LogAlgorithm[];
  /** Every record after the header. */
  readonly events: readonly LogEvent[];
  readonly problems: readonly LogProblem[];
}

/** A TCG_PCR_EVENT record (PFP 10.2.1): the SHA-1 format and the header of the crypto-agile one. */
export function encodePcrEvent(pcr: number, type: number, digest: Uint8Array, data: Uint8Array): Uint8Array {
  return new ByteWriter('little', 32 + data.length)
    .u32(pcr)
    .u32(type)
    .bytes(digest)
    .u32(data.length)
    .bytes(data)
    .finish();
}

/** A TCG_PCR_EVENT2 record (PFP 10.2.2). */
export function encodePcrEvent2(event: EventRecord): Uint8Array {
  const w = new ByteWriter('little', 128 + event.data.length).u32(event.pcr).u32(event.type).u32(event.digests.size);
  for (const [name, digest] of event.digests) w.u16(algorithmRow(name).id).bytes(digest);
  return w.u32(event.data.length).bytes(event.data).finish();
}

/** The header record of a crypto-agile log. */
export function encodeHeader(header: Pick<LogHeader, 'digest' | 'data'>): Uint8Array {
  return encodePcrEvent(0, 3, header.digest, header.data);
}

/** What {@link encodeEventLog} needs; a parsed {@link EventLog} has it. */
export interface WritableLog {
  readonly format: LogFormat;
  readonly header: Pick<LogHeader, 'digest' | 'data'> | undefined;
  readonly events: readonly EventRecord[];
}

/**
 * The bytes of a log. A log that was parsed without problems gives the same bytes again. Nothing is checked beyond what
 * the format needs, so that forged logs can be made on purpose.
 */
export function encodeEventLog(log: WritableLog): Uint8Array {
  const w = new ByteWriter('little', 4096);
  if (log.header !== undefined) w.bytes(encodeHeader(log.header));
  for (const event of log.events) w.bytes(log.format === 'sha1' ? encodeSha1(event) : encodePcrEvent2(event));
  return w.finish();
}

function encodeSha1(event: EventRecord): Uint8Array {
  const digest = event.digests.get('sha1');
  if (digest === undefined) throw new TypeError('a record of a SHA-1 log needs a SHA-1 digest');
  return encodePcrEvent(event.pcr, event.type, digest, event.data);
}

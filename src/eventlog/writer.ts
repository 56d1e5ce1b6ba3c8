/** Writes a TCG event log record by record, as firmware does. */
import { ByteWriter } from '../bytes/index.ts';
import { algorithmRow, type LogAlgorithm } from './algorithms.ts';
import { encodeStartupLocality } from './data/no-action.ts';
import { EV } from './event-types.ts';
import { type EventRecord, encodeHeader, encodePcrEvent, encodePcrEvent2, type LogFormat } from './log.ts';
import { encodeSpecId, type SpecIdOptions, specIdEvent } from './specid.ts';

/** One digest of a record. */
export interface LogDigest {
  readonly alg: LogAlgorithm;
  readonly digest: Uint8Array;
}

/** A record to be appended. */
export interface LogEntry {
  readonly pcr: number;
  readonly type: number;
  /** One digest for each bank of the log, in any order. */
  readonly digests: readonly LogDigest[];
  readonly data: Uint8Array;
}

/** Choices for a new log. The SHA-1 format has the single bank `sha1` and no header record. */
export interface EventLogWriterOptions extends SpecIdOptions {
  format?: LogFormat;
}

/**
 * A log being written. The caller extends the PCR and appends the record in one step; this class never hashes.
 *
 * A record whose digests are not exactly the banks of the log, each with its size, is a caller's mistake (TypeError).
 */
export class EventLogWriter {
  readonly format: LogFormat;
  /** Banks in the order they are written. */
  readonly algorithms: readonly LogAlgorithm[];
  readonly #bytes = new ByteWriter('little');
  #count = 0;

  constructor(options: EventLogWriterOptions) {
    this.format = options.format ?? 'crypto-agile';
    this.algorithms = [...options.algorithms];
    if (this.format === 'sha1') {
      if (this.algorithms.join() !== 'sha1') throw new TypeError('a log in SHA-1 format has the bank sha1 only');
      return;
    }
    const data = encodeSpecId(specIdEvent(options));
    this.#push(encodeHeader({ digest: new Uint8Array(20), data }));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Records written so far, the header included. */
  get count(): number {
    return this.#count;
  }

  /** Appends one record. */
  append(entry: LogEntry): void {
    const digests = this.#order(entry.digests);
    const record: EventRecord = { pcr: entry.pcr, type: entry.type, digests, data: entry.data };
    const sha1 = digests.get('sha1');
    this.#push(
      this.format === 'sha1' && sha1 !== undefined
        ? encodePcrEvent(entry.pcr, entry.type, sha1, entry.data)
        : encodePcrEvent2(record),
    );
  }

  /**
   * Appends the EV_NO_ACTION event that tells the locality of TPM2_Startup (PFP 10.4.5.3). It must come before any event
   * of PCR 0; its digests are zeros and it is not extended.
   */
  appendStartupLocality(locality: number): void {
    this.appendNoAction(0, encodeStartupLocality(locality));
  }

  /** Appends an informational event, which is not extended: all digests zero. */
  appendNoAction(pcr: number, data: Uint8Array): void {
    const digests = this.algorithms.map((alg) => ({ alg, digest: new Uint8Array(algorithmRow(alg).size) }));
    this.append({ pcr, type: EV.NO_ACTION, digests, data });
  }

  /** The log so far, as a new array. */
  bytes(): Uint8Array {
    return this.#bytes.written();
  }

  #push(record: Uint8Array): void {
    this.#bytes.bytes(record);
    this.#count++;
  }

  #order(given: readonly LogDigest[]): ReadonlyMap<LogAlgorithm, Uint8Array> {
    const byName = new Map(given.map((d) => [d.alg, d.digest] as const));
    if (given.length !== this.algorithms.length || byName.size !== given.length) {
      throw new TypeError(`a record needs one digest for each of ${this.algorithms.join(', ')}`);
    }
    const ordered = new Map<LogAlgorithm, Uint8Array>();
    for (const alg of this.algorithms) {
      const digest = byName.get(alg);
      if (digest?.length !== algorithmRow(alg).size) throw new TypeError(`missing or wrong-sized ${alg} digest`);
      ordered.set(alg, digest.slice());
    }
    return ordered;
  }
}

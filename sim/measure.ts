/**
 * The one path from bytes to PCR to log (design §2.1): bytes are hashed, TPM2_PCR_Extend is sent, and the record is written,
 * by one call. Nothing else in the simulator extends a PCR or appends a measured event.
 */
import { hash } from '../src/crypto/hash.ts';
import type { HashName } from '../src/crypto/primitives.ts';
import type { EventLogWriter, LogDigest } from '../src/eventlog/index.ts';
import { COMMANDS, TPM_ALG, type Tpm2Client } from '../src/tpm2/index.ts';
import type { Locality } from '../src/tpm2/transport.ts';

/** TPM algorithm identifiers of the banks (TPM 2.0 Part 2, table 9). */
export const BANK_ALGORITHM: Readonly<Record<HashName, number>> = {
  sha1: TPM_ALG.SHA1,
  sha256: TPM_ALG.SHA256,
  sha384: TPM_ALG.SHA384,
  sha512: TPM_ALG.SHA512,
};

/**
 * What is hashed: bytes, or a function where the digest is not that of a byte string (Authenticode) or was made while the bytes
 * passed by (modules of any size).
 */
export type Measured = Uint8Array | ((bank: HashName) => Uint8Array);

/** A measurement to make. */
export interface Measurement {
  readonly pcr: number;
  /** Event type (EV_*). */
  readonly type: number;
  /** Event field of the log record. */
  readonly event: Uint8Array;
  readonly measured: Measured;
}

/** A measurement made: what the log and the PCR received. */
export interface MeasuredEvent {
  readonly pcr: number;
  readonly type: number;
  readonly event: Uint8Array;
  readonly digests: ReadonlyMap<HashName, Uint8Array>;
}

/** Digest of what is measured, in one bank. */
const digestOf = (bank: HashName, measured: Measured): Uint8Array =>
  typeof measured === 'function' ? measured(bank) : hash(bank, measured);

/** Makes measurements with one TPM into one log. */
export class Measurer {
  readonly #tpm: Tpm2Client;
  readonly #log: EventLogWriter;
  readonly banks: readonly HashName[];
  /** Locality of the next commands (changed by the stage that owns the machine). */
  locality: Locality;

  constructor(tpm: Tpm2Client, log: EventLogWriter, banks: readonly HashName[], locality: Locality = 0) {
    this.#tpm = tpm;
    this.#log = log;
    this.banks = banks;
    this.locality = locality;
  }

  /** Hashes, extends, logs. A TpmError leaves the log without the event, as on a real machine. */
  async measure(measurement: Measurement): Promise<MeasuredEvent> {
    const { pcr, type, event, measured } = measurement;
    const digests = this.banks.map((alg) => ({ alg, digest: digestOf(alg, measured) }));
    await this.#tpm.call(
      COMMANDS.PCR_Extend,
      { pcrHandle: pcr, digests: digests.map((d) => ({ hashAlg: BANK_ALGORITHM[d.alg], digest: d.digest })) },
      { locality: this.locality },
    );
    return this.#record(pcr, type, event, digests);
  }

  /**
   * Logs what the TPM itself hashed and extended through `_TPM_Hash_Start/Data/End`; `measured` is exactly the data that
   * went through the interface.
   */
  recordHashSequence(measurement: Measurement): MeasuredEvent {
    const { pcr, type, event, measured } = measurement;
    return this.#record(
      pcr,
      type,
      event,
      this.banks.map((alg) => ({ alg, digest: digestOf(alg, measured) })),
    );
  }

  /** Tells the startup locality in the log; it is not extended. */
  recordStartupLocality(locality: number): void {
    this.#log.appendStartupLocality(locality);
  }

  /** The log so far. */
  logBytes(): Uint8Array {
    return this.#log.bytes();
  }

  #record(
    pcr: number,
    type: number,
    event: Uint8Array,
    digests: readonly (LogDigest & { alg: HashName })[],
  ): MeasuredEvent {
    this.#log.append({ pcr, type, digests, data: event });
    return { pcr, type, event, digests: new Map(digests.map((d) => [d.alg, d.digest])) };
  }
}

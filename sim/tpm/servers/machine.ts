/** The TPM behind a server: one engine with what the platform around it keeps (power, locality, the established bit). */
import type { Locality } from '../../../src/tpm2/transport.ts';
import { MAX_BUFFER_SIZE } from '../context.ts';
import type { Tpm2Engine } from '../engine.ts';
import { INTERNAL_ERROR } from '../failure.ts';
import { encodeSnapshot, type Snapshot } from '../snapshot.ts';

/** Told about what happens to the TPM: a log, a state file. */
export interface MachineObserver {
  /** After every command. */
  command?(command: Uint8Array, response: Uint8Array, locality: Locality): void;
  /** After every power cycle, restored state or hash signal. */
  platform?(event: string): void;
}

/** Response of a TPM that is not running or has failed: TPM_RC_FAILURE. */
const FAILURE = new Uint8Array([0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x01]);

/** One TPM and its platform. */
export class TpmMachine {
  readonly engine: Tpm2Engine;
  /** Whether commands reach the TPM. */
  running = true;
  /** Locality of commands that bring none. */
  locality: Locality = 0;
  /** Non-volatile storage can be written (signal of the Microsoft simulator). */
  nvAvailable = true;
  readonly #observers: readonly MachineObserver[];

  constructor(engine: Tpm2Engine, observers: readonly MachineObserver[] = []) {
    this.engine = engine;
    this.#observers = observers;
  }

  /** Bytes that a server reads as one command: as swtpm's, this does not follow the buffer size that is set (`setBufferSize`). */
  get maxCommand(): number {
    return MAX_BUFFER_SIZE;
  }

  /** One command; a TPM that does not run answers TPM_RC_FAILURE. */
  execute(command: Uint8Array, locality: Locality = this.locality): Uint8Array {
    if (!this.running) return FAILURE.slice();
    const response = this.engine.execute(command, locality);
    for (const observer of this.#observers) observer.command?.(command, response, locality);
    return response;
  }

  /** Power cycle and `_TPM_Init`. */
  powerOn(): void {
    this.engine.powerOn();
    this.running = true;
    this.#tell('power on');
  }

  /** The TPM goes on from a snapshot. */
  restore(snapshot: Snapshot): void {
    this.engine.restore(snapshot);
    this.running = true;
    this.#tell('state restored');
  }

  /** The platform makes the TPM fail; only a power cycle ends that. */
  fail(): void {
    this.engine.state.failure = INTERNAL_ERROR;
  }

  hashStart(): void {
    this.engine.hashStart();
    this.#tell('_TPM_Hash_Start');
  }

  hashData(data: Uint8Array): void {
    this.engine.hashData(data);
    this.#tell(`_TPM_Hash_Data (${data.length} bytes)`);
  }

  hashEnd(): void {
    this.engine.hashEnd();
    this.#tell('_TPM_Hash_End');
  }

  /** Snapshot of everything, to go on exactly here. */
  volatileBlob(): Uint8Array {
    return encodeSnapshot(this.engine.snapshot());
  }

  /** Snapshot of what survives a power cycle. */
  permanentBlob(): Uint8Array {
    return encodeSnapshot(this.engine.powerCycled());
  }

  #tell(event: string): void {
    for (const observer of this.#observers) observer.platform?.(event);
  }
}

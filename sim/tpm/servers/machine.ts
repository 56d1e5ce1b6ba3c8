/** The TPM behind a server: one engine with what the platform around it keeps (power, locality, the established bit). */
import { toHex } from '../../../src/bytes/bytes.ts';
import type { Locality } from '../../../src/tpm2/transport.ts';
import { MAX_BUFFER_SIZE } from '../context.ts';
import type { Tpm2Engine } from '../engine.ts';
import { INTERNAL_ERROR } from '../failure.ts';
import { encodeSnapshot, type Snapshot } from '../snapshot.ts';

/** What happens to a TPM besides commands, in the words of the log. */
export const MACHINE_EVENT = { powerOn: 'power on', restored: 'state restored' } as const;

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
  readonly #observers: MachineObserver[];
  readonly #trouble: (error: unknown) => void;

  /** @param trouble told why the TPM fails, where an observer could not do what it must */
  constructor(
    engine: Tpm2Engine,
    observers: readonly MachineObserver[] = [],
    trouble: (error: unknown) => void = () => undefined,
  ) {
    this.engine = engine;
    this.#observers = [...observers];
    this.#trouble = trouble;
  }

  /** Bytes that a server reads as one command: as swtpm's, this does not follow the buffer size that is set (`setBufferSize`). */
  get maxCommand(): number {
    return MAX_BUFFER_SIZE;
  }

  /** One more that is told of what happens from now on. */
  observe(observer: MachineObserver): void {
    this.#observers.push(observer);
  }

  /** One command; a TPM that does not run answers TPM_RC_FAILURE. */
  execute(command: Uint8Array, locality: Locality = this.locality): Uint8Array {
    if (!this.running) return FAILURE.slice();
    const response = this.engine.execute(command, locality);
    const kept = this.#observe((observer) => observer.command?.(command, response, locality));
    return kept ? response : FAILURE.slice();
  }

  /** What cannot be kept (the state file) is a failure of the TPM until its next `_TPM_Init` (Part 1, 12.3). */
  #observe(tell: (observer: MachineObserver) => void): boolean {
    try {
      for (const observer of this.#observers) tell(observer);
      return true;
    } catch (error) {
      this.#trouble(error);
      this.fail();
      return false;
    }
  }

  /** Power cycle and `_TPM_Init`. */
  powerOn(): void {
    this.engine.powerOn();
    this.running = true;
    this.#tell(MACHINE_EVENT.powerOn);
  }

  /** The TPM goes on from a snapshot; see {@link Tpm2Engine.restore}. */
  restore(snapshot: Snapshot, timePassed = false): void {
    this.engine.restore(snapshot, timePassed);
    this.running = true;
    this.#tell(MACHINE_EVENT.restored);
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
    this.#tell(`_TPM_Hash_Data (${data.length} bytes) ${toHex(data)}`.trimEnd());
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
    this.#observe((observer) => observer.platform?.(event));
  }
}

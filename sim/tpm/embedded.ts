/** The embedded engine as a transport. */
import { needObject } from '../../src/bytes/arguments.ts';
import type { Locality, TpmTransport } from '../../src/tpm2/transport.ts';
import { createTpm2, type Tpm2Engine, type Tpm2Options } from './engine.ts';

/** {@link TpmTransport} over a TPM in this process. */
export class EmbeddedTransport implements TpmTransport {
  readonly engine: Tpm2Engine;

  constructor(engine: Tpm2Engine) {
    needObject('EmbeddedTransport', engine, ['execute()', 'powerOn()'], 'createTpm2(options) gives a TPM');
    this.engine = engine;
  }

  async transmit(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    return this.engine.execute(command, locality);
  }

  async powerOn(): Promise<void> {
    this.engine.powerOn();
  }

  async hashStart(): Promise<void> {
    this.engine.hashStart();
  }

  async hashData(data: Uint8Array): Promise<void> {
    this.engine.hashData(data);
  }

  async hashEnd(): Promise<void> {
    this.engine.hashEnd();
  }

  async close(): Promise<void> {}
}

/** A transport over a new embedded TPM. */
export const embeddedTransport = (options: Tpm2Options): EmbeddedTransport =>
  new EmbeddedTransport(createTpm2(options));

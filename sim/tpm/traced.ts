/** A transport that writes a command log on the way. */
import { needObject, shownValue } from '../../src/bytes/arguments.ts';
import { toHex } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { Locality, TpmTransport } from '../../src/tpm2/transport.ts';
import { traceObserver } from './trace-log.ts';

/** Passes everything on to another transport and writes a line of the command log for each command and platform signal. */
export class TracedTransport implements TpmTransport {
  readonly running: boolean;
  readonly #inner: TpmTransport;
  readonly #observer: ReturnType<typeof traceObserver>;

  /** @param line gets the lines of the log, without their ends */
  constructor(inner: TpmTransport, line: (text: string) => void) {
    needObject('TracedTransport', inner, ['transmit()'], 'it writes the log of another transport');
    if (typeof line !== 'function') {
      throw new InputError(`TracedTransport: expected a function that takes lines, not ${shownValue(line)}`);
    }
    this.#inner = inner;
    this.running = inner.running === true;
    this.#observer = traceObserver(line);
  }

  async transmit(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    const response = await this.#inner.transmit(command, locality);
    this.#observer.command(command, response, locality);
    return response;
  }

  async powerOn(): Promise<void> {
    await this.#inner.powerOn();
    this.#observer.platform('power on');
  }

  async hashStart(): Promise<void> {
    await this.#inner.hashStart();
    this.#observer.platform('_TPM_Hash_Start');
  }

  async hashData(data: Uint8Array): Promise<void> {
    await this.#inner.hashData(data);
    this.#observer.platform(`_TPM_Hash_Data (${data.length} bytes) ${toHex(data)}`.trimEnd());
  }

  async hashEnd(): Promise<void> {
    await this.#inner.hashEnd();
    this.#observer.platform('_TPM_Hash_End');
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

/** A TPM behind a character device of Linux: `/dev/tpmrm0` (with the kernel's resource manager) or `/dev/tpm0`. */
import { type FileHandle, open } from 'node:fs/promises';
import { InputError } from '../../../src/bytes/errors.ts';
import type { Locality, TpmTransport } from '../../../src/tpm2/transport.ts';

/** Largest response read. */
const MAX_RESPONSE = 16_384;
const HEADER_SIZE = 10;

/**
 * {@link TpmTransport} to a device. One write is one command, one read its response. Software cannot power a real TPM off
 * and has locality 0 only: what needs more is an InputError.
 */
export class DeviceTransport implements TpmTransport {
  readonly running = true;
  readonly #path: string;
  #file: Promise<FileHandle> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  #error(problem: string, cause?: unknown): InputError {
    return new InputError(`TPM ${this.#path}: ${problem}`, { cause });
  }

  #open(): Promise<FileHandle> {
    this.#file ??= open(this.#path, 'r+').catch((error: NodeJS.ErrnoException) => {
      this.#file = undefined;
      throw this.#error(`cannot open (${error.code ?? error.message})`, error);
    });
    return this.#file;
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    const file = await this.#open();
    const buffer = new Uint8Array(MAX_RESPONSE);
    try {
      // The driver takes a command in one piece and has no file position.
      const { bytesWritten } = await file.write(command, 0, command.length, null);
      if (bytesWritten !== command.length) throw this.#error(`took ${bytesWritten} of ${command.length} bytes`);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead < HEADER_SIZE) throw this.#error(`answered ${bytesRead} bytes`);
      return buffer.slice(0, bytesRead);
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw this.#error(error instanceof Error ? error.message : String(error), error);
    }
  }

  async transmit(command: Uint8Array, locality: Locality): Promise<Uint8Array> {
    if (locality !== 0) throw this.#error(`commands have locality 0, not ${locality}`);
    const mine = this.#turn.then(() => this.#exchange(command));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async powerOn(): Promise<void> {
    throw this.#error('cannot be power cycled by software');
  }

  async hashStart(): Promise<void> {
    throw this.#error('hash sequences need locality 4, which the processor alone has');
  }

  async hashData(): Promise<void> {
    await this.hashStart();
  }

  async hashEnd(): Promise<void> {
    await this.hashStart();
  }

  async close(): Promise<void> {
    const file = await this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

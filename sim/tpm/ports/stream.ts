/** A byte stream to a TPM server over TCP or a Unix socket: one request at a time, answers of known size. */
import { connect, type Socket } from 'node:net';
import { concat } from '../../../src/bytes/bytes.ts';
import { InputError } from '../../../src/bytes/errors.ts';

/** Where a server listens. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** `host:port` or the socket's path. */
export const addressText = (address: Address): string =>
  'path' in address
    ? address.path
    : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;

/** Longest wait for an answer: creating an RSA key in a slow TPM takes seconds. */
const ANSWER_TIMEOUT = 60_000;
const CONNECT_TIMEOUT = 5_000;

interface Waiter {
  readonly size: number;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** One connection. All failures are InputErrors that name the server. */
export class TpmStream {
  readonly #address: Address;
  readonly #name: string;
  #socket: Socket | undefined;
  #received: Uint8Array = new Uint8Array(0);
  #waiter: Waiter | undefined;
  #failure: InputError | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param name how errors call the server, e.g. `swtpm` */
  constructor(name: string, address: Address) {
    this.#name = name;
    this.#address = address;
  }

  #error(problem: string): InputError {
    return new InputError(`${this.#name} at ${addressText(this.#address)}: ${problem}`);
  }

  async #connection(): Promise<Socket> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#socket !== undefined) return this.#socket;
    const socket = connect(this.#address);
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      const refuse = (problem: string): void => {
        socket.destroy();
        reject(this.#error(`cannot connect (${problem})`));
      };
      socket.setTimeout(CONNECT_TIMEOUT, () => refuse('no answer'));
      socket.once('connect', resolve);
      socket.once('error', (error: NodeJS.ErrnoException) => refuse(error.code ?? error.message));
    });
    socket.setTimeout(0);
    socket.removeAllListeners('error');
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('connection closed'));
    socket.on('data', (chunk) => this.#take(chunk));
    // An idle connection must not keep the process alive; a pending answer does, through its timer.
    socket.unref();
    this.#socket = socket;
    return socket;
  }

  #fail(problem: string): void {
    this.#failure ??= this.#error(problem);
    this.#waiter?.reject(this.#failure);
    this.#waiter = undefined;
  }

  #take(chunk: Uint8Array): void {
    this.#received = concat(this.#received, chunk);
    this.#serve();
  }

  #serve(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || this.#received.length < waiter.size) return;
    this.#waiter = undefined;
    const bytes = this.#received.slice(0, waiter.size);
    this.#received = this.#received.slice(waiter.size);
    waiter.resolve(bytes);
  }

  /** The next `size` bytes from the server. */
  async #read(size: number): Promise<Uint8Array> {
    if (this.#failure !== undefined) throw this.#failure;
    let timer: NodeJS.Timeout | undefined;
    const bytes = new Promise<Uint8Array>((resolve, reject) => {
      this.#waiter = { size, resolve, reject };
      timer = setTimeout(() => this.#fail('no answer'), ANSWER_TIMEOUT);
    });
    this.#serve();
    return bytes.finally(() => clearTimeout(timer));
  }

  /** Sends `request`, then lets `answer` read what comes back; requests wait for each other. */
  async exchange<T>(
    request: Uint8Array,
    answer: (read: (size: number) => Promise<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const run = async (): Promise<T> => {
      const socket = await this.#connection();
      socket.write(request);
      return answer((size) => this.#read(size));
    };
    const mine = this.#turn.then(run, run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** An error about what the server answered. */
  bad(problem: string): InputError {
    return this.#error(problem);
  }

  /** Closes the connection. */
  close(): void {
    this.#failure ??= this.#error('closed');
    this.#socket?.destroy();
  }
}

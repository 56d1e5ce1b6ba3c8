/** Sockets for the conversations: two ports, each serving one connection after the other, as swtpm and the simulator do. */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { InputError } from '../../../src/bytes/errors.ts';
import { type Address, addressText } from '../ports/stream.ts';
import { type Answer, type Conversation, SILENT } from './conversation.ts';
import type { TpmMachine } from './machine.ts';
import { MssimConversation } from './mssim.ts';
import { SwtpmControl, SwtpmStore } from './swtpm-control.ts';
import { SwtpmData } from './swtpm-data.ts';

/** Protocols of a TPM server. */
export const PROTOCOLS = ['swtpm', 'mssim'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** A protocol's name in an option; InputError for another word. */
export function protocolOf(text: string | undefined, option: string): Protocol {
  const found = PROTOCOLS.find((one) => one === text);
  if (found === undefined) throw new InputError(`${option} ${text}: expected ${PROTOCOLS.join(' or ')}`);
  return found;
}

/** A listening TPM server. */
export interface TpmServer {
  /** Address of the data or command port. */
  readonly address: Address;
  /** Resolves when a client asked the server to end; rejects where the TPM cannot go on. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** How long the rest of an incomplete command is waited for, in milliseconds. */
const PATIENCE = 250;
/** Clients that may wait for their turn at one port. */
const BACKLOG = 64;

/** Serves one connection at a time; the others wait unread. */
class Port {
  readonly #server: Server;
  readonly #begin: () => Conversation;
  readonly #onEnd: (error?: unknown) => void;
  readonly #waiting: Socket[] = [];
  #current: Socket | undefined;

  constructor(begin: () => Conversation, onEnd: (error?: unknown) => void) {
    this.#begin = begin;
    this.#onEnd = onEnd;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  #accept(socket: Socket): void {
    // A client that breaks off is no fault of ours.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#leave(socket));
    if (this.#waiting.length >= BACKLOG) socket.destroy();
    else if (this.#current === undefined) this.#serve(socket);
    else this.#waiting.push(socket);
  }

  #leave(socket: Socket): void {
    const place = this.#waiting.indexOf(socket);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (this.#current !== socket) return;
    this.#current = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#serve(next);
  }

  #serve(socket: Socket): void {
    this.#current = socket;
    const conversation = this.#begin();
    let timer: NodeJS.Timeout | undefined;
    socket.once('close', () => clearTimeout(timer));
    const answer = (ask: () => Answer): void => {
      const given = this.#answer(ask);
      if (given === undefined) return void socket.destroy();
      const { reply, end } = given;
      // A client that does not read its answers is not read either: nothing piles up.
      if (reply.length > 0 && !socket.write(reply)) {
        socket.pause();
        socket.once('drain', () => socket.resume());
      }
      if (end === undefined) return;
      socket.end();
      if (end === 'server') this.#onEnd();
    };
    socket.on('data', (chunk) => {
      clearTimeout(timer);
      answer(() => conversation.receive(new Uint8Array(chunk)));
      if (conversation.idle !== undefined)
        timer = setTimeout(() => answer(() => conversation.idle?.() ?? SILENT), PATIENCE);
    });
    socket.resume();
  }

  /** Undefined where the machine cannot go on (its state cannot be written): the server ends with that error. */
  #answer(ask: () => Answer): Answer | undefined {
    try {
      return ask();
    } catch (error) {
      this.#onEnd(error);
      return undefined;
    }
  }

  async listen(address: Address): Promise<Address> {
    if ('path' in address) removeStaleSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new InputError(`cannot listen on ${addressText(address)} (${error.code ?? error.message})`));
      });
      this.#server.listen(address, BACKLOG, resolve);
    });
    if ('path' in address) chmodSync(address.path, 0o770);
    const bound = this.#server.address();
    return bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port };
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of [this.#current, ...this.#waiting]) socket?.destroySoon();
    await closed;
  }
}

/** A socket file that nobody listens on any more is left by a server that was killed. */
function removeStaleSocket(path: string): void {
  if (existsSync(path)) rmSync(path);
}

/** The address of the control or platform port: the next port, or the path with `.ctrl`. */
export const neighbour = (address: Address): Address =>
  'path' in address ? { path: `${address.path}.ctrl` } : { host: address.host, port: address.port + 1 };

/** Starts a server for `machine`. InputError where an address cannot be used. */
export async function listenTpm(machine: TpmMachine, protocol: Protocol, address: Address): Promise<TpmServer> {
  let end: (error?: unknown) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  ended.catch(() => undefined);
  const store = new SwtpmStore();
  const [data, control] =
    protocol === 'swtpm'
      ? [new Port(() => new SwtpmData(machine), end), new Port(() => new SwtpmControl(machine, store), end)]
      : [
          new Port(() => new MssimConversation(machine, 'command'), end),
          new Port(() => new MssimConversation(machine, 'platform'), end),
        ];
  const close = async (): Promise<void> => {
    await Promise.all([data.close(), control.close()]);
  };
  try {
    const bound = await listenPair(data, control, address);
    return { address: bound, ended, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Attempts to find two neighbouring free ports. */
const ATTEMPTS = 20;

/** Port 0 takes any port whose neighbour is free too. */
async function listenPair(data: Port, control: Port, address: Address): Promise<Address> {
  for (let attempt = 1; ; attempt++) {
    const bound = await data.listen(address);
    try {
      await control.listen(neighbour(bound));
      return bound;
    } catch (error) {
      const anyPort = 'port' in address && address.port === 0;
      if (!anyPort || attempt === ATTEMPTS) throw error;
      await data.close();
    }
  }
}

/** A listening port: serves one connection after the other, as swtpm and the simulator do. */
import { chmodSync, existsSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import { InputError } from '../../../src/bytes/errors.ts';
import { type Address, addressText } from '../ports/stream.ts';
import { type Connection, readEvents, steadyConnection } from './connection.ts';
import type { Conversation } from './conversation.ts';
import { type Consequences, converse } from './converse.ts';
import { receivingConnection } from './descriptor-socket.ts';

/** Clients that may wait for their turn at one port. */
const BACKLOG = 64;
/** Permissions of a Unix socket: owner and group, as swtpm's. */
const SOCKET_MODE = 0o770;

/** What a port does. */
export interface PortOptions extends Consequences {
  /** A new connection's conversation. */
  readonly begin: () => Conversation;
  /** The connection that was served closed. */
  readonly left?: () => void;
}

/** Serves one connection at a time once it is open; the others wait unread. */
export class Port {
  readonly #server: Server;
  readonly #options: PortOptions;
  readonly #waiting: Connection[] = [];
  #current: Connection | undefined;
  #open = false;

  constructor(options: PortOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
      this.#accept(socket),
    );
  }

  #accept(accepted: Socket): void {
    // Only a port that takes descriptors, on a Unix socket, has to be read in another way.
    const local = accepted.remoteAddress === undefined;
    const connection: Connection =
      this.#options.adopt !== undefined && local ? receivingConnection(accepted) : steadyConnection(accepted);
    this.#admit(connection);
  }

  #admit(connection: Connection): void {
    const { socket } = connection;
    // A client that breaks off is no fault of ours.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#leave(connection));
    if (this.#waiting.length >= BACKLOG) socket.destroy();
    else if (this.#open && this.#current === undefined) this.#serve(connection);
    else this.#waiting.push(connection);
  }

  #leave(connection: Connection): void {
    const place = this.#waiting.indexOf(connection);
    if (place >= 0) this.#waiting.splice(place, 1);
    if (this.#current !== connection) return;
    this.#current = undefined;
    this.#options.left?.();
    this.#serveNext();
  }

  #serveNext(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) this.#serve(next);
  }

  /** Begins to serve: clients that came before have waited unread. */
  open(): void {
    this.#open = true;
    if (this.#current === undefined) this.#serveNext();
  }

  #serve(connection: Connection): void {
    this.#current = connection;
    converse(connection, this.#options.begin(), this.#options);
  }

  /** Listens; the address it got. InputError where it cannot. `mode`: permissions of a Unix socket. */
  async listen(address: Address, mode: number = SOCKET_MODE): Promise<Address> {
    if ('path' in address) {
      const size = Buffer.byteLength(address.path);
      // The system would cut it off, and the socket be another file.
      if (size > MAX_SOCKET_PATH)
        throw new InputError(
          `cannot listen on ${address.path}: a path of ${size} bytes, the limit is ${MAX_SOCKET_PATH}`,
        );
      if (!existsSync(dirname(address.path)))
        throw new InputError(`cannot listen on ${address.path}: the folder ${dirname(address.path)} does not exist`);
      await removeStaleSocket(address.path);
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new InputError(`cannot listen on ${addressText(address)} (${error.code ?? error.message})`));
      });
      this.#server.listen(address, BACKLOG, resolve);
    });
    if ('path' in address) chmodSync(address.path, mode);
    const bound = this.#server.address();
    return bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port };
  }

  /**
   * Serves a connection that this process was started with. It takes no descriptors. InputError where the descriptor is no
   * socket or pipe.
   */
  attach(descriptor: number): void {
    let socket: Socket;
    try {
      socket = new Socket({ fd: descriptor, readable: true, writable: true, allowHalfOpen: true });
    } catch (error) {
      throw new InputError(`descriptor ${descriptor}: is no open socket or pipe`, { cause: error });
    }
    this.#admit({ socket, read: readEvents(socket), take: () => undefined });
  }

  async close(): Promise<void> {
    const closed = this.#server.listening
      ? new Promise<void>((resolve) => this.#server.close(() => resolve()))
      : Promise.resolve();
    for (const connection of [this.#current, ...this.#waiting]) connection?.socket.destroySoon();
    await closed;
  }
}

/** Bytes of a Unix socket's path (unix(7): sun_path, without the zero at its end; 103 on systems other than Linux). */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/** Removes a socket file that nobody listens on any more, left by a server that was killed. InputError where one is listening. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve('listening'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('connect', () => socket.destroy());
  });
  // EAGAIN: so many clients wait for that server that it takes no more.
  if (answer === 'listening' || answer === 'EAGAIN')
    throw new InputError(`cannot listen on ${path}: another server is listening there; end it or choose another path`);
  // Of one that may not be asked nothing is known: listening fails then.
  if (answer === 'ECONNREFUSED') rmSync(path, { force: true });
}

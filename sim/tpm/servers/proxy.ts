/** A proxy in front of a TPM server: bytes pass through unchanged, commands and responses are told on the way. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { concat, u32At } from '../../../src/bytes/bytes.ts';
import { InputError } from '../../../src/bytes/errors.ts';
import { type Address, addressText } from '../ports/stream.ts';
import { neighbour, type Protocol, type TpmServer } from './listen.ts';

/** What the proxy saw. */
export interface ProxyObserver {
  command(command: Uint8Array, response: Uint8Array, locality: number): void;
  /** A message on the control or platform port. */
  platform(event: string): void;
}

const SEND_COMMAND = 8;
/** Code, locality, size. */
const PREFIX_SIZE = 9;
const HEADER_SIZE = 10;
/** More than a command and its response ever take: what is longer is passed on but not understood. */
const MAX_EXCHANGE = 1 << 16;
const NOTHING = new Uint8Array(0);

/** Puts the two directions of a data or command port together again. */
export class ExchangeReader {
  readonly #tell: ProxyObserver['command'];
  #request: Uint8Array = NOTHING;
  #answer: Uint8Array = NOTHING;
  #locality = 0;

  constructor(tell: ProxyObserver['command']) {
    this.#tell = tell;
  }

  /** Bytes from the client. */
  sent(chunk: Uint8Array): void {
    this.#request = concat(this.#request, chunk);
    if (this.#request.length > MAX_EXCHANGE) this.#forget();
  }

  /** Bytes from the TPM. */
  received(chunk: Uint8Array): void {
    this.#answer = concat(this.#answer, chunk);
    const request = this.#request;
    const answer = this.#answer;
    if (request.length < 4 || answer.length > MAX_EXCHANGE) {
      this.#forget();
      return;
    }
    if (answer.length < 4) return;
    if (u32At(request, 0) === SEND_COMMAND && request.length >= PREFIX_SIZE) {
      const size = u32At(answer, 0);
      // Response with its size before it and an acknowledgement after it.
      if (answer.length < 8 + size && size <= MAX_EXCHANGE) return;
      this.#locality = request[4] ?? 0;
      this.#tell(request.slice(PREFIX_SIZE), answer.slice(4, 4 + size), this.#locality);
    } else if (request.length >= HEADER_SIZE && (request[0] ?? 0) === 0x80) {
      if (answer.length < HEADER_SIZE || answer.length < u32At(answer, 2)) return;
      this.#tell(request, answer, this.#locality);
    }
    this.#forget();
  }

  #forget(): void {
    this.#request = NOTHING;
    this.#answer = NOTHING;
  }
}

type Watch = () => { sent(chunk: Uint8Array): void; received(chunk: Uint8Array): void };

function forward(from: Socket, to: Socket, see: (chunk: Uint8Array) => void): void {
  from.on('data', (chunk) => {
    see(new Uint8Array(chunk));
    if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
}

async function listenPort(
  address: Address,
  target: Address,
  watch: Watch,
  sockets: Set<Socket>,
  observer: ProxyObserver,
): Promise<Server> {
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect(target);
    upstream.setNoDelay(true);
    upstream.once('error', (error: NodeJS.ErrnoException) => {
      if (upstream.connecting || upstream.bytesRead + upstream.bytesWritten === 0)
        observer.platform(`no TPM server at ${addressText(target)} (${error.code ?? error.message})`);
    });
    const { sent, received } = watch();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    forward(client, upstream, sent);
    forward(upstream, client, received);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new InputError(`cannot listen on ${addressText(address)} (${error.code ?? error.message})`));
    });
    server.listen(address, resolve);
  });
  return server;
}

/** What the first four bytes of a control message mean to a person. */
const controlText = (protocol: Protocol, chunk: Uint8Array): string =>
  chunk.length < 4 ? 'control: (a part of a message)' : `${protocol} control message ${u32At(chunk, 0)}`;

/** Listens on two ports and passes everything on to the server at `data` and `control`. InputError where it cannot listen. */
export async function proxyTpm(
  protocol: Protocol,
  listen: Address,
  target: { readonly data: Address; readonly control: Address },
  observer: ProxyObserver,
): Promise<Pick<TpmServer, 'address' | 'close'>> {
  const sockets = new Set<Socket>();
  const commands: Watch = () => {
    const reader = new ExchangeReader((...seen) => observer.command(...seen));
    return { sent: (chunk) => reader.sent(chunk), received: (chunk) => reader.received(chunk) };
  };
  const signals: Watch = () => ({
    sent: (chunk) => observer.platform(controlText(protocol, chunk)),
    received: () => undefined,
  });
  const servers = [await listenPort(listen, target.data, commands, sockets, observer)];
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  const bound = servers[0]?.address();
  const address =
    bound === null || bound === undefined || typeof bound === 'string'
      ? listen
      : { host: bound.address, port: bound.port };
  try {
    servers.push(await listenPort(neighbour(address), target.control, signals, sockets, observer));
    return { address, close };
  } catch (error) {
    await close();
    throw error;
  }
}

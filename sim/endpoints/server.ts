/** The service on a TCP port: HTTPS with a certificate from the seed, or plain HTTP (Node only). */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { InputError } from '../../src/bytes/errors.ts';
import { createHandler } from './app.ts';
import { type HttpHandler, type HttpReply, type HttpRequest, MAX_BODY } from './http.ts';
import type { EndpointWorld } from './service.ts';
import { tlsIdentity } from './tls-identity.ts';

/** Where and how to listen. */
export interface ListenOptions {
  /** Name or address to bind (default 127.0.0.1). */
  readonly host?: string;
  /** 0 picks a free port. */
  readonly port?: number;
  /** HTTPS (default) or plain HTTP. */
  readonly tls?: boolean;
}

/** A running server. */
export interface RunningServer {
  /** e.g. `https://127.0.0.1:8989/sdk`'s origin: `https://127.0.0.1:8989`. */
  readonly url: string;
  /** PEM of the CA to trust; undefined without TLS. */
  readonly caPem: string | undefined;
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/** The body of a request; undefined where it is too long. The rest of a long one is thrown away. */
function readBody(message: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    let size = 0;
    message.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= MAX_BODY) parts.push(part);
      else parts.length = 0;
    });
    message.on('end', () => resolve(size > MAX_BODY ? undefined : Buffer.concat(parts)));
    message.on('error', () => reject(new InputError('the client went away')));
    message.on('close', () => reject(new InputError('the client went away')));
  });
}

function adapt(message: IncomingMessage, response: ServerResponse, secure: boolean): HttpRequest {
  const target = message.url ?? '/';
  const at = target.indexOf('?');
  const abort = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) abort.abort();
  });
  return {
    method: message.method ?? 'GET',
    path: at < 0 ? target : target.slice(0, at),
    query: new URLSearchParams(at < 0 ? '' : target.slice(at + 1)),
    header: (name) => {
      const value = message.headers[name];
      return value === undefined ? null : Array.isArray(value) ? value.join('; ') : value;
    },
    body: () => readBody(message),
    secure,
    address: message.socket.remoteAddress ?? '',
    signal: abort.signal,
  };
}

function send(response: ServerResponse, { status, headers, body }: HttpReply): void {
  if (response.destroyed) return;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': bytes.length });
  response.end(status === 204 ? undefined : bytes);
}

function listener(handler: HttpHandler, secure: boolean) {
  return (message: IncomingMessage, response: ServerResponse): void => {
    handler(adapt(message, response, secure)).then(
      (answer) => {
        // A body that nobody read would block the connection for the next request.
        message.resume();
        send(response, answer);
      },
      () => send(response, { status: 500, headers: {}, body: '' }),
    );
  };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is in use' : (error.code ?? error.message);
      reject(new InputError(`cannot listen on ${host}:${port}: ${why}`));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Serves `handler` (see createHandler). A port in use and the like is an InputError of one line. */
export async function serveHandler(
  handler: HttpHandler,
  identity: { readonly certificatePem: string; readonly privateKeyPem: string; readonly caPem: string } | undefined,
  host: string,
  port: number,
): Promise<RunningServer> {
  const secure = identity !== undefined;
  const server = secure
    ? createHttpsServer({ cert: identity.certificatePem, key: identity.privateKeyPem }, listener(handler, secure))
    : createHttpServer(listener(handler, secure));
  // Clients keep idle connections longer than Node's 5 seconds and would meet a reset.
  server.keepAliveTimeout = 120_000;
  const bound = await bind(server, host, port);
  return {
    url: `${secure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    caPem: identity?.caPem,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Starts the service of a world on a port. */
export function listen(world: EndpointWorld, options: ListenOptions = {}): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 0, tls = true } = options;
  const identity = tls ? tlsIdentity(world.entropy, [host]) : undefined;
  return serveHandler(createHandler(world), identity, host, port);
}

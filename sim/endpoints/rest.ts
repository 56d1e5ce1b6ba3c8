/** The Automation REST interface: sessions, the list of hosts, and the version handshake of VI/JSON. */
import { fromUtf8, tryFromBase64 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { type Json, parseJson } from '../../src/vim/index.ts';
import { isApiVersion, isKnownAt } from '../../src/vim/versions.ts';
import { isoTime } from '../clock.ts';
import { cookie, emptyReply, type HttpReply, type HttpRequest, reply } from './http.ts';
import type { HostNode } from './objects/host-node.ts';
import type { Service } from './service.ts';
import type { Session } from './sessions.ts';

const SESSION = 'vmware-api-session-id';
const MAX_HOSTS = 2500;
const MAX_HELLO = 64 * 1024;

/** What the interface serves. */
export interface RestWorld {
  readonly service: Service;
  readonly nodes: readonly HostNode[];
}

type Route = (world: RestWorld, request: HttpRequest) => HttpReply | Promise<HttpReply>;

function json(status: number, value: Json, headers: Record<string, string> = {}): HttpReply {
  return reply(status, 'application/json', JSON.stringify(value), headers);
}

/** An error in the form of `/api` or, for the older `/rest`, in that one's. */
function failure(request: HttpRequest, status: number, kind: string, text: string): HttpReply {
  const messages = [{ id: `com.vmware.vapi.rest.${kind}`, default_message: text, args: [] }];
  const headers: Record<string, string> = status === 401 ? { 'www-authenticate': 'Basic realm="vAPI"' } : {};
  if (request.path.startsWith('/rest/')) {
    return json(status, { type: `com.vmware.vapi.std.errors.${kind}`, value: { messages } }, headers);
  }
  return json(status, { error_type: kind.toUpperCase(), messages }, headers);
}

function unauthenticated(request: HttpRequest): HttpReply {
  return failure(request, 401, 'unauthenticated', 'Authentication required.');
}

function sessionOf({ service }: RestWorld, request: HttpRequest): Session | undefined {
  return service.restSessions.use(request.header(SESSION) ?? cookie(request, SESSION));
}

/** User and password of an Authorization header of type Basic. */
function basicCredentials(request: HttpRequest): readonly [user: string, password: string] | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]{1,4096})$/i.exec(request.header('authorization') ?? '')?.[1];
  const bytes = encoded === undefined ? undefined : tryFromBase64(encoded);
  const text = bytes === undefined ? '' : fromUtf8(bytes);
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)];
}

function login(world: RestWorld, request: HttpRequest): Session | undefined {
  const [user, password] = basicCredentials(request) ?? ['', ''];
  if (!world.service.accepts(user, password)) return undefined;
  const userAgent = (request.header('user-agent') ?? '').slice(0, 256);
  return world.service.restSessions.open({ userName: user, locale: 'en_US', address: request.address, userAgent });
}

function describe(session: Session): { [name: string]: Json } {
  return {
    user: session.userName,
    created_time: isoTime(session.loginTime),
    last_accessed_time: isoTime(session.lastActive),
  };
}

const createSession: Route = (world, request) => {
  const session = login(world, request);
  return session === undefined ? unauthenticated(request) : json(201, session.id);
};

const getSession: Route = (world, request) => {
  const session = sessionOf(world, request);
  return session === undefined ? unauthenticated(request) : json(200, describe(session));
};

const deleteSession: Route = (world, request) => {
  const session = sessionOf(world, request);
  if (session === undefined) return unauthenticated(request);
  world.service.restSessions.close(session);
  return request.path.startsWith('/rest/') ? emptyReply(200) : emptyReply(204);
};

const oldSession: Route = (world, request) => {
  if (request.query.get('~action') === 'get') {
    const session = sessionOf(world, request);
    return session === undefined ? unauthenticated(request) : json(200, { value: describe(session) });
  }
  const session = login(world, request);
  if (session === undefined) return unauthenticated(request);
  const secure = request.secure ? ';Secure' : '';
  const wantsHeader = request.header('vmware-use-header-authn') !== null;
  const headers: Record<string, string> = wantsHeader
    ? {}
    : { 'set-cookie': `${SESSION}=${session.id};Path=/rest${secure};HttpOnly` };
  return json(200, { value: session.id }, headers);
};

const CONNECTION: Readonly<Record<HostNode['connectionState'], string>> = {
  connected: 'CONNECTED',
  notResponding: 'NOT_RESPONDING',
  disconnected: 'DISCONNECTED',
};

/** Values of a filter, given once, repeated, or under the older name `filter.X`; undefined where it is not given. */
function filter(request: HttpRequest, name: string): readonly string[] | undefined {
  const given = [...request.query.getAll(name), ...request.query.getAll(`filter.${name}`)];
  return given.length === 0 ? undefined : given.flatMap((value) => value.split(','));
}

const listHosts: Route = (world, request) => {
  if (sessionOf(world, request) === undefined) return unauthenticated(request);
  const wanted = [
    [filter(request, 'hosts'), (node: HostNode) => node.ref.value],
    [filter(request, 'names'), (node: HostNode) => node.host.name],
    [filter(request, 'connection_states'), (node: HostNode) => CONNECTION[node.connectionState]],
    [filter(request, 'clusters'), (node: HostNode) => node.parent.value],
  ] as const;
  const found = world.nodes.filter((node) => wanted.every(([values, of]) => values?.includes(of(node)) ?? true));
  if (found.length > MAX_HOSTS) {
    return failure(request, 400, 'unable_to_allocate_resource', `More than ${MAX_HOSTS} hosts match.`);
  }
  const rows: Json[] = found.map((node) => ({
    host: node.ref.value,
    name: node.host.name,
    connection_state: CONNECTION[node.connectionState],
    ...(node.connectionState === 'connected' ? { power_state: 'POWERED_ON' } : {}),
  }));
  return json(200, request.path.startsWith('/rest/') ? { value: rows } : rows);
};

/** Picks the first release of the client's list that this server speaks (system?action=hello, 8.0.2.0). */
const hello: Route = async (world, request) => {
  const refuse = () => failure(request, 400, 'invalid_argument', 'api_releases is not valid.');
  if (request.query.get('action') !== 'hello') return failure(request, 404, 'not_found', 'No such action.');
  const bytes = await request.body();
  if (bytes === undefined) return refuse();
  const body = parseJson('hello', fromUtf8(bytes), MAX_HELLO);
  const given: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'api_releases') : undefined;
  if (!Array.isArray(given) || given.length === 0 || given.length > 128) return refuse();
  const releases = (given as readonly unknown[]).filter((r) => typeof r === 'string' && r.length <= 64);
  if (releases.length !== given.length) return refuse();
  const chosen = releases.find(
    (r) => typeof r === 'string' && isApiVersion(r) && isKnownAt(r, world.service.apiVersion),
  );
  return json(200, { api_release: typeof chosen === 'string' ? chosen : '' });
};

const ROUTES: Readonly<Record<string, Route>> = {
  'POST /api/session': createSession,
  'GET /api/session': getSession,
  'DELETE /api/session': deleteSession,
  'POST /rest/com/vmware/cis/session': oldSession,
  'DELETE /rest/com/vmware/cis/session': deleteSession,
  'GET /api/vcenter/host': listHosts,
  'GET /rest/vcenter/host': listHosts,
  'POST /api/vcenter/system': hello,
};

/** Whether a path belongs to this interface. */
export function isRestPath(path: string): boolean {
  return path.startsWith('/api/') || path.startsWith('/rest/');
}

/** Answers a request to {@link isRestPath}. */
export async function handleRest(world: RestWorld, request: HttpRequest): Promise<HttpReply> {
  const key = `${request.method} ${request.path.replace(/\/$/, '')}`;
  const route = Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined;
  if (route === undefined) return failure(request, 404, 'not_found', 'No such resource.');
  try {
    return await route(world, request);
  } catch (error) {
    if (error instanceof InputError) return failure(request, 400, 'invalid_argument', error.message);
    return failure(request, 500, 'error', error instanceof Error ? error.message : 'unknown');
  }
}

/** The VI/JSON interface at /sdk/vim25/{release}/{type}/{id}/{method or property} (since 8.0 U1). */
import { fromUtf8 } from '../../src/bytes/bytes.ts';
import { decodeJsonFields, encodeJsonValue, faults, type Json, parseJson } from '../../src/vim/index.ts';
import { isApiVersion, negotiate } from '../../src/vim/versions.ts';
import { asFault, invoke, type Outcome, readProperty } from './dispatch.ts';
import { emptyReply, type HttpReply, type HttpRequest, MAX_BODY, reply } from './http.ts';
import type { Call } from './managed-object.ts';
import type { Service } from './service.ts';

const PATH = /^\/sdk\/vim25\/([0-9.]{1,20})\/([A-Za-z]{1,64})\/([^/]{1,256})\/([A-Za-z_]{1,64})$/;
const SESSION_HEADER = 'vmware-api-session-id';

/** Methods whose path starts with a capital although their SOAP name does not. */
const SOAP_NAMES: Readonly<Record<string, string>> = {
  FetchSoftwarePackages: 'fetchSoftwarePackages',
  InstallDate: 'installDate',
};

/** Whether a path belongs to this interface. */
export function isViJsonPath(path: string): boolean {
  return path.startsWith('/sdk/vim25/');
}

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw faults.invalidRequest('The id of the object is not valid.');
  }
}

async function perform(match: readonly string[], request: HttpRequest, call: Call): Promise<Outcome> {
  const [, , type = '', id = '', name = ''] = match;
  const self = { type, value: decodeId(id) };
  if (request.method === 'GET') return readProperty(self, name, call);
  const bytes = await request.body();
  if (bytes === undefined) throw faults.invalidRequest('The request is too large.');
  const given: unknown = bytes.length === 0 ? {} : parseJson(name, fromUtf8(bytes), MAX_BODY);
  const method = SOAP_NAMES[name] ?? name;
  return invoke({ self, method, decode: (fields) => decodeJsonFields(name, fields, given) }, call);
}

function json(status: number, value: Json, headers: Record<string, string> = {}): HttpReply {
  return reply(status, 'application/json', JSON.stringify(value), headers);
}

/** Answers a request to {@link isViJsonPath}. */
export async function handleViJson(service: Service, request: HttpRequest): Promise<HttpReply> {
  const match = PATH.exec(request.path);
  const release = match?.[1];
  if (match === null || (request.method !== 'POST' && request.method !== 'GET')) return emptyReply(404);
  // Clients put their own newest release in the path, whatever the server is.
  const version = negotiate(release !== undefined && isApiVersion(release) ? release : undefined, service.apiVersion);
  const call: Call = {
    service,
    session: service.sessions.use(request.header(SESSION_HEADER) ?? undefined),
    version,
    peer: { address: request.address, userAgent: request.header('user-agent') ?? '' },
    signal: request.signal,
  };
  try {
    const { returns, value } = await perform(match, request, call);
    const headers: Record<string, string> = call.opened === undefined ? {} : { [SESSION_HEADER]: call.opened.id };
    const encoded = returns === undefined || value === undefined ? undefined : encodeJsonValue(returns, value, version);
    return encoded === undefined ? emptyReply(204, headers) : json(200, encoded, headers);
  } catch (error) {
    const fault = asFault(error);
    const encoded = encodeJsonValue({ type: 'MethodFault', array: false }, fault.fault, version);
    const fields = typeof encoded === 'object' && encoded !== null && !Array.isArray(encoded) ? encoded : {};
    return json(500, { ...fields, faultstring: fault.message });
  }
}

/** The whole service as one function from request to reply, and as a web-standard fetch handler. */
import { serviceVersionsXml } from '../../src/vim/versions.ts';
import { emptyReply, type HttpHandler, type HttpReply, type HttpRequest, MAX_BODY, reply } from './http.ts';
import { createService } from './inventory.ts';
import { handleRest, isRestPath, type RestWorld } from './rest.ts';
import type { EndpointWorld } from './service.ts';
import { SoapEndpoint } from './soap.ts';
import { handleViJson, isViJsonPath } from './vi-json.ts';

const SOAP_PATHS: ReadonlySet<string> = new Set(['/sdk', '/sdk/', '/sdk/vimService']);

/** The smallest WSDL that tells a client's fall-back which version is spoken: the namespace of its import. */
function wsdl(version: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<definitions targetNamespace="urn:vim25Service" xmlns="http://schemas.xmlsoap.org/wsdl/">
 <import location="vim.wsdl" namespace="urn:vim25/${version}"/>
</definitions>
`;
}

/** The service over plain requests and replies; used directly by the HTTP server. */
export function createHandler(world: EndpointWorld): HttpHandler {
  const rest: RestWorld = createService(world);
  const { service } = rest;
  const soap = new SoapEndpoint(service);
  const versions = serviceVersionsXml(service.apiVersion);
  return async (request) => {
    const { method, path } = request;
    if (SOAP_PATHS.has(path)) {
      return method === 'POST' ? soap.handle(request) : emptyReply(405, { allow: 'POST' });
    }
    if (isViJsonPath(path)) return handleViJson(service, request);
    if (isRestPath(path)) return handleRest(rest, request);
    if (method === 'GET' && path === '/sdk/vimServiceVersions.xml') return reply(200, 'text/xml', versions);
    if (method === 'GET' && path === '/sdk/vimService.wsdl') return reply(200, 'text/xml', wsdl(service.apiVersion));
    return emptyReply(404);
  };
}

/** A fetch-style application. */
export type FetchApp = (request: Request) => Promise<Response>;

/** The body of a web-standard request, read as it comes and given up where it grows too long. */
async function readBody(request: Request): Promise<Uint8Array | undefined> {
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > MAX_BODY) {
      await reader.cancel();
      return undefined;
    }
    parts.push(next.value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function fromFetch(request: Request): HttpRequest {
  const url = new URL(request.url);
  return {
    method: request.method,
    path: url.pathname,
    query: url.searchParams,
    header: (name) => request.headers.get(name),
    body: () => readBody(request),
    secure: url.protocol === 'https:',
    address: '127.0.0.1',
    signal: request.signal,
  };
}

function toFetch({ status, headers, body }: HttpReply): Response {
  const empty = status === 204 || body.length === 0;
  return new Response(empty ? null : typeof body === 'string' ? body : new Uint8Array(body), { status, headers });
}

/** A handler as a fetch-style application. */
export function fetchApp(handler: HttpHandler): FetchApp {
  return async (request) => toFetch(await handler(fromFetch(request)));
}

/**
 * The simulated vSphere service as a function from Request to Response: SOAP at `/sdk`, VI/JSON below `/sdk/vim25`, REST
 * below `/api` and `/rest`. No port is needed; the same application runs in a server, in msw and in a browser.
 */
export function createApp(world: EndpointWorld): FetchApp {
  return fetchApp(createHandler(world));
}

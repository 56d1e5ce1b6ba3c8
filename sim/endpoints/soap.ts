/** The SOAP interface at /sdk. */
import { utf8 } from '../../src/bytes/bytes.ts';
import {
  decodeFields,
  encodeSoapValue,
  faultEnvelope,
  faults,
  isObject,
  parseSoapRequest,
  responseEnvelope,
  type VimObject,
} from '../../src/vim/index.ts';
import { type ApiVersion, negotiate, versionOfSoapAction } from '../../src/vim/versions.ts';
import { asFault, invoke, type Outcome } from './dispatch.ts';
import { cookie, type HttpReply, type HttpRequest, reply } from './http.ts';
import type { Call } from './managed-object.ts';
import type { Service } from './service.ts';

const COOKIE = 'vmware_soap_session';
const XML = 'text/xml; charset=utf-8';

/** Types whose encoded form is kept as long as the value lives: large, and asked for again and again. */
const KEPT_TYPE = 'HostTpmAttestationReport';

/** The SOAP interface of a service. */
export class SoapEndpoint {
  readonly #service: Service;
  readonly #kept = new WeakMap<VimObject, Map<string, Uint8Array>>();

  constructor(service: Service) {
    this.#service = service;
  }

  /** Answers a POST. */
  async handle(request: HttpRequest): Promise<HttpReply> {
    const version = negotiate(versionOfSoapAction(request.header('soapaction')) ?? undefined, this.#service.apiVersion);
    const call: Call = {
      service: this.#service,
      session: this.#service.sessions.use(cookie(request, COOKIE)),
      version,
      peer: { address: request.address, userAgent: request.header('user-agent') ?? '' },
      signal: request.signal,
    };
    try {
      const bytes = await request.body();
      if (bytes === undefined) throw faults.invalidRequest('The request is too large.');
      const { method, namespace, self, parameters } = parseSoapRequest(bytes);
      const decode: Parameters<typeof invoke>[0]['decode'] = (fields) => decodeFields(method, fields, parameters);
      const outcome = await invoke({ self, method, decode }, call);
      // Mirrored only where it is one of ours, never as the client wrote it.
      const mirrored = namespace === 'urn:internalvim25' ? namespace : 'urn:vim25';
      return reply(200, XML, this.#response(method, mirrored, outcome, version), cookieOf(call, request));
    } catch (error) {
      return reply(500, XML, faultEnvelope(asFault(error), version));
    }
  }

  #response(method: string, namespace: string, outcome: Outcome, version: ApiVersion): Uint8Array | string {
    const { returns, value } = outcome;
    if (returns === undefined || value === undefined) return responseEnvelope(method, '', namespace);
    const encode = (): string => responseEnvelope(method, encodeSoapValue(returns, value, version), namespace);
    if (!isObject(value) || value._typeName !== KEPT_TYPE) return encode();
    const forms = this.#kept.get(value) ?? new Map<string, Uint8Array>();
    this.#kept.set(value, forms);
    const key = `${version} ${namespace}`;
    const known = forms.get(key);
    if (known !== undefined) return known;
    const bytes = utf8(encode());
    forms.set(key, bytes);
    return bytes;
  }
}

/** Login hands out the session cookie. The quotes around the value are what real servers send. */
function cookieOf(call: Call, request: HttpRequest): Record<string, string> {
  if (call.opened === undefined) return {};
  const secure = request.secure ? ' Secure;' : '';
  return { 'set-cookie': `${COOKIE}="${call.opened.id}"; Path=/; HttpOnly;${secure}` };
}

/** A small SOAP client for tests of the endpoints, over the fetch app, without the program's own XML code. */
import { expect } from 'vitest';
import { VirtualClock } from '../../sim/clock.ts';
import { createApp } from '../../sim/endpoints/app.ts';
import type { EndpointWorld } from '../../sim/endpoints/service.ts';
import { Entropy } from '../../sim/entropy.ts';
import { syntheticHost } from './synthetic-host.ts';

/** The only user. */
export const USER = 'administrator@vsphere.local';
/** The service's own property collector. */
export const COLLECTOR = ['PropertyCollector', 'propertyCollector'] as const;

/** A small SOAP client that knows nothing of the program's own XML code: texts in, texts out. */
export class Client {
  readonly clock = new VirtualClock();
  readonly app: ReturnType<typeof createApp>;
  version: string = '8.0.3.0';
  cookie = '';

  constructor(over: Partial<EndpointWorld> = {}) {
    this.app = createApp({
      hosts: [syntheticHost(1), syntheticHost(2)],
      clock: this.clock,
      entropy: new Entropy('test'),
      credentials: { user: USER, password: 'a&b' },
      mode: 'vCenter',
      ...over,
    });
  }

  async post(body: string | Uint8Array, path = '/sdk'): Promise<{ status: number; xml: string; headers: Headers }> {
    const headers = new Headers({ 'content-type': 'text/xml', soapaction: `urn:vim25/${this.version}` });
    if (this.cookie !== '') headers.set('cookie', this.cookie);
    const sent = typeof body === 'string' ? body : new Uint8Array(body);
    const response = await this.app(
      new Request(`https://vc.example.test${path}`, { method: 'POST', headers, body: sent }),
    );
    return { status: response.status, xml: await response.text(), headers: response.headers };
  }

  async call(self: readonly [type: string, id: string], method: string, parameters = '') {
    const xml = `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>
      <${method} xmlns="urn:vim25"><_this type="${self[0]}">${self[1]}</_this>${parameters}</${method}></Body></Envelope>`;
    return this.post(xml);
  }

  async login(password = 'a&amp;b') {
    const answer = await this.call(
      ['SessionManager', 'SessionManager'],
      'Login',
      `<userName>${USER}</userName><password>${password}</password><locale>en_US</locale>`,
    );
    const cookie = answer.headers.get('set-cookie');
    if (cookie !== null) this.cookie = cookie.split(';')[0] ?? '';
    return answer;
  }

  async read(type: string, id: string, ...paths: string[]) {
    const pathSet = paths.map((p) => `<pathSet>${p}</pathSet>`).join('');
    return this.call(
      COLLECTOR,
      'RetrievePropertiesEx',
      `<specSet><propSet><type>${type}</type>${pathSet}</propSet><objectSet><obj type="${type}">${id}</obj></objectSet></specSet><options/>`,
    );
  }
}

/** A client of a new service, already logged in. */
export async function loggedIn(over: Partial<EndpointWorld> = {}): Promise<Client> {
  const client = new Client(over);
  await client.login();
  return client;
}

/** The fault of an answer: its xsi:type. */
export function faultOf({ status, xml }: { status: number; xml: string }): string {
  const match = /<detail><([A-Za-z]+)Fault xmlns="urn:vim25" xsi:type="([A-Za-z]+)">/.exec(xml);
  expect(match?.[1]).toBe(match?.[2]);
  expect(status).toBe(match === null ? 200 : 500);
  return match?.[2] ?? '';
}

/** The first host. */
export const HOST = ['HostSystem', 'host-10'] as const;

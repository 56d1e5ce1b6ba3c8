/**
 * How a project tests its own attestation client against esxsim with msw: the client below uses plain `fetch` and knows
 * nothing of the simulator; msw passes its requests to the simulated vCenter, without a port.
 */
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../sim/clock.ts';
import { createApp, handlers } from '../../sim/endpoints/msw.ts';
import { Entropy } from '../../sim/entropy.ts';
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodeReportXml, type HostTpmAttestationReport } from '../../src/vim/index.ts';
import { syntheticHost } from '../support/synthetic-host.ts';

/** A small client of the vSphere SOAP interface, as a project might have one. */
class VSphereClient {
  readonly #url: string;
  #cookie = '';

  constructor(url: string) {
    this.#url = url;
  }

  async #call(type: string, id: string, method: string, parameters = ''): Promise<string> {
    const response = await fetch(`${this.#url}/sdk`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml', soapaction: 'urn:vim25/8.0.3.0', cookie: this.#cookie },
      body: `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><${method} xmlns="urn:vim25"><_this type="${type}">${id}</_this>${parameters}</${method}></Body></Envelope>`,
    });
    this.#cookie = response.headers.get('set-cookie')?.split(';')[0] ?? this.#cookie;
    const text = await response.text();
    if (!response.ok)
      throw new Error(/<faultstring>(.*?)<\/faultstring>/.exec(text)?.[1] ?? `status ${response.status}`);
    return text;
  }

  async login(user: string, password: string): Promise<void> {
    await this.#call(
      'SessionManager',
      'SessionManager',
      'Login',
      `<userName>${user}</userName><password>${password}</password>`,
    );
  }

  async findHost(name: string): Promise<string | undefined> {
    const xml = await this.#call(
      'SearchIndex',
      'SearchIndex',
      'FindByDnsName',
      `<dnsName>${name}</dnsName><vmSearch>false</vmSearch>`,
    );
    return /<returnval type="HostSystem">([^<]+)</.exec(xml)?.[1];
  }

  async report(host: string): Promise<HostTpmAttestationReport | undefined> {
    return decodeReportXml(await this.#call('HostSystem', host, 'QueryTpmAttestationReport'));
  }
}

/** PCRs whose value is not the replay of the report's events; only those that the events name are looked at. */
function brokenPcrs(report: HostTpmAttestationReport): number[] {
  const replayed = new Map<number, Uint8Array>();
  for (const { pcrIndex, eventDetails } of report.tpmEvents) {
    replayed.set(pcrIndex, hash('sha256', concat(replayed.get(pcrIndex) ?? new Uint8Array(32), eventDetails.dataHash)));
  }
  return [...replayed].flatMap(([pcr, value]) => {
    const told = report.tpmPcrValues.find((p) => p.pcrNumber === pcr && p.digestMethod === 'SHA256');
    return told !== undefined && equalBytes(told.digestValue, value) ? [] : [pcr];
  });
}

const URL = 'https://vcenter.example.test';
const healthy = syntheticHost(1);
const tampered = syntheticHost(2);
const app = createApp({
  hosts: [
    healthy,
    {
      ...tampered,
      // The log of this host hides one event.
      report: () => {
        const report = tampered.report();
        return (
          report && {
            ...report,
            tpmEvents: report.tpmEvents.filter((e) => e.eventDetails._typeName !== 'HostTpmCommandEventDetails'),
          }
        );
      },
    },
  ],
  clock: new VirtualClock(),
  entropy: new Entropy('msw example'),
  credentials: { user: 'verifier', password: 'secret' },
  mode: 'vCenter',
});
const server = setupServer(...handlers(app, URL));

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterAll(() => server.close());

describe('a verifier tested through msw', () => {
  it('accepts a host whose log replays', async () => {
    const client = new VSphereClient(URL);
    await client.login('verifier', 'secret');
    const report = await client.report((await client.findHost('esx01.example.test')) ?? '');
    expect(report?.tpmEvents).toHaveLength(9);
    expect(report && brokenPcrs(report)).toEqual([]);
  });

  it('finds the PCR of a host that hides an event', async () => {
    const client = new VSphereClient(URL);
    await client.login('verifier', 'secret');
    const report = await client.report((await client.findHost('esx02.example.test')) ?? '');
    expect(report && brokenPcrs(report)).toEqual([14]);
  });

  it('is refused with a wrong password', async () => {
    await expect(new VSphereClient(URL).login('verifier', 'wrong')).rejects.toThrow('Cannot complete login');
  });
});

/**
 * How a project tests its own attestation client against esxsim with msw: the client below uses plain `fetch` and knows
 * nothing of the simulator; msw passes its requests to the simulated vCenter, without a port.
 */

import { createHash } from 'node:crypto';
import { Entropy, Host, predictReference, resolveSpec, serveHost, VirtualClock } from 'esxsim';
import { createApp, handlers } from 'esxsim/msw';
import { loadImage } from 'esxsim/node';
import { decodeReportXml, type HostTpmAttestationReport } from 'esxsim/vim';
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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
  const replayed = new Map<number, Buffer>();
  for (const { pcrIndex, eventDetails } of report.tpmEvents) {
    const old = replayed.get(pcrIndex) ?? Buffer.alloc(32);
    replayed.set(pcrIndex, createHash('sha256').update(old).update(eventDetails.dataHash).digest());
  }
  return [...replayed].flatMap(([pcr, value]) => {
    const told = report.tpmPcrValues.find((p) => p.pcrNumber === pcr && p.digestMethod === 'SHA256');
    return told !== undefined && value.equals(told.digestValue) ? [] : [pcr];
  });
}

/** Components whose digest differs between two reports. */
function changedComponents(expected: HostTpmAttestationReport, actual: HostTpmAttestationReport): string[] {
  const digests = (report: HostTpmAttestationReport) =>
    new Map(
      report.tpmEvents.flatMap(({ eventDetails }) =>
        eventDetails._typeName === 'HostTpmSoftwareComponentEventDetails'
          ? [[eventDetails.componentName, Buffer.from(eventDetails.dataHash).toString('hex')] as const]
          : [],
      ),
    );
  const wanted = digests(expected);
  return [...digests(actual)].filter(([name, digest]) => wanted.get(name) !== digest).map(([name]) => name);
}

// Three simulated hosts: a healthy one, one with an altered driver, and one whose report hides the command line.
const URL = 'https://vcenter.example.test';
const spec = resolveSpec({});
const image = loadImage(spec);
const reference = await predictReference(spec, image);
const boot = (name: string, faults: string[] = []) =>
  serveHost(new Host({ ...spec, identity: { ...spec.identity, name }, faults }, image), reference);
const hiding = await boot('esx03.example.test');
const hidden = hiding.report();
const app = createApp({
  hosts: [
    await boot('esx01.example.test'),
    await boot('esx02.example.test', ['vib-payload-swap']),
    {
      ...hiding,
      report: () =>
        hidden && {
          ...hidden,
          tpmEvents: hidden.tpmEvents.filter((e) => e.eventDetails._typeName !== 'HostTpmCommandEventDetails'),
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

async function fetchReport(name: string): Promise<HostTpmAttestationReport> {
  const client = new VSphereClient(URL);
  await client.login('verifier', 'secret');
  const report = await client.report((await client.findHost(name)) ?? '');
  if (report === undefined) throw new Error(`${name} has no report`);
  return report;
}

describe('a verifier tested through msw', () => {
  it('accepts a host whose log replays', async () => {
    const report = await fetchReport('esx01.example.test');
    expect(report.tpmEvents.length).toBeGreaterThan(40);
    expect(brokenPcrs(report)).toEqual([]);
  });

  it('names the altered driver of a host whose log replays all the same', async () => {
    const report = await fetchReport('esx02.example.test');
    expect(brokenPcrs(report)).toEqual([]);
    expect(changedComponents(await fetchReport('esx01.example.test'), report)).toEqual(['nvmxnet3.v00']);
  });

  it('finds the PCR of a host that hides an event', async () => {
    expect(brokenPcrs(await fetchReport('esx03.example.test'))).toEqual([14]);
  });

  it('is refused with a wrong password', async () => {
    await expect(new VSphereClient(URL).login('verifier', 'wrong')).rejects.toThrow('Cannot complete login');
  });
});

import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import { Client, faultOf, HOST, loggedIn, USER } from '../../test/support/soap-client.ts';
import { syntheticHost } from '../../test/support/synthetic-host.ts';
import { Entropy } from '../entropy.ts';
import { IDLE_TIMEOUT, MAX_SESSIONS } from './sessions.ts';

describe('login', () => {
  it('gives a quoted cookie and a session that lasts until logout', async () => {
    const client = new Client();
    const answer = await client.login();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('set-cookie')).toMatch(
      /^vmware_soap_session="[0-9a-f]{40}"; Path=\/; HttpOnly; Secure;$/,
    );
    expect(answer.xml).toMatch(/<LoginResponse xmlns="urn:vim25"><returnval><key>[0-9a-f-]{36}<\/key><userName>admin/);
    expect((await client.call(['ServiceInstance', 'ServiceInstance'], 'CurrentTime')).xml).toContain(
      '<returnval>2026-01-01T00:00:00.000Z</returnval>',
    );
    expect((await client.call(['SessionManager', 'SessionManager'], 'Logout')).xml).toContain(
      '<LogoutResponse xmlns="urn:vim25"></LogoutResponse>',
    );
    expect(faultOf(await client.call(['ServiceInstance', 'ServiceInstance'], 'CurrentTime'))).toBe('NotAuthenticated');
  });

  it('refuses a wrong password and a second login with InvalidLogin', async () => {
    const client = new Client();
    const refused = await client.login('wrong');
    expect(faultOf(refused)).toBe('InvalidLogin');
    expect(refused.headers.get('set-cookie')).toBeNull();
    await client.login();
    expect(faultOf(await client.login())).toBe('InvalidLogin');
  });

  it('leaves Secure out on plain http and takes cookies back with attributes and without quotes', async () => {
    const client = new Client();
    await client.login();
    client.cookie = `a=b; ${client.cookie.replaceAll('"', '')}; HttpOnly`;
    expect((await client.read(...HOST, 'name')).xml).toContain('esx01.example.test');
  });

  it('forgets idle sessions and the longest idle one when there are too many', async () => {
    const client = await loggedIn();
    client.clock.advance(IDLE_TIMEOUT - 1);
    expect((await client.call(['ServiceInstance', 'ServiceInstance'], 'CurrentTime')).status).toBe(200);
    client.clock.advance(IDLE_TIMEOUT);
    expect(faultOf(await client.call(['ServiceInstance', 'ServiceInstance'], 'CurrentTime'))).toBe('NotAuthenticated');
    client.cookie = '';
    await client.login();
    const first = client.cookie;
    for (let i = 0; i < MAX_SESSIONS; i++) {
      client.cookie = '';
      await client.login();
    }
    expect((await client.call(['ServiceInstance', 'ServiceInstance'], 'CurrentTime')).status).toBe(200);
    client.cookie = first;
    expect(faultOf(await client.call(['ServiceInstance', 'ServiceInstance'], 'CurrentTime'))).toBe('NotAuthenticated');
  });

  it('gives the same session ids for the same seed', async () => {
    const ids = await Promise.all([loggedIn(), loggedIn(), loggedIn({ entropy: new Entropy('other') })]);
    expect(ids[0]?.cookie).toBe(ids[1]?.cookie);
    expect(ids[0]?.cookie).not.toBe(ids[2]?.cookie);
  });
});

describe('without a session', () => {
  it('only the way in is open', async () => {
    const client = new Client();
    const content = await client.call(['ServiceInstance', 'ServiceInstance'], 'RetrieveServiceContent');
    expect(content.xml).toContain('<rootFolder type="Folder">group-d1</rootFolder>');
    expect(content.xml).toContain('<apiType>VirtualCenter</apiType>');
    const session = await client.read('SessionManager', 'SessionManager', 'currentSession');
    expect(session.xml).toContain('<objects><obj type="SessionManager">SessionManager</obj></objects>');
    expect((await client.read(...HOST, 'name')).xml).toMatch(
      /<missingSet><path>name<\/path><fault><fault xsi:type="NotAuthenticated"><object type="HostSystem">host-10<\/object><privilegeId>System.Read/,
    );
    expect(faultOf(await client.call(HOST, 'QueryTpmAttestationReport'))).toBe('NotAuthenticated');
    expect(faultOf(await client.call(HOST, 'Fetch', '<prop>name</prop>'))).toBe('NotAuthenticated');
  });
});

/** PCR values and events read from the XML by searching, independent of the program's own reader. */
function readReport(xml: string) {
  const all = (text: string, tag: string) =>
    [...text.matchAll(new RegExp(`<${tag}(?: [^>]*)?>(.*?)</${tag}>`, 'gs'))].map((m) => m[1] ?? '');
  const bytes = (text: string, tag: string) => toHex(Uint8Array.from(all(text, tag).map((n) => Number(n) & 0xff)));
  return {
    pcrs: all(xml, 'tpmPcrValues').map((p) => bytes(p, 'digestValue')),
    events: all(xml, 'tpmEvents').map((e) => ({
      pcr: Number(all(e, 'pcrIndex')[0]),
      type: /xsi:type="([^"]*)"/.exec(e)?.[1],
      hash: bytes(e, 'dataHash'),
    })),
  };
}

describe('QueryTpmAttestationReport', () => {
  it('gives PCR values that the events replay to', async () => {
    const client = await loggedIn();
    const { pcrs, events } = readReport((await client.call(HOST, 'QueryTpmAttestationReport')).xml);
    expect(pcrs).toHaveLength(24);
    expect(events).toHaveLength(9);
    const replayed = new Map<number, Uint8Array>();
    for (const { pcr, hash: digest } of events) {
      const old = replayed.get(pcr) ?? new Uint8Array(32);
      replayed.set(pcr, hash('sha256', fromHex(toHex(old) + digest)));
    }
    expect([...replayed.keys()].sort((a, b) => a - b)).toEqual([11, 12, 13, 14]);
    for (const [pcr, value] of replayed) expect(toHex(value)).toBe(pcrs[pcr]);
    expect((await client.call(HOST, 'QueryTpmAttestationReport')).xml).toBe(
      (await client.call(HOST, 'QueryTpmAttestationReport')).xml,
    );
  });

  it.each([
    ['8.0.3.0', ['NvTag', 'Signer', 'Version', 'BootComplete']],
    ['7.0.3.0', ['NvTag']],
    ['6.5', []],
  ] as const)('at version %s has only the event types of that version', async (version, types) => {
    const client = await loggedIn();
    client.version = version;
    const { xml } = await client.call(HOST, 'QueryTpmAttestationReport');
    const seen = new Set(readReport(xml).events.map((e) => e.type?.replace(/^HostTpm(.*)EventDetails$/, '$1')));
    for (const type of ['NvTag', 'Signer', 'Version', 'BootComplete']) {
      expect(seen.has(type), type).toBe((types as readonly string[]).includes(type));
    }
    expect(xml.includes('dataHashMethod')).toBe(version !== '6.5');
  });

  it('does not exist before 5.1', async () => {
    const client = await loggedIn();
    client.version = '5.0';
    expect(faultOf(await client.call(HOST, 'QueryTpmAttestationReport'))).toBe('MethodNotFound');
  });

  it('without a TPM is empty through vCenter and NotSupported on the host', async () => {
    const { tpmVersion: _none, ...facts } = syntheticHost(1).facts;
    const host = { name: 'bare', facts, attestation: undefined, report: () => undefined };
    const client = await loggedIn({ hosts: [host] });
    expect((await client.call(HOST, 'QueryTpmAttestationReport')).xml).toContain(
      '<QueryTpmAttestationReportResponse xmlns="urn:vim25"></QueryTpmAttestationReportResponse>',
    );
    expect((await client.read(...HOST, 'capability.tpmSupported', 'summary.tpmAttestation')).xml).toContain(
      '<objects><obj type="HostSystem">host-10</obj><propSet><name>capability.tpmSupported</name><val xsi:type="xsd:boolean">false</val></propSet></objects>',
    );
    const alone = new Client({ hosts: [host], mode: 'host' });
    await alone
      .call(['SessionManager', 'ha-sessionmgr'], 'Login', `<userName>${USER}</userName><password>a&amp;b</password>`)
      .then((answer) => {
        alone.cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
      });
    expect(faultOf(await alone.call(['HostSystem', 'ha-host'], 'QueryTpmAttestationReport'))).toBe('NotSupported');
  });
});

describe('bad requests', () => {
  const envelope = (body: string): string =>
    `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>${body}</Body></Envelope>`;
  const retrieve = (spec: string): string =>
    envelope(
      `<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this>${spec}</RetrievePropertiesEx>`,
    );

  it.each([
    ['no XML', 'hello'],
    ['nothing', ''],
    [
      'a document type',
      `<!DOCTYPE a [<!ENTITY x "y">]>${envelope('<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">&x;</_this></CurrentTime>')}`,
    ],
    ['an external entity', `<!DOCTYPE a SYSTEM "file:///etc/passwd">${envelope('')}`],
    ['no body', '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>'],
    ['an empty body', envelope('')],
    ['no _this', envelope('<CurrentTime xmlns="urn:vim25"/>')],
    ['deep nesting', `${'<a>'.repeat(100_000)}`],
    [
      'deep nesting in a call',
      retrieve(`<specSet>${'<objectSet>'.repeat(200)}${'</objectSet>'.repeat(200)}</specSet>`),
    ],
    ['a wrong number', retrieve('<specSet/><options><maxObjects>many</maxObjects></options>')],
    ['a wrong type', retrieve('<specSet xsi:type="HostListSummary"/>')],
    ['an unknown element', retrieve('<specSet/><more/>')],
    ['an undeclared prefix', envelope('<x:CurrentTime/>')],
    ['bytes that are no UTF-8', new Uint8Array([0x3c, 0xff, 0xfe])],
    ['too much', new Uint8Array((8 << 20) + 1).fill(0x20)],
  ])('with %s are InvalidRequest', async (_what, body) => {
    const client = await loggedIn();
    expect(faultOf(await client.post(body))).toBe('InvalidRequest');
  });

  it('for objects and methods that are not there have their own faults', async () => {
    const client = await loggedIn();
    expect(faultOf(await client.call(['HostSystem', 'host-999'], 'QueryTpmAttestationReport'))).toBe(
      'ManagedObjectNotFound',
    );
    expect(faultOf(await client.call(['ViewManager', 'ViewManager'], 'Destroy_Task'))).toBe('MethodNotFound');
    expect(faultOf(await client.call(HOST, 'toString'))).toBe('MethodNotFound');
    expect(faultOf(await client.call(['HostSystem', '__proto__'], 'Fetch', '<prop>name</prop>'))).toBe(
      'ManagedObjectNotFound',
    );
    const { status } = await client.app(new Request('https://vc.example.test/sdk'));
    expect(status).toBe(405);
    expect((await client.post('', '/nothing')).status).toBe(404);
  });

  it('that would walk for ever are refused', async () => {
    const client = await loggedIn();
    const many = Array.from(
      { length: 1200 },
      (_, i) =>
        `<selectSet xsi:type="TraversalSpec"><name>n${i}</name><type>Folder</type><path>childEntity</path></selectSet>`,
    ).join('');
    const answer = await client.post(
      retrieve(
        `<specSet><propSet><type>Folder</type></propSet><objectSet><obj type="Folder">group-d1</obj>${many}</objectSet></specSet><options/>`,
      ),
    );
    expect(faultOf(answer)).toBe('InvalidArgument');
  });
});

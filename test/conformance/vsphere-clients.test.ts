/**
 * Real vSphere clients against the simulated service: pyvmomi at several API versions, govmomi, and govc over SOAP and
 * VI/JSON. Needs the clients of test/conformance/setup.sh.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wallClock } from '../../sim/clock.ts';
import { listen, type RunningServer } from '../../sim/endpoints/server.ts';
import { Entropy } from '../../sim/entropy.ts';
import { toHex } from '../../src/bytes/bytes.ts';
import { fieldsOf, type HostTpmAttestationReport, methodOf, typeNames, typeNote } from '../../src/vim/index.ts';
import { isApiVersion, isKnownAt } from '../../src/vim/versions.ts';
import { syntheticHost, syntheticReport } from '../support/synthetic-host.ts';
import { CLIENTS, type Finished, ROOT, tempFolder } from './run.ts';

const USER = 'administrator@vsphere.local';
const PASSWORD = 'p:w/d é';
const PYTHON = join(CLIENTS, 'venv', 'bin', 'python');
const PYVMOMI = join(ROOT, 'test', 'conformance', 'clients', 'pyvmomi');
const HOSTS = 3;

let vCenter: RunningServer;
let host: RunningServer;
let plain: RunningServer;
const folder = tempFolder();
const caFile = join(folder, 'ca.pem');

beforeAll(async () => {
  const world = {
    clock: wallClock,
    entropy: new Entropy('conformance'),
    credentials: { user: USER, password: PASSWORD },
  };
  const hosts = Array.from({ length: HOSTS }, (_, i) => syntheticHost(i + 1));
  vCenter = await listen({ ...world, hosts, mode: 'vCenter' });
  host = await listen({ ...world, hosts: [syntheticHost(1)], mode: 'host' });
  plain = await listen({ ...world, hosts: [syntheticHost(1)], mode: 'vCenter' }, { tls: false });
  // All three have the CA of the same seed.
  writeFileSync(caFile, vCenter.caPem ?? '');
});

afterAll(async () => {
  await Promise.all([vCenter, host, plain].map((server) => server.close()));
});

/** Runs a client without blocking the server, which lives in this process. */
function client(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { env: { ...process.env, HOME: folder, ...env }, maxBuffer: 1 << 26, timeout: 120_000 },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') {
          reject(new Error(`${program}: ${error.message} (run test/conformance/setup.sh)`));
        } else resolve({ code: child.exitCode, stdout, stderr });
      },
    );
    child.stdin?.end(input);
  });
}

function urlWithUser(server: RunningServer, password = PASSWORD): string {
  const url = new URL('/sdk', server.url);
  url.username = encodeURIComponent(USER);
  url.password = encodeURIComponent(password);
  return url.href;
}

/** The events of a report as clients print them: PCR, digest, and type without its affixes. */
function expectedEvents(report: HostTpmAttestationReport) {
  return report.tpmEvents.map(({ pcrIndex, eventDetails }) => ({
    pcr: pcrIndex,
    hash: toHex(eventDetails.dataHash),
    type: eventDetails._typeName.replace(/^HostTpm(.*)EventDetails$/, '$1'),
  }));
}

function expectedPcrs(report: HostTpmAttestationReport) {
  return report.tpmPcrValues.map((p) => ({ index: p.pcrNumber, method: p.digestMethod, value: toHex(p.digestValue) }));
}

/** The report of the host number `index` + 1 as it was first booted. */
const reportOf = (index: number): HostTpmAttestationReport => syntheticReport(syntheticHost(index + 1).name);

describe('pyvmomi', () => {
  const report = (server: RunningServer, password: string, ...more: string[]) => {
    const url = new URL(server.url);
    const trust = url.protocol === 'http:' ? ['--http'] : ['--ca', caFile];
    return client(PYTHON, [join(PYVMOMI, 'report.py'), url.hostname, url.port, USER, password, ...trust, ...more]);
  };

  it.each([
    ['the newest version', []],
    ['8.0.1.0', ['--version', '8.0.1.0']],
    ['7.0.3.0', ['--version', '7.0.3.0']],
    ['6.7', ['--version', '6.7']],
    ['6.5', ['--version', '6.5']],
  ])('reads hosts, properties and reports at %s', async (version, options) => {
    const { code, stdout, stderr } = await report(vCenter, PASSWORD, ...options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    expect(result.version).toMatch(version.startsWith('the') ? /^8\.0\.3\.0$/ : version);
    expect(result.hosts).toHaveLength(HOSTS);
    for (const [i, got] of result.hosts.entries()) {
      expect(got).toMatchObject({
        name: syntheticHost(i + 1).name,
        state: 'connected',
        product: 'VMware ESXi 8.0.3 build-24022510',
        tpmSupported: true,
        acceptance: 'partner',
        reliable: true,
        pcrs: expectedPcrs(reportOf(i)),
      });
      const wanted = expectedEvents(reportOf(i));
      expect(got.events.map((e: { pcr: number; hash: string }) => [e.pcr, e.hash])).toEqual(
        wanted.map((e) => [e.pcr, e.hash]),
      );
      if (version.startsWith('the')) {
        expect(got.events.map((e: { type: string }) => e.type)).toEqual(wanted.map((e) => e.type));
      }
    }
  });

  it('reads a host of its own, also without TLS', async () => {
    for (const server of [host, plain]) {
      const { code, stdout, stderr } = await report(server, PASSWORD);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout).hosts).toHaveLength(1);
    }
  });

  it('is refused with a wrong password', async () => {
    const { code, stderr } = await report(vCenter, 'wrong');
    expect(code).toBe(3);
    expect(stderr).toContain('InvalidLogin');
  });

  it('reboots a host and waits for the task', async () => {
    const { code, stdout, stderr } = await report(plain, PASSWORD, '--reboot');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout).reboot).toEqual({ state: 'success', name: 'HostSystem.reboot', later: true });
  });
});

describe('govmomi', () => {
  const program = join(CLIENTS, 'bin', 'govmomi-report');

  it.each([
    ['a vCenter', () => vCenter, HOSTS],
    ['a host', () => host, 1],
  ])('reads hosts, properties and reports of %s', async (_what, server, count) => {
    const { code, stdout, stderr } = await client(program, [urlWithUser(server())], { CA_FILE: caFile });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const hosts = JSON.parse(stdout);
    expect(hosts).toHaveLength(count);
    for (const [i, got] of hosts.entries()) {
      expect(got).toMatchObject({ version: '8.0.3', tpmVersion: '2.0', status: 'accepted', reliable: true });
      expect(got).toMatchObject({ pcrs: expectedPcrs(reportOf(i)) });
      expect(got).toMatchObject({ events: expectedEvents(reportOf(i)) });
    }
  });

  it('is refused with a wrong password', async () => {
    const { code, stderr } = await client(program, [urlWithUser(vCenter, 'wrong')], { CA_FILE: caFile });
    expect(code).toBe(3);
    expect(stderr).toContain('types.InvalidLogin');
  });

  it('does not trust the server without its CA', async () => {
    const { code } = await client(program, [urlWithUser(vCenter)], { CA_FILE: '/etc/ssl/certs/ca-certificates.crt' });
    expect(code).toBe(1);
  });
});

describe.each([
  ['SOAP', {}],
  ['VI/JSON', { GOVC_VI_JSON: '1' }],
])('govc over %s', (_what, mode) => {
  const govc = async (server: RunningServer, ...args: string[]): Promise<string> => {
    const env = { ...mode, GOVC_URL: urlWithUser(server), GOVC_TLS_CA_CERTS: caFile, GOVC_PERSIST_SESSION: 'false' };
    const { code, stdout, stderr } = await client(join(CLIENTS, 'bin', 'govc'), args, env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };

  it('shows the service and its inventory', async () => {
    expect(await govc(vCenter, 'about')).toMatch(/API type: +VirtualCenter\nAPI version: +8\.0\.3\.0/);
    expect(await govc(host, 'about')).toMatch(/API type: +HostAgent/);
    expect(await govc(vCenter, 'ls')).toContain('/Datacenter/host\n');
    expect((await govc(vCenter, 'find', '-type', 'h')).trim().split('\n')).toEqual(
      [1, 2, 3].map((i) => `/Datacenter/host/esx0${i}.example.test/esx0${i}.example.test`),
    );
    expect(await govc(vCenter, 'host.info', '-host', 'esx02.example.test')).toMatch(/Manufacturer: +Example Corp\./);
    expect(await govc(host, 'host.info')).toMatch(/State: +connected/);
  });

  it('shows attestation and reports', async () => {
    const info = await govc(vCenter, 'host.tpm.info');
    expect(info.match(/esx0\d\.example\.test +accepted +2026-01-01T00:00:01Z +2\.0 +false/g)).toHaveLength(HOSTS);
    const report = reportOf(0);
    const pcrs = await govc(vCenter, 'host.tpm.report', '-host', 'esx01.example.test');
    const shown = [...pcrs.matchAll(/^PCR (\d+) +(\S+) +([0-9a-f]+)/gm)];
    expect(shown.map(([, index, method, value]) => ({ index: Number(index), method, value }))).toEqual(
      expectedPcrs(report),
    );
    const events = await govc(vCenter, 'host.tpm.report', '-e', '-host', 'esx01.example.test');
    const rows = [...events.matchAll(/^(\d+) +(\S+) +SHA256 +([0-9a-f]{64})/gm)];
    expect(rows.map(([, pcr, type, hash]) => ({ pcr: Number(pcr), hash, type }))).toEqual(expectedEvents(report));
  });

  it('reads properties and runs tasks', async () => {
    expect(
      (
        await govc(vCenter, 'object.collect', '-s', '/Datacenter/host/esx01.example.test/esx01.example.test', 'name')
      ).trim(),
    ).toBe('esx01.example.test');
    await govc(vCenter, 'host.maintenance.enter', '*/esx03*');
    await govc(vCenter, 'host.shutdown', '-r', '*/esx03*');
    await govc(vCenter, 'host.maintenance.exit', '*/esx03*');
    expect(await govc(vCenter, 'tasks')).toMatch(/RebootHost +esx03\.example\.test .* success/);
  });

  it('is refused with a wrong password', async () => {
    const env = { ...mode, GOVC_URL: urlWithUser(vCenter, 'wrong'), GOVC_TLS_CA_CERTS: caFile };
    const { code, stderr } = await client(join(CLIENTS, 'bin', 'govc'), ['about'], env);
    expect(code).toBe(1);
    expect(stderr).toContain('Cannot complete login due to an incorrect user name or password.');
  });
});

interface KnownField {
  readonly name: string;
  readonly type: string;
  readonly array: boolean;
  readonly optional: boolean;
  readonly since: string;
}

interface KnownType {
  readonly kind: string;
  readonly base?: string;
  readonly since: string;
  readonly values?: readonly string[];
  readonly fields?: readonly KnownField[];
  readonly methods?: Readonly<Record<string, { since: string; privilege: string; parameters: readonly KnownField[] }>>;
}

// Most rows were taken from pyvmomi's own data, so this finds slips and drift of ours, not mistakes of that source.
describe('the table of types', () => {
  // Newest version that every pinned client knows; newer rows of the table cannot be compared.
  const NEWEST = '8.0.3.0';
  const comparable = (since: string): boolean => since === '' || (isApiVersion(since) && isKnownAt(since, NEWEST));
  // Types that the clients build in, without fields or versions of their own.
  const BUILT_IN: ReadonlySet<string> = new Set([
    'LocalizedMethodFault',
    'MethodFault',
    'RuntimeFault',
    'ManagedObject',
  ]);

  it('agrees with the published schema, as pyvmomi carries it', async () => {
    const names = typeNames().filter((name) => !BUILT_IN.has(name));
    const { code, stdout, stderr } = await client(PYTHON, [join(PYVMOMI, 'schema.py')], {}, names.join('\n'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const known: Readonly<Record<string, KnownType>> = JSON.parse(stdout);
    for (const name of names) {
      const note = typeNote(name);
      const theirs = known[name];
      if (note === undefined || !comparable(note.since)) continue;
      expect(theirs, name).toBeDefined();
      if (theirs === undefined) continue;
      expect(theirs.kind, name).toBe(note.kind);
      if (note.kind === 'enum') {
        expect(note.values.map(([value]) => value).sort(), name).toEqual([...(theirs.values ?? [])].sort());
        continue;
      }
      if (note.base !== '' && !BUILT_IN.has(note.base)) expect(theirs.base, name).toBe(note.base);
      const inherited = note.base === '' ? 0 : fieldsOf(note.base).length;
      const ours = fieldsOf(name)
        .slice(inherited)
        .filter((f) => comparable(f.since));
      const fields = (theirs.fields ?? []).filter((f) => comparable(f.since));
      expect(
        ours.map((f) => ({ ...f, since: fields.find((t) => t.name === f.name)?.since === '' ? '' : f.since })),
        name,
      ).toEqual(fields.map((f) => ({ ...f, type: f.type === 'MethodFault' ? 'LocalizedMethodFault' : f.type })));
      if (note.kind !== 'managed') continue;
      for (const method of Object.keys(note.methods)) {
        const row = methodOf(name, method);
        const real = theirs.methods?.[method];
        expect(real, `${name}.${method}`).toBeDefined();
        if (real?.since !== '') expect(row?.since, `${name}.${method}`).toBe(real?.since);
        expect(
          row?.parameters.map((p) => [p.name, p.type, p.array]),
          `${name}.${method}`,
        ).toEqual(real?.parameters.map((p) => [p.name, p.type, p.array]));
      }
    }
  });
});

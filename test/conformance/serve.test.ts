/** `esxsim serve` itself, fetched by pyvmomi, govmomi and govc; what they read is compared with the evidence of the same boots. */

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENTS, esxsim, ROOT, run, start, tempFolder } from './run.ts';

const USER = 'administrator@vsphere.local';
const PYTHON = join(CLIENTS, 'venv', 'bin', 'python');
const REPORT_PY = join(ROOT, 'test', 'conformance', 'clients', 'pyvmomi', 'report.py');

interface ClientEvent {
  readonly pcr: number;
  readonly type: string;
  readonly hash: string;
}

interface ClientPcr {
  readonly index: number;
  readonly method: string;
  readonly value: string;
}

interface ClientHost {
  readonly name: string;
  readonly status: string;
  readonly reliable: boolean;
  readonly pcrs: readonly ClientPcr[];
  readonly events: readonly ClientEvent[];
}

/** Replays a client's events from zero with node:crypto: the rule of the API, independent of our code. */
function replay(events: readonly ClientEvent[]): Map<number, string> {
  const pcrs = new Map<number, Buffer>();
  for (const { pcr, hash } of events) {
    const old = pcrs.get(pcr) ?? Buffer.alloc(32);
    pcrs.set(pcr, createHash('sha256').update(old).update(Buffer.from(hash, 'hex')).digest());
  }
  return new Map([...pcrs].map(([pcr, value]) => [pcr, value.toString('hex')]));
}

describe.each([
  { profile: 'esxi-8.0-uefi', pcrs: [11, 12, 13, 14], name: 'esx01.example.test', second: 'esx02.example.test' },
  { profile: 'esxi-6.7-txt', pcrs: [17, 18, 19, 20, 21], name: 'esx67.example.test', second: 'esx68.example.test' },
])('serve --profile $profile', ({ profile, pcrs, name, second }) => {
  const folder = tempFolder();
  const ca = join(folder, 'ca.pem');
  let server: Awaited<ReturnType<typeof start>>;
  let url: URL;
  const evidence = (seed: string, file: string) => JSON.parse(readFileSync(join(folder, seed, file), 'utf8'));

  beforeAll(async () => {
    esxsim('boot', '--profile', profile, '--out', join(folder, 'healthy'));
    server = await start(
      process.execPath,
      [
        join(ROOT, 'bin', 'esxsim.js'),
        'serve',
        '--profile',
        profile,
        '--hosts',
        '2',
        '--fault',
        `${second}=cmdline-tamper`,
        '--listen',
        '127.0.0.1:0',
        '--password',
        's3cret',
        '--ca-out',
        ca,
      ],
      /^ready (https:\/\/\S+)$/m,
    );
    url = new URL(server.match[1] ?? '');
  });
  afterAll(() => server.stop());

  const pyvmomi = (password: string, ...more: string[]) =>
    run(PYTHON, [REPORT_PY, url.hostname, url.port, USER, password, '--ca', ca, ...more]);
  const govmomi = (password: string) => {
    const address = new URL('/sdk', url);
    address.username = encodeURIComponent(USER);
    address.password = password;
    return run(join(CLIENTS, 'bin', 'govmomi-report'), [address.href], { env: { CA_FILE: ca } });
  };
  const hostsOf = (stdout: string): readonly ClientHost[] => JSON.parse(stdout).hosts ?? JSON.parse(stdout);

  function checkHosts(hosts: readonly ClientHost[]): void {
    expect(hosts.map((h) => h.name)).toEqual([name, second]);
    expect(hosts.map((h) => h.status)).toEqual(['accepted', 'notAccepted']);
    const actual = evidence('healthy', 'pcrs.json').sha256;
    for (const [i, host] of hosts.entries()) {
      expect(host.reliable).toBe(true);
      expect(host.pcrs.length).toBe(24);
      const replayed = replay(host.events);
      expect([...replayed.keys()].toSorted((a, b) => a - b)).toEqual(pcrs);
      for (const pcr of pcrs) {
        expect([pcr, replayed.get(pcr)]).toEqual([pcr, host.pcrs.find((p) => p.index === pcr)?.value]);
      }
      // The first host is the one that `boot` boots; the second has one more kernel option, in one PCR.
      const changed = host.pcrs.filter((p) => p.value !== actual[String(p.index)]).map((p) => p.index);
      expect(changed).toEqual(i === 0 ? [] : [profile === 'esxi-8.0-uefi' ? 14 : 21]);
    }
  }

  it('pyvmomi reads both hosts; every event replays to its PCR', () => {
    const { code, stdout, stderr } = pyvmomi('s3cret');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    checkHosts(hostsOf(stdout));
  });

  it('govmomi reads both hosts; every event replays to its PCR', () => {
    const { code, stdout, stderr } = govmomi('s3cret');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    checkHosts(hostsOf(stdout));
  });

  it('a wrong password is InvalidLogin for both', () => {
    expect(pyvmomi('wrong').stderr).toContain('InvalidLogin');
    expect(govmomi('wrong').stderr).toContain('InvalidLogin');
  });

  it('govc shows the TPM state and the report', () => {
    const env = {
      GOVC_URL: new URL('/sdk', url).href,
      GOVC_USERNAME: USER,
      GOVC_PASSWORD: 's3cret',
      GOVC_TLS_CA_CERTS: ca,
      GOVC_PERSIST_SESSION: 'false',
      HOME: mkdtempSync(join(tmpdir(), 'govc-')),
    };
    const govc = (...args: string[]) => run(join(CLIENTS, 'bin', 'govc'), args, { env });
    const info = govc('host.tpm.info');
    expect(info.stderr).toBe('');
    expect(info.stdout).toMatch(new RegExp(`${name}.*accepted`));
    expect(info.stdout).toMatch(new RegExp(`${second}.*notAccepted`));
    const report = govc('host.tpm.report', '-host', name, '-e');
    expect(report.stderr).toBe('');
    expect(report.code).toBe(0);
    expect(report.stdout).toContain('nvmxnet3.v00');
  });
});

/** The whole path through the CLI: boot, predict, verify, faults, determinism. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { esxsim, esxsimHere, filesOf, tempFolder } from './cli.ts';

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

const CONTRACT = [
  'ak.pem',
  'ak.pub',
  'boot.log',
  'ek-ca.pem',
  'ek.crt',
  'ek.pem',
  'ek.pub',
  'eventlog.bin',
  'host.json',
  'layout.json',
  'pcrs.json',
  'quote.attest',
  'quote.sig',
  'report.json',
  'report.xml',
];

describe.each([
  { profile: 'esxi-8.0-uefi', extra: [], commandPcr: 14, modulePcr: 13 },
  { profile: 'esxi-6.7-txt', extra: ['txt-eventlog.bin'], commandPcr: 21, modulePcr: 20 },
])('profile $profile', ({ profile, extra, commandPcr, modulePcr }) => {
  const folder = tempFolder();
  const reference = join(folder, 'ref.json');
  const healthy = join(folder, 'healthy');
  const verify = async (evidence: string, ...more: string[]) => {
    const run = await esxsimHere('verify', '--reference', reference, evidence, '--json', ...more);
    return { code: run.code, appraisal: JSON.parse(run.stdout) };
  };

  // Processes of their own, as a user has them; what follows repeats them within this one and finds the same bytes.
  beforeAll(() => {
    expect(esxsim('predict', '--profile', profile, '--out', reference).code).toBe(0);
    expect(esxsim('boot', '--profile', profile, '--out', healthy).code).toBe(0);
  });

  it('writes exactly the files of the contract', () => {
    expect(Object.keys(filesOf(healthy))).toEqual([...CONTRACT, ...extra].toSorted());
  });

  it('boot itself appraises the host, credential challenge included', async () => {
    const { appraisal } = JSON.parse((await esxsimHere('boot', '--profile', profile, '--json')).stdout);
    expect(appraisal.findings).toEqual([]);
    expect(appraisal.verdict).toBe('TRUSTED');
    expect(appraisal.checks.every((c: { result: string }) => c.result === 'passed')).toBe(true);
  });

  it('trusts a healthy host, and says what the evidence cannot show', async () => {
    const { code, appraisal } = await verify(healthy);
    expect(appraisal.findings).toEqual([]);
    expect(appraisal.verdict).toBe('TRUSTED');
    expect(code).toBe(0);
    expect(appraisal.limits.length).toBeGreaterThan(0);
  });

  it('rejects the quote where another nonce was asked for', async () => {
    const { code, appraisal } = await verify(healthy, '--nonce', '00ff');
    expect(code).toBe(1);
    expect(appraisal.verdict).toBe('REJECT');
  });

  it('the same seed gives the same bytes; another seed other keys, addresses and nonce but the same PCRs', async () => {
    const again = join(folder, 'again');
    const other = join(folder, 'other');
    await esxsimHere('boot', '--profile', profile, '--out', again);
    await esxsimHere('boot', '--profile', profile, '--seed', '2', '--out', other);
    expect(filesOf(again)).toEqual(filesOf(healthy));
    const [a, b] = [filesOf(healthy), filesOf(other)];
    for (const name of ['pcrs.json', 'eventlog.bin', 'report.xml']) expect(b[name]).toEqual(a[name]);
    for (const name of ['ak.pub', 'ek.pub', 'ek.crt', 'layout.json', 'quote.attest', 'quote.sig']) {
      expect(b[name]?.equals(a[name] ?? Buffer.alloc(0))).toBe(false);
    }
    expect(json(join(other, 'host.json')).nonce).not.toBe(json(join(healthy, 'host.json')).nonce);
    expect((await verify(other)).appraisal.verdict).toBe('TRUSTED');
  });

  it('host.json repeats the boot to the byte', async () => {
    const seeded = join(folder, 'seeded');
    const repeated = join(folder, 'repeated');
    await esxsimHere('boot', '--profile', profile, '--seed', 'random', '--nonce', 'c0ffee', '--out', seeded);
    await esxsimHere('boot', '--spec', join(seeded, 'host.json'), '--out', repeated);
    expect(filesOf(repeated)).toEqual(filesOf(seeded));
  });

  it('cmdline-tamper: exactly one finding, naming the added option', async () => {
    const bad = join(folder, 'cmdline');
    expect((await esxsimHere('boot', '--profile', profile, '--fault', 'cmdline-tamper', '--out', bad)).code).toBe(0);
    const { code, appraisal } = await verify(bad);
    expect(code).toBe(1);
    expect(appraisal.verdict).toBe('UNTRUSTED');
    expect(appraisal.findings.map((f: { code: string }) => f.code)).toEqual(['COMMAND_LINE_MISMATCH']);
    expect(appraisal.findings[0].message).toContain('debugLogToSerial=1');
    expect(appraisal.findings[0].where.pcr).toBe(commandPcr);
  });

  it('vib-payload-swap of a driver: exactly one finding, naming the module and its VIB', async () => {
    const bad = join(folder, 'swap');
    expect((await esxsimHere('boot', '--profile', profile, '--fault', 'vib-payload-swap', '--out', bad)).code).toBe(0);
    const { code, appraisal } = await verify(bad);
    expect(code).toBe(1);
    expect(appraisal.verdict).toBe('UNTRUSTED');
    expect(appraisal.findings.map((f: { code: string }) => f.code)).toEqual(['COMPONENT_DIGEST_MISMATCH']);
    expect(appraisal.findings[0].message).toContain('nvmxnet3.v00');
    expect(appraisal.findings[0].where.pcr).toBe(modulePcr);
  });

  it('vib-payload-swap of an empty module: it is not what it was', async () => {
    const bad = join(folder, 'empty');
    const fault = 'vib-payload-swap:features.gz';
    expect((await esxsimHere('boot', '--profile', profile, '--fault', fault, '--out', bad)).code).toBe(0);
    const { code, appraisal } = await verify(bad);
    expect({ code, verdict: appraisal.verdict }).toEqual({ code: 1, verdict: 'UNTRUSTED' });
    expect(JSON.stringify(appraisal.findings)).toContain('features.gz');
  });

  it.each(['b.b00', 'k.b00', 's.v00', 'sb.v00'])(
    'vib-payload-swap of the early module %s: Secure Boot refuses the boot',
    async (module) => {
      const bad = join(folder, `early-${module}`);
      const run = await esxsimHere('boot', '--profile', profile, '--fault', `vib-payload-swap:${module}`, '--out', bad);
      expect(run.code).toBe(1);
      const log = readFileSync(join(bad, 'boot.log'), 'utf8');
      expect(log).toMatch(/mboot: Signature check failed on module \d+ \(\/[a-z]+\.[bv]00\)/);
      expect(log).toContain('mboot: Fatal error: 27 (Security violation)');
      expect(log).not.toContain('vmkernel:');
      // Evidence so far: the log still replays to the PCRs the TPM holds.
      expect(
        (await esxsimHere('log', 'replay', join(bad, 'eventlog.bin'), '--pcrs', join(bad, 'pcrs.json'))).code,
      ).toBe(0);
      expect((await verify(bad)).code).toBe(1);
    },
  );

  it('the logs replay to the PCRs, and not to changed ones', async () => {
    const pcrs = join(healthy, 'pcrs.json');
    const logs = [join(healthy, 'eventlog.bin'), ...(extra.length > 0 ? [join(healthy, 'txt-eventlog.bin')] : [])];
    expect((await esxsimHere('log', 'replay', logs[0] ?? '', '--pcrs', pcrs)).code).toBe(0);
    const other = await esxsimHere('log', 'replay', logs[0] ?? '', '--pcrs', join(folder, 'swap', 'pcrs.json'));
    expect(other.code).toBe(1);
    expect(other.stdout).toMatch(new RegExp(`MISMATCH sha256 PCR ${modulePcr}:`));
    const replayed = JSON.parse((await esxsimHere('log', 'replay', logs[0] ?? '', '--json')).stdout).pcrs;
    const actual = json(pcrs);
    for (const bank of ['sha1', 'sha256']) {
      for (const [pcr, value] of Object.entries(replayed[bank]))
        expect([bank, pcr, value]).toEqual([bank, pcr, actual[bank][pcr]]);
    }
  });
});

describe('Secure Boot off', () => {
  it('an altered kernel boots, and the verifier names exactly that module', async () => {
    const folder = tempFolder();
    const spec = join(folder, 'spec.yaml');
    writeFileSync(spec, 'hardware: { secureBoot: { enabled: false } }\n');
    const reference = join(folder, 'ref.json');
    const bad = join(folder, 'bad');
    expect((await esxsimHere('predict', '--spec', spec, '--out', reference)).code).toBe(0);
    expect((await esxsimHere('boot', '--spec', spec, '--fault', 'vib-payload-swap:k.b00', '--out', bad)).code).toBe(0);
    expect(readFileSync(join(bad, 'boot.log'), 'utf8')).toContain('mboot: Boot module signatures are not valid');
    const { findings } = JSON.parse((await esxsimHere('verify', '--reference', reference, bad, '--json')).stdout);
    expect(findings.map((f: { code: string }) => f.code)).toEqual(['COMPONENT_DIGEST_MISMATCH']);
    expect(findings[0].message).toContain('k.b00');
  });
});

describe('hosts without a reference', () => {
  it.each([
    ['a CPU without NX', 'hardware: { cpu: { features: [smep] } }', 1, /No verdict: predict: the host does not boot/],
    ['no TPM', 'hardware: { tpm: { present: false } }', 0, /No verdict: the host has no TPM/],
    ['a SHA-1 bank only', 'hardware: { tpm: { banks: [sha1] } }', 0, /No verdict: .*sha1/],
  ])('%s: the boot tells its outcome all the same', async (_, yaml, code, message) => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'spec.yaml'), yaml);
    const run = await esxsimHere('boot', '--spec', join(folder, 'spec.yaml'), '--out', join(folder, 'out'));
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: '' });
    expect(run.stdout).toMatch(message);
    expect(Object.keys(filesOf(join(folder, 'out')))).toContain('boot.log');
  });
});

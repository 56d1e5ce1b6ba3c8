/**
 * Boot banks judged without anything of esxsim (clients/bootbank): Python and openssl check the image database, every payload and
 * the attached signatures, and work out from the files which values the PCRs of the hypervisor must have after a boot.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { esxsim, ROOT, run, tempFolder } from './run.ts';

const CLIENT = join(ROOT, 'test', 'conformance', 'clients', 'bootbank');
const PKI = join(ROOT, 'vib-samples', 'pki');
const KEYS = ['esxsim_test67', 'esxsim_test40'].map((id) => `${id}=${join(PKI, `module-${id}.crt.pem`)}`);

function python(script: string, ...args: string[]) {
  const { code, stdout, stderr } = run('python3', [join(CLIENT, script), ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}
const check = (bank: string) => python('check.py', bank, join(PKI, 'vib-root.crt.pem'), ...KEYS);

/** What the kernel of a profile measures besides modules, and who signed them. */
const LAUNCH = {
  'esxi-8.0-uefi': [
    'uefi',
    'esxsim_test67',
    'execInstalledOnly = TRUE',
    'uefiSecureBootEnabled = TRUE',
    'Boot Complete',
  ],
  'esxi-6.7-txt': ['txt', 'esxsim_test67', 'execInstalledOnly = FALSE', 'uefiSecureBootEnabled = TRUE'],
} as const;

/** The PCRs that a boot must leave, by number. */
function measured(
  bank: string,
  algorithm: string,
  commandLine: string,
  profile: keyof typeof LAUNCH = 'esxi-8.0-uefi',
): Record<string, string> {
  const [launch, signer, ...strings] = LAUNCH[profile];
  const certificate = join(PKI, `module-${signer}.crt.pem`);
  return python('measure.py', bank, algorithm, launch, certificate, commandLine, ...strings);
}

/** A bank made by `image build`. */
function build(...args: string[]): string {
  const bank = join(tempFolder(), 'bank');
  const done = esxsim('image', 'build', ...args, '--out', bank);
  expect({ code: done.code, stderr: done.stderr }).toMatchObject({ code: 0 });
  return bank;
}

/** Boots a bank; its exit code, the PCRs read back from the TPM, and the command line that the report tells. */
function boot(bank: string, ...args: string[]) {
  const out = join(tempFolder(), 'evidence');
  const { code } = esxsim('boot', '--image', bank, '--out', out, ...args);
  const pcrs: Record<string, Record<string, string>> = JSON.parse(readFileSync(join(out, 'pcrs.json'), 'utf8'));
  const report = readFileSync(join(out, 'report.xml'), 'utf8');
  const [, commandLine = ''] = /<commandLine>([^<]*)</.exec(report) ?? [];
  return { code, pcrs, commandLine };
}

/** The bank with one bit of what a module unpacks to changed. */
function tampered(bank: string, file: string): string {
  const copy = join(tempFolder(), 'bank');
  cpSync(bank, copy, { recursive: true });
  const content = gunzipSync(readFileSync(join(copy, file)));
  const at = content.length >> 1;
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(join(copy, file), gzipSync(content));
  return copy;
}

const SAMPLES = join(ROOT, 'vib-samples');

describe.each([
  ['esxi-8.0', 'esxi-8.0-uefi', 4],
  ['esxi-6.7', 'esxi-6.7-txt', 2],
] as const)('a bank of %s', (set, profile, schema) => {
  it('has a database whose VIBs are signed, payloads that are theirs, and signed early modules', () => {
    const bank = build('--profile', profile, '--vib', join(SAMPLES, set));
    const report = check(bank);
    expect(report.problems).toEqual([]);
    expect(report.unowned).toEqual(['imgdb.tgz', 'state.tgz']);
    expect(report.vibs.length).toBeGreaterThan(15);
    for (const stem of ['b.b00', 'k.b00', 's.v00', 'sb.v00']) {
      expect(report.trailers[stem]).toEqual({ keyId: expect.stringMatching(/^esxsim_test/), schema });
    }
  });

  it.each(['sha256', 'sha1'])('leaves what the files say in every PCR of the hypervisor (%s)', (algorithm) => {
    const bank = build('--profile', profile, '--vib', join(SAMPLES, set));
    const { code, pcrs, commandLine } = boot(bank, '--profile', profile);
    expect(code).toBe(0);
    const expected = measured(bank, algorithm, commandLine, profile);
    expect(Object.keys(expected)).toEqual(profile === 'esxi-8.0-uefi' ? ['11', '12', '13', '14'] : ['19', '20', '21']);
    expect(pcrs[algorithm]).toMatchObject(expected);
  });
});

describe('measured boot of a bank that changes', () => {
  let bank = '';
  beforeAll(() => {
    bank = build('--vib', join(SAMPLES, 'esxi-8.0'));
  });

  it('follows an update', () => {
    const next = join(tempFolder(), 'bank');
    const done = esxsim('image', 'build', '--onto', bank, '--remove', 'acme-raidmon', '--out', next);
    expect(done.code).toBe(0);
    expect(check(next).problems).toEqual([]);
    const { code, pcrs, commandLine } = boot(next);
    expect(code).toBe(0);
    expect(pcrs.sha256).toMatchObject(measured(next, 'sha256', commandLine));
    expect(measured(next, 'sha256', '')).not.toEqual(measured(bank, 'sha256', ''));
  });

  it.each([
    ['nvmxnet3.v01', 13, /^nvmxnet3\.v01: sha256$/],
    ['s.v00', 12, /^s\.v00: attached signature$/],
  ])('tells that %s was changed, and so do both judges', (file, pcr, problem) => {
    const bad = tampered(bank, file);
    const { problems } = check(bad);
    expect(problems).toContainEqual(expect.stringMatching(problem));
    expect(problems.every((text: string) => text.startsWith(file))).toBe(true);
    const spec = join(tempFolder(), 'spec.yaml');
    writeFileSync(spec, 'hardware: { secureBoot: { enabled: false } }\n');
    const { code, pcrs, commandLine } = boot(bad, '--spec', spec);
    expect(code).toBe(0);
    // PCR 14 has the Secure Boot state and, without it, no signer.
    const { 14: _, ...expected } = measured(bad, 'sha256', commandLine);
    expect(pcrs.sha256).toMatchObject(expected);
    const healthy = measured(bank, 'sha256', commandLine);
    for (const number of Object.keys(expected))
      expect(expected[number] === healthy[number]).toBe(Number(number) !== pcr);
  });
});

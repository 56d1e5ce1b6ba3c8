/** One image in every form a user may have it: the same PCRs from each. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installImage } from '../../sim/install.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { writeBundle } from '../../src/depot/index.ts';
import { readVib, vibId } from '../../src/vib/index.ts';
import { esxsim, ROOT, tempFolder } from './cli.ts';

const SAMPLES = join(ROOT, 'vib-samples', 'esxi-8.0');
const VIBS = readdirSync(SAMPLES)
  .filter((name) => name.endsWith('.vib'))
  .map((name) => new Uint8Array(readFileSync(join(SAMPLES, name))));
const IDS = VIBS.map((bytes) => vibId(readVib(bytes).descriptor));

const folder = tempFolder();
const path = (name: string): string => join(folder, name);

const bundle = (profiles: readonly { name: string; vibIds: readonly string[] }[]): Uint8Array =>
  writeBundle({
    release: '8.0.3',
    vendor: { name: 'esxsim', code: 'ESX' },
    timestamp: '2024-06-25T00:00:00.000000+00:00',
    profiles,
    vibs: VIBS.map((bytes) => () => bytes),
  });

beforeAll(() => {
  const whole = { name: 'ESXi-8.0.3-standard', vibIds: IDS };
  const less = { name: 'ESXi-8.0.3-no-tools', vibIds: IDS.filter((id) => !id.includes('acme')) };
  writeFileSync(path('one.zip'), bundle([whole]));
  writeFileSync(path('two.zip'), bundle([whole, less]));
  writeFileSync(path('without-name'), bundle([whole]));
  const disk = installImage(
    resolveSpec({}, {}),
    VIBS.map((bytes) => readVib(bytes)),
  );
  for (const [name, bytes] of disk.bootbank) {
    mkdirSync(path('bank/esp'), { recursive: true });
    writeFileSync(path(`bank/${name}`), bytes);
  }
  for (const [name, bytes] of disk.esp) {
    mkdirSync(path(`bank/esp/${name.slice(0, name.lastIndexOf('/'))}`), { recursive: true });
    writeFileSync(path(`bank/esp/${name}`), bytes);
  }
  mkdirSync(path('vibs'));
  cpSync(SAMPLES, path('vibs'), { recursive: true });
  writeFileSync(path('text.txt'), 'this is no image at all'.repeat(5000));
});

const pcrs = (...args: string[]) => {
  const { code, stdout, stderr } = esxsim('boot', '--json', ...args);
  expect(stderr, args.join(' ')).not.toMatch(/^esxsim: /m);
  expect(code).toBe(0);
  const { pcrs: values, appraisal } = JSON.parse(stdout);
  expect(appraisal.verdict).toBe('TRUSTED');
  return values;
};

describe('image inputs', () => {
  it('give the same PCRs: sample, folder of VIBs, bundle, bundle profile, boot bank', () => {
    const expected = pcrs();
    expect(pcrs('--image', path('vibs'))).toEqual(expected);
    expect(pcrs('--image', path('one.zip'))).toEqual(expected);
    expect(pcrs('--image', `${path('two.zip')}#ESXi-8.0.3-standard`)).toEqual(expected);
    expect(pcrs('--image', path('without-name'))).toEqual(expected);
    expect(pcrs('--image', path('bank'))).toEqual(expected);
    expect(pcrs('--image', `${path('two.zip')}#ESXi-8.0.3-no-tools`)).not.toEqual(expected);
  }, 120_000);

  it('predict from a bundle trusts a host booted from its VIBs', () => {
    const evidence = path('evidence');
    expect(esxsim('predict', '--image', path('one.zip'), '--out', path('ref.json')).code).toBe(0);
    expect(esxsim('boot', '--image', path('vibs'), '--out', evidence).code).toBe(0);
    expect(esxsim('verify', '--reference', path('ref.json'), evidence).code).toBe(0);
    const other = `${path('two.zip')}#ESXi-8.0.3-no-tools`;
    expect(esxsim('boot', '--image', other, '--out', evidence).code).toBe(0);
    expect(esxsim('verify', '--reference', path('ref.json'), evidence).code).toBe(1);
  }, 120_000);

  it('a bundle and a VIB together', () => {
    const extra = join(ROOT, 'vib-samples', 'extra');
    const vib = join(extra, readdirSync(extra).find((name) => name.endsWith('.vib')) ?? '');
    const { code, stderr } = esxsim('predict', '--image', path('one.zip'), '--image', vib);
    expect(code).toBe(2);
    expect(stderr).toContain("acceptance level is CommunitySupported, which is not compliant with the host's");
  });

  it.each([
    ['two.zip', 'several image profiles, add #NAME to choose one: ESXi-8.0.3-standard, ESXi-8.0.3-no-tools'],
    ['two.zip#none', 'no image profile "none"; the bundle has ESXi-8.0.3-standard, ESXi-8.0.3-no-tools'],
    ['bank#x', '#x names an image profile, but this is no offline bundle'],
    ['text.txt', 'neither a VIB, an offline bundle (.zip) nor an installer disc (.iso)'],
    ['nothing.iso', 'cannot read: no such file or folder'],
  ])('%s: one line that says what is wrong', (name, message) => {
    const { code, stdout, stderr } = esxsim('predict', '--image', path(name));
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n').length).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain(path(name.replace(/#.*/, '')));
  });
});

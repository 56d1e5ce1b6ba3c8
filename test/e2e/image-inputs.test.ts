/** One image in every form a user may have it: the same PCRs from each. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installImage } from '../../sim/install.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { writeBundle } from '../../src/depot/index.ts';
import { readVib, vibId } from '../../src/vib/index.ts';
import { esxsimHere, ROOT, tempFolder } from './cli.ts';

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

const pcrs = async (...args: string[]) => {
  const { code, stdout, stderr } = await esxsimHere('boot', '--json', ...args);
  expect(stderr, args.join(' ')).not.toMatch(/^esxsim: /m);
  expect(code).toBe(0);
  const { pcrs: values, appraisal } = JSON.parse(stdout);
  expect(appraisal.verdict).toBe('TRUSTED');
  return values;
};

describe('image inputs made by the CLI itself', () => {
  const make = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await esxsimHere(...args);
    expect({ args, code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).not.toMatch(/^esxsim: /m);
  };

  it('folder, bundle, boot bank and installer disc, each made from the one before: the same PCRs', async () => {
    const expected = await pcrs();
    await make('image', 'bundle', path('vibs'), '--name', 'mine', '--out', path('cli.zip'));
    await make('image', 'build', `${path('cli.zip')}#mine`, '--out', path('cli-bank'));
    await make('image', 'iso', path('cli-bank'), '--out', path('cli.iso'));
    await make('image', 'iso', `${path('cli.zip')}#mine`, '--kind', 'bootbank', '--out', path('cli-live.iso'));
    for (const name of ['cli.zip', 'cli-bank', 'cli.iso', 'cli-live.iso']) {
      expect(await pcrs('--image', path(name)), name).toEqual(expected);
    }
  }, 120_000);

  it('image inspect lists the profiles and VIBs of a bundle, and says which files are damaged', async () => {
    const { code, stdout } = await esxsimHere('image', 'inspect', path('two.zip'), '--json');
    expect(code).toBe(0);
    const info = JSON.parse(stdout);
    expect(info.profiles.map(({ name, vibs }: { name: string; vibs: number }) => [name, vibs])).toEqual([
      ['ESXi-8.0.3-standard', IDS.length],
      ['ESXi-8.0.3-no-tools', IDS.length - 1],
    ]);
    expect(info.vibs.map(({ id }: { id: string }) => id).toSorted()).toEqual(IDS.toSorted());
    expect(info.vibs.every(({ problem }: { problem: string | null }) => problem === null)).toBe(true);
    const damaged = readFileSync(path('two.zip'));
    const at = damaged.indexOf('descriptor.xml', damaged.indexOf('vib20/')) + 200;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(path('damaged.zip'), damaged);
    const { code: bad, stdout: text } = await esxsimHere('image', 'inspect', path('damaged.zip'));
    expect(bad).toBe(1);
    expect(text).toMatch(/problem: .*(CRC-32 does not match|SHA-256 is [0-9a-f]{64}, the metadata say)/);
    expect(text).toMatch(/ BAD +ESXi-8\.0\.3-standard/);
    expect(text).toContain("esxsim image inspect '");
    const one = await esxsimHere('image', 'inspect', `${path('two.zip')}#ESXi-8.0.3-standard`, '--json');
    expect(JSON.parse(one.stdout).modules.length).toBeGreaterThan(30);
  });

  it('a boot bank copied from a host, without the system partition, boots with the loaders that it brings along', async () => {
    cpSync(path('bank'), path('copied'), { recursive: true });
    rmSync(path('copied/esp'), { recursive: true });
    const copied = await esxsimHere('boot', '--image', path('copied'), '--json');
    const whole = await esxsimHere('boot', '--image', path('bank'), '--json');
    expect(copied.code).toBe(0);
    expect(JSON.parse(copied.stdout).pcrs).toEqual(JSON.parse(whole.stdout).pcrs);
  });

  it('a disc can be updated as a boot bank can', async () => {
    const disc = path('update.iso');
    expect((await esxsimHere('image', 'iso', path('bank'), '--out', disc)).code).toBe(0);
    for (const onto of [disc, path('bank')]) {
      const out = path(`updated-${onto === disc ? 'disc' : 'bank'}`);
      const { code, stdout } = await esxsimHere('image', 'build', '--onto', onto, '--remove', 'vsan', '--out', out);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/remove.*vsan/i)]);
    }
    const fromDisc = await esxsimHere('boot', '--image', path('updated-disc'), '--json');
    const fromBank = await esxsimHere('boot', '--image', path('updated-bank'), '--json');
    expect(fromDisc.code).toBe(0);
    expect(JSON.parse(fromDisc.stdout).pcrs).toEqual(JSON.parse(fromBank.stdout).pcrs);
  });

  it('an image of another release than the host is said to be one', async () => {
    const { code, stderr } = await esxsimHere('boot', '--image', 'vib-samples/esxi-6.7');
    expect(stderr).toMatch(/warning: esx-base is 6\.7\.0-\S+, but the host is of release 8\.0\.3/);
    expect(code).toBe(0);
    expect((await esxsimHere('boot')).stderr).not.toContain('warning');
  });

  it('vib list, inspect and verify take a folder and a bundle as they take the files in them', async () => {
    for (const command of ['list', 'inspect', 'verify']) {
      const results = [];
      for (const each of [path('vibs'), path('two.zip')]) {
        const { code, stdout } = await esxsimHere('vib', command, each, '--json');
        expect([command, each, code]).toEqual([command, each, 0]);
        const list: Record<string, unknown>[] = JSON.parse(stdout);
        results.push(list.map(({ path: from, ...rest }) => [String(from).replace(/^.*\//, ''), rest]));
      }
      expect(results[0]?.length).toBe(IDS.length);
      expect(results[1]).toEqual(results[0]);
    }
    const listed = await esxsimHere('vib', 'list', `${path('two.zip')}#ESXi-8.0.3-standard`, '--json');
    expect(JSON.parse(listed.stdout).length).toBeLessThanOrEqual(IDS.length);
    expect((await esxsimHere('vib', 'list', `${path('two.zip')}#none`)).stderr).toContain('no image profile "none"');
    const { code, stderr } = await esxsimHere('vib', 'list', path('bank'));
    expect([code, stderr.trim()]).toEqual([
      2,
      `esxsim: ${path('bank')}: is a whole image (bootbank), not a .vib file, a folder of them or a bundle`,
    ]);
  });

  it.each([
    ['image bundle', ['VIBS', '--name', 'a/b', '--out', 'x.zip'], /--name: "a\/b" is no name of an image profile/],
    ['image bundle', ['VIBS', '--name', 'a=none', '--out', 'x.zip'], /--name a: no VIB none/],
    ['image bundle', ['VIBS'], /image bundle: --out FILE\.zip is needed/],
    ['image bundle', ['bank', '--out', 'x.zip'], /is a whole image \(bootbank\)/],
    ['image iso', ['--kind', 'dvd', '--out', 'x.iso'], /--kind: "dvd" is none of installer, bootbank/],
    ['image iso', ['--label', 'lower', '--out', 'x.iso'], /"lower" is no volume label/],
    ['image iso', [], /image iso: --out FILE\.iso is needed/],
  ])('%s %j: one line that says what is wrong', async (command, args, message) => {
    const given = args.map((arg) => (arg === 'VIBS' ? SAMPLES : /^(bank|x\.)/.test(arg) ? path(arg) : arg));
    const { code, stderr } = await esxsimHere(...command.split(' '), ...given);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBe(1);
  });
});

describe('image inputs', () => {
  it('give the same PCRs: sample, folder of VIBs, bundle, bundle profile, boot bank', async () => {
    const expected = await pcrs();
    expect(await pcrs('--image', path('vibs'))).toEqual(expected);
    expect(await pcrs('--image', path('one.zip'))).toEqual(expected);
    expect(await pcrs('--image', `${path('two.zip')}#ESXi-8.0.3-standard`)).toEqual(expected);
    expect(await pcrs('--image', path('without-name'))).toEqual(expected);
    expect(await pcrs('--image', path('bank'))).toEqual(expected);
    expect(await pcrs('--image', `${path('two.zip')}#ESXi-8.0.3-no-tools`)).not.toEqual(expected);
  }, 120_000);

  it('predict from a bundle trusts a host booted from its VIBs', async () => {
    const evidence = path('evidence');
    expect((await esxsimHere('predict', '--image', path('one.zip'), '--out', path('ref.json'))).code).toBe(0);
    expect((await esxsimHere('boot', '--image', path('vibs'), '--out', evidence)).code).toBe(0);
    expect((await esxsimHere('verify', '--reference', path('ref.json'), evidence)).code).toBe(0);
    const other = `${path('two.zip')}#ESXi-8.0.3-no-tools`;
    expect((await esxsimHere('boot', '--image', other, '--out', evidence)).code).toBe(0);
    expect((await esxsimHere('verify', '--reference', path('ref.json'), evidence)).code).toBe(1);
  }, 120_000);

  it('a bundle and a VIB together', async () => {
    const extra = join(ROOT, 'vib-samples', 'extra');
    const vib = join(extra, readdirSync(extra).find((name) => name.endsWith('.vib')) ?? '');
    const { code, stderr } = await esxsimHere('predict', '--image', path('one.zip'), '--image', vib);
    expect(code).toBe(2);
    expect(stderr).toContain("acceptance level is CommunitySupported, which is not compliant with the host's");
  });

  it.each([
    ['two.zip', 'several image profiles, add #NAME to choose one: ESXi-8.0.3-standard, ESXi-8.0.3-no-tools'],
    ['two.zip#none', 'no image profile "none"; the bundle has ESXi-8.0.3-standard, ESXi-8.0.3-no-tools'],
    ['bank#x', '#x names an image profile, but this is no offline bundle'],
    ['text.txt', 'neither a VIB ("!<arch>" at its beginning), an offline bundle (.zip) nor an installer disc (.iso)'],
    ['nothing.iso', 'cannot read: no such file or folder'],
  ])('%s: one line that says what is wrong', async (name, message) => {
    const { code, stdout, stderr } = await esxsimHere('predict', '--image', path(name));
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trim().split('\n').length).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain(path(name.replace(/#.*/, '')));
  });
});

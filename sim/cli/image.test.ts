import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bytesSource, openZip, writeZip } from '../../src/archive/index.ts';
import { fromLatin1, latin1, toHex } from '../../src/bytes/bytes.ts';
import { writeBundle } from '../../src/depot/index.ts';
import { IMGDB_FILE, readImgdb } from '../../src/esxboot/index.ts';
import { buildVib, readVib, signVib, vibId } from '../../src/vib/index.ts';
import { evidenceFiles } from '../evidence.ts';
import { Host } from '../host.ts';
import { type ImageInspection, inspectImage } from '../image-inspect.ts';
import { packageRoot } from '../node/files.ts';
import { loadImage } from '../node/image-files.ts';
import { resolveSpec } from '../spec/resolve.ts';
import { Options } from './command.ts';
import { run as build } from './image-build.ts';
import { run as inspect } from './image-inspect.ts';
import { run as iso } from './image-iso.ts';

const samples = join(packageRoot(), 'vib-samples');
const temporary = () => mkdtempSync(join(tmpdir(), 'esxsim-image-'));
const warnings: string[] = [];
const io = { json: false, line: () => {}, progress: (text: string) => warnings.push(text) };
// What commander gives where --no-sig-check is not on the command line.
const options = (values: Record<string, unknown>) => new Options({ sigCheck: true, ...values });
const vibOf = (set: string, name: string): string =>
  join(samples, set, readdirSync(join(samples, set)).find((file) => file.includes(`_${name}_`)) ?? '');

/** Two disks hold the same files, but for the installer's log. */
function sameDisk(one: string, two: string): void {
  const files = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.log'))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .toSorted();
  expect(files(one)).toEqual(files(two));
  for (const name of files(two)) {
    expect(readFileSync(join(one, name)).equals(readFileSync(join(two, name))), name).toBe(true);
  }
}

/** A VIB that claims to be a partner's and is not signed. */
function spoofed(folder: string): string {
  const vib = readVib(new Uint8Array(readFileSync(vibOf('esxi-8.0', 'acme-raidmon'))));
  const path = join(folder, 'spoof.vib');
  writeFileSync(path, signVib(vib, []));
  return path;
}

describe.each([
  ['esxi-8.0-uefi', 'esxi-8.0'],
  ['esxi-6.7-txt', 'esxi-6.7'],
] as const)('image build for %s', (profile, set) => {
  it('makes a disk that boots like the VIBs themselves: same PCRs, same evidence but for the path of the image', async () => {
    const out = join(temporary(), 'disk');
    const done = await build({ args: [], options: options({ out, profile, vib: [join(samples, set)] }) }, io);
    expect(done.exitCode).toBe(0);
    const direct = resolveSpec({ profile });
    const fromDisk = resolveSpec({ profile, image: { paths: [out] } });
    const evidence = await Promise.all(
      [direct, fromDisk].map(async (spec) => evidenceFiles(await new Host(spec, loadImage(spec)).powerOn())),
    );
    const [one = new Map<string, Uint8Array>(), two = new Map<string, Uint8Array>()] = evidence;
    expect([...two.keys()]).toEqual([...one.keys()]);
    for (const [name, bytes] of one) {
      if (name !== 'host.json') expect(toHex(two.get(name) ?? new Uint8Array(0)), name).toBe(toHex(bytes));
    }
    expect(one.has('pcrs.json')).toBe(true);
  });

  it('is inspected the same from the disk and from the VIBs', async () => {
    const out = join(temporary(), 'disk');
    await build({ args: [], options: options({ out, profile }) }, io);
    const disk = await inspect({ args: [out], options: options({ profile }) });
    const vibs = await inspect({ args: [join(samples, set)], options: options({ profile }) });
    expect(disk.json).toEqual(vibs.json);
    expect(disk.exitCode).toBe(0);
  });
});

describe('image build from an offline bundle', () => {
  const vibs = readdirSync(join(samples, 'esxi-8.0')).map(
    (name) => new Uint8Array(readFileSync(join(samples, 'esxi-8.0', name))),
  );
  const profiles = [{ name: 'standard', vibIds: vibs.map((bytes) => vibId(readVib(bytes).descriptor)) }];
  const bytes = writeBundle({
    release: '8.0.3',
    vendor: { name: 'esxsim', code: 'ESX' },
    timestamp: '2024-06-25T00:00:00.000000+00:00',
    profiles,
    vibs: vibs.map((vib) => () => vib),
  });

  it('gives the disk that its VIBs give', async () => {
    const folder = temporary();
    const bundle = join(folder, 'bundle.zip');
    writeFileSync(bundle, bytes);
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    await build({ args: [], options: options({ out: one, vib: [bundle] }) }, io);
    await build({ args: [], options: options({ out: two, vib: [join(samples, 'esxi-8.0')] }) }, io);
    sameDisk(one, two);
  });
});

describe('image build --vib with a disk: the VIBs installed there', () => {
  const base = join(samples, 'esxi-8.0');
  const setup = buildVib({
    descriptor: { type: 'bootbank', vendor: 'ACME', name: 'setup', version: '1-1', acceptanceLevel: 'community' },
    payloads: [
      { name: 'wizard', type: 'insttar', content: new Uint8Array(9) },
      { name: 'tool', type: 'boot', content: new Uint8Array(7) },
    ],
  });

  it('a boot bank and discs give the disk that the VIBs give, whatever an installer kept for itself', async () => {
    const folder = temporary();
    const at = (name: string): string => join(folder, name);
    writeFileSync(at('setup.vib'), setup);
    const level = 'CommunitySupported';
    await build({ args: [], options: options({ out: at('bank'), level, vib: [base, at('setup.vib')] }) }, io);
    for (const kind of ['installer', 'bootbank']) {
      await iso({ args: [at('bank')], options: options({ out: at(`${kind}.iso`), kind }) });
    }
    for (const [i, vib] of [[at('bank')], [at('installer.iso')], [at('bootbank.iso')]].entries()) {
      const out = at(`again${i}`);
      await build({ args: [], options: options({ out, level, vib }) }, io);
      sameDisk(out, at('bank'));
    }
    const spec = at('spec.json');
    writeFileSync(spec, JSON.stringify({ image: { paths: [at('bank')] } }));
    await build({ args: [], options: options({ out: at('by-spec'), level, spec }) }, io);
    sameDisk(at('by-spec'), at('bank'));
  });

  it('is put together with other VIBs, on a new disk and onto another one', async () => {
    const folder = temporary();
    const at = (name: string): string => join(folder, name);
    writeFileSync(at('setup.vib'), setup);
    const level = 'CommunitySupported';
    await build({ args: [], options: options({ out: at('bank'), vib: [base] }) }, io);
    const both = [at('bank'), at('setup.vib'), vibOf('esxi-8.0', 'pvscsi')];
    const done = await build({ args: [], options: options({ out: at('both'), level, vib: both }) }, io);
    expect(done.text).toMatch(/not installed: VMW_bootbank_pvscsi_\S+ \(given twice\)/);
    expect(readdirSync(at('both'))).toContain('tool.b00');
    const onto = await build(
      { args: [], options: options({ out: at('updated'), level, onto: at('bank'), vib: [at('both')] }) },
      io,
    );
    expect(onto.json).toMatchObject({ changes: [{ action: 'install', vib: 'ACME_bootbank_setup_1-1' }] });
  });

  it('judges what is installed there as any other VIB', async () => {
    const folder = temporary();
    const [bank, out] = [join(folder, 'bank'), join(folder, 'out')];
    await build({ args: [], options: options({ out: bank }) }, io);
    const module = join(bank, 'pvscsi.v00');
    writeFileSync(module, readFileSync(module).subarray(0, 2000));
    await expect(build({ args: [], options: options({ out, vib: [bank] }) }, io)).rejects.toThrow(
      /^VIB VMW_bootbank_pvscsi_\S+: pvscsi: /,
    );
    rmSync(join(bank, IMGDB_FILE));
    await expect(build({ args: [], options: options({ out, vib: [bank] }) }, io)).rejects.toThrow(
      `${bank}: no imgdb.tgz in the boot bank: nothing tells which VIBs are installed`,
    );
    await expect(build({ args: [], options: options({ out, vib: [`${bank}#x`] }) }, io)).rejects.toThrow(
      '#x names an image profile, but this is no offline bundle',
    );
    expect(existsSync(out)).toBe(false);
  });
});

describe('image build with a payload that only an installer uses', () => {
  it('leaves it out and says so', async () => {
    const folder = temporary();
    const [vib, out] = [join(folder, 'setup.vib'), join(folder, 'disk')];
    const descriptor = {
      type: 'bootbank',
      vendor: 'ACME',
      name: 'setup',
      version: '1-1',
      acceptanceLevel: 'community',
    };
    const payloads = [{ name: 'wizard', type: 'insttar', content: new Uint8Array(9) }];
    writeFileSync(vib, buildVib({ descriptor, payloads }));
    const given = [join(samples, 'esxi-8.0'), vib];
    const done = await build({ args: [], options: options({ out, vib: given, level: 'CommunitySupported' }) }, io);
    const note = 'not in the boot bank: payload wizard of ACME_bootbank_setup_1-1 (of type insttar: no boot module)';
    expect(done.text).toContain(`\n  ${note}\n`);
    expect(done.json).toMatchObject({ leftOut: [{ vib: 'ACME_bootbank_setup_1-1', payload: 'wizard' }] });
    expect(readFileSync(join(out, 'boot.cfg'), 'utf8')).not.toContain('wizard');
    expect(readdirSync(out).filter((name) => name.startsWith('wizard'))).toEqual([]);
  });
});

describe('image inspect of an offline bundle', () => {
  const names = readdirSync(join(samples, 'esxi-8.0')).slice(0, 2);
  const vibs = names.map((name) => new Uint8Array(readFileSync(join(samples, 'esxi-8.0', name))));
  const ids = vibs.map((bytes) => vibId(readVib(bytes).descriptor));
  const bytes = writeBundle({
    release: '8.0.3',
    vendor: { name: 'esxsim', code: 'ESX' },
    timestamp: '2024-06-25T00:00:00.000000+00:00',
    profiles: [{ name: 'both', vibIds: ids }],
    vibs: vibs.map((vib) => () => vib),
  });
  const zip = openZip(bytesSource(bytes));
  const files = [...zip.entries.keys()].map((name) => ({ name, data: zip.read(name) }));
  const isVib = (name: string): boolean => name.endsWith('.vib');
  const without = files.filter(({ name }) => name !== files.find((file) => isVib(file.name))?.name);
  const flipped = files.map(({ name, data }) => {
    if (!isVib(name)) return { name, data };
    const damaged = data.slice();
    damaged[damaged.length - 20] = (damaged[damaged.length - 20] ?? 0) ^ 1;
    return { name, data: damaged };
  });

  it.each([
    ['whole', files, 0, /ok +both$/m],
    ['with a file more', [...files, { name: 'vib20/x/x.vib', data: new Uint8Array(5) }], 0, /problem: vib-not-listed/],
    ['with damaged VIBs', flipped, 1, / BAD +both[\s\S]*problem: .*SHA-256 is/],
    ['with a VIB missing', without, 1, /problem: vib-file-missing/],
  ])('%s', async (_, content, exitCode, text) => {
    const path = join(temporary(), 'bundle.zip');
    writeFileSync(path, writeZip(content));
    const done = await inspect({ args: [path], options: options({}) });
    expect(done.text).toMatch(text);
    expect(done.exitCode).toBe(exitCode);
  });
});

describe('image build --onto', () => {
  it('updates a disk: says what comes and goes, and whether a host must reboot for it', async () => {
    const folder = temporary();
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    await build({ args: [], options: options({ out: one }) }, io);
    const done = await build({ args: [], options: options({ out: two, onto: one, remove: ['acme-raidmon'] }) }, io);
    expect(done.text).toMatch(
      /remove ACME_bootbank_acme-raidmon_\S+: needs a reboot\na running host must reboot for this\n/,
    );
    expect(done.json).toMatchObject({ rebootRequired: true, changes: [{ action: 'remove', live: false }] });
    expect(readFileSync(join(two, 'boot.cfg'), 'utf8')).toMatch(/^updated=2$/m);
    expect(readdirSync(two).filter((name) => name.startsWith('acme'))).toEqual([]);
    const spec = resolveSpec({ image: { paths: [two] } });
    const { state, halted } = await new Host(spec, loadImage(spec)).powerOn();
    expect([state, halted]).toEqual(['running', undefined]);
    const same = await build({ args: [], options: options({ out: join(folder, 'three'), onto: two }) }, io);
    expect(same.text).toMatch(/\nnothing changes\n/);
  });

  it('takes a disk whose files have upper-case names, as copied from FAT', async () => {
    const folder = temporary();
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    await build({ args: [], options: options({ out: one }) }, io);
    const files = readdirSync(one, { withFileTypes: true }).filter((entry) => entry.isFile());
    // In two steps: a file system may hold both names for one.
    for (const { name } of files) {
      renameSync(join(one, name), join(one, `${name}.tmp`));
      renameSync(join(one, `${name}.tmp`), join(one, name.toUpperCase()));
    }
    const done = await build({ args: [], options: options({ out: two, onto: one }) }, io);
    expect(done.text).toMatch(/\nnothing changes\n/);
    expect(readdirSync(two)).toEqual(expect.arrayContaining(files.map(({ name }) => name)));
  });

  it('needs a boot bank, and --remove needs --onto', async () => {
    const out = join(temporary(), 'disk');
    const onto = build({ args: [], options: options({ out, onto: join(samples, 'esxi-8.0') }) }, io);
    await expect(onto).rejects.toThrow('is neither a boot bank folder nor a disc');
    const remove = build({ args: [], options: options({ out, remove: ['x'] }) }, io);
    await expect(remove).rejects.toThrow('--remove needs --onto DIR');
  });
});

describe('image inspect', () => {
  it('says of each module whose it is and where it goes: the PCRs that a boot really extends', async () => {
    for (const profile of ['esxi-8.0-uefi', 'esxi-6.7-txt']) {
      const spec = resolveSpec({ profile });
      const image = loadImage(spec);
      const info = await inspectImage(image, { time: Date.parse(spec.time) });
      const { tpm } = await new Host(spec, image).powerOn();
      const measured = new Map<string, { pcr: number; digest: string }>();
      for (const { pcrIndex, eventDetails } of tpm?.report.tpmEvents ?? []) {
        const name = 'componentName' in eventDetails ? String(eventDetails.componentName) : '';
        if (name.includes('.')) measured.set(name, { pcr: pcrIndex, digest: toHex(eventDetails.dataHash) });
      }
      expect(measured.size).toBeGreaterThan(35);
      for (const [name, { pcr, digest }] of measured) {
        const module = info.modules.find(({ file }) => file === name);
        expect({ name, pcr: module?.pcr, digest: module?.sha256 }).toEqual({ name, pcr, digest });
      }
      expect(info.modules.filter(({ signature }) => signature === 'valid').length).toBe(info.modules.length - 2);
      expect(info.modules.filter(({ checksum }) => checksum === false)).toEqual([]);
      expect(info.problems).toEqual([]);
    }
  });

  it('names foreign, altered and missing files', async () => {
    const image = loadImage(resolveSpec({}));
    const bootbank = new Map(image.bootbank);
    bootbank.set('vmkusb.v00', bootbank.get('pvscsi.v00') ?? new Uint8Array(0));
    bootbank.set('stray.v00', new Uint8Array(5));
    bootbank.delete('vsan.v00');
    const info: ImageInspection = await inspectImage({ ...image, bootbank }, { time: 'ignore' });
    expect(info.modules.find(({ file }) => file === 'vmkusb.v00')?.checksum).toBe(false);
    expect(info.unused).toEqual(['stray.v00']);
    expect(info.problems).toEqual(['/vsan.v00: named in boot.cfg, not in the boot bank']);
    const empty = inspectImage({ esp: image.esp, bootbank: new Map() }, { time: 'ignore' });
    await expect(empty).rejects.toThrow(/no boot\.cfg/);
    const twice = new Map(image.bootbank);
    const [config = new Uint8Array(0), anchors = new Uint8Array(0)] = ['boot.cfg', 'sb.v00'].map((name) =>
      twice.get(name),
    );
    twice.set('sb.b00', anchors).set('boot.cfg', latin1(fromLatin1(config).replace('/sb.v00', '/sb.v00 --- /sb.b00')));
    expect((await inspectImage({ ...image, bootbank: twice }, { time: 'ignore' })).problems).toEqual([
      'sb.b00 and sb.v00 are both module sb: mboot says "Duplicate module"',
    ]);
    const dead = new Map(image.bootbank).set('b.b00', gzipSync('no kernel')).set('k.b00', gzipSync('no kernel'));
    const { problems } = await inspectImage({ ...image, bootbank: dead }, { time: 'ignore' });
    expect(problems).toEqual([
      '/b.b00: no host boots this bank: not an ESXBootInfo kernel',
      'no host boots this bank: The VMkernel image (k) is missing or not an ELF file',
    ]);
  });

  it('shows a level that the signature does not carry', async () => {
    const folder = temporary();
    const out = join(folder, 'disk');
    const vib = [
      ...readdirSync(join(samples, 'esxi-8.0'))
        .filter((name) => !name.startsWith('ACME'))
        .map((name) => join(samples, 'esxi-8.0', name)),
      spoofed(folder),
    ];
    await build({ args: [], options: options({ out, vib, force: true }) }, io);
    const { text } = await inspect({ args: [out], options: options({}) });
    expect(text).toMatch(/acme_rai\.v00 .* PartnerSupported +missing +ok +ACME_bootbank_acme-raidmon/);
    const database = readImgdb(new Uint8Array(readFileSync(join(out, IMGDB_FILE))));
    expect(database.profile?.acceptanceLevel).toBe('partner');
    expect(database.vibs.find(({ id }) => id.startsWith('ACME'))?.signature?.length).toBe(0);
    expect(readFileSync(join(out, 'log/esxupdate.log'), 'utf8')).toMatch(
      /validation disabled[\s\S]*claims PartnerSupported, but is not signed/,
    );
    expect(warnings.join('\n')).toMatch(/Secure Boot/);
    // An update goes on in the same log; what the host once said stays.
    const next = join(folder, 'next');
    await build({ args: [], options: options({ out: next, onto: out, remove: ['acme-raidmon'] }) }, io);
    const log = readFileSync(join(next, 'log/esxupdate.log'), 'utf8');
    expect(log).toMatch(/validation disabled[\s\S]*Removing VIB ACME_bootbank_acme-raidmon/);
    expect(fromLatin1(loadImage(resolveSpec({ image: { paths: [next] } })).installLog ?? new Uint8Array(0))).toBe(log);
  });
});

describe('what image build refuses, leaving nothing behind', () => {
  const base = join(samples, 'esxi-8.0');
  it.each<[string, (folder: string) => Record<string, unknown>, RegExp]>([
    [
      'a VIB below the level',
      () => ({ vib: [base, join(samples, 'extra')] }),
      /not compliant with the host's acceptance level PartnerSupported/,
    ],
    [
      'an unsigned claim',
      (f) => ({ vib: [vibOf('esxi-8.0', 'esx-base'), spoofed(f)] }),
      /claims PartnerSupported, but is not signed/,
    ],
    [
      'a set without the kernel',
      () => ({ vib: [vibOf('esxi-8.0', 'vsan')], root: [join(samples, 'pki/vib-root.crt.pem')] }),
      /no VIB esx-base/,
    ],
    [
      'strangers as trust',
      () => ({ vib: [base], root: [join(samples, 'pki/sb-pk.crt.pem')] }),
      /does not have a valid signature \(untrusted\).*and \d+ more problems/,
    ],
    ['an unknown level', () => ({ level: 'gold' }), /--level: unknown acceptance level "gold"/],
    ['a folder without VIBs', (f) => ({ vib: [f] }), /no \.vib files/],
    ['a missing file', (f) => ({ vib: [join(f, 'none.vib')] }), /none\.vib: cannot read: no such file/],
  ])('%s', async (_, values, message) => {
    const folder = temporary();
    const out = join(folder, 'disk');
    const run = build({ args: [], options: options({ out, ...values(folder) }) }, io);
    await expect(run).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });

  it('an older version of a VIB is no mistake: it is passed over', async () => {
    const out = join(temporary(), 'disk');
    const run = await build({ args: [], options: options({ out, vib: [base, vibOf('esxi-6.7', 'pvscsi')] }) }, io);
    expect(run.text).toMatch(
      /not installed: VMW_bootbank_pvscsi_0\.1-2vmw.* \(superseded by VMW_bootbank_pvscsi_0\.1-7vmw/,
    );
  });

  it('a missing --out, and a folder that is in use', async () => {
    await expect(build({ args: [], options: options({}) }, io)).rejects.toThrow(/--out DIR is needed/);
    const out = temporary();
    writeFileSync(join(out, 'mine'), '');
    await expect(build({ args: [], options: options({ out }) }, io)).rejects.toThrow(/exists and is not empty/);
    expect(readdirSync(out)).toEqual(['mine']);
  });
});

describe('a disk that is not as it should be', () => {
  const disk = async () => {
    const out = join(temporary(), 'disk');
    await build(
      { args: [], options: options({ out, profile: 'esxi-8.0-uefi', vib: [join(samples, 'esxi-8.0')] }) },
      io,
    );
    return out;
  };
  const inspected = (path: string) => inspect({ args: [path], options: options({ profile: 'esxi-8.0-uefi' }) });

  it('makes image inspect exit with 1: a module that was changed, and one that is missing', async () => {
    const out = await disk();
    expect((await inspected(out)).exitCode).toBe(0);
    const driver = join(out, 'bootbank', 'bnxtnet.v00');
    const path = existsSync(driver) ? driver : join(out, 'bnxtnet.v00');
    const content = gunzipSync(readFileSync(path));
    writeFileSync(path, gzipSync(content.fill(1, content.length - 600, content.length - 599)));
    const changed = await inspected(out);
    expect(changed.exitCode).toBe(1);
    expect(changed.text.split('\n').find((line) => line.startsWith('bnxtnet.v00'))).toMatch(/ DIFFERS /);
    rmSync(path);
    const missing = await inspected(out);
    expect(missing.exitCode).toBe(1);
    expect(missing.text).toMatch(/^problem: \/bnxtnet\.v00: named in boot\.cfg, not in the boot bank$/m);
  });

  it('does not boot with a command line that is too long: the host says so, the evidence is there', async () => {
    const out = await disk();
    const config = existsSync(join(out, 'boot.cfg')) ? join(out, 'boot.cfg') : join(out, 'bootbank', 'boot.cfg');
    const text = readFileSync(config, 'latin1');
    writeFileSync(config, text.replace(/^kernelopt=.*$/m, `kernelopt=${'x'.repeat(5000)}`));
    const spec = resolveSpec({ profile: 'esxi-8.0-uefi', image: { paths: [out] } });
    const host = new Host(spec, loadImage(spec));
    const result = await host.powerOn();
    expect(result.halted?.code).toBe('BOOT_FILE_DAMAGED');
    expect(result.consoleText).toMatch(
      /mboot: Fatal error: 6 \(Buffer too small\): \/boot\.cfg: command line of \d+ bytes/,
    );
    expect([...evidenceFiles(result).keys()]).toContain('boot.log');
  });
});

/** Rules of an installation beyond levels and relations: folders, platforms, what a change needs; updates of a boot bank. */
import { describe, expect, it } from 'vitest';
import { LazyFiles } from '../../src/archive/index.ts';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { readImgdb } from '../../src/esxboot/index.ts';
import { buildVib, type DescriptorInput, gzip, readVib, type Vib, vibId, writeUstar } from '../../src/vib/index.ts';
import { findFile } from '../image.ts';
import { installImage, installLog, installPlanned, installPolicy, planChecked, planInstall } from '../install.ts';
import { listFolder, packageRoot } from '../node/files.ts';
import { openVibs } from '../node/vib-files.ts';
import { resolveSpec } from '../spec/resolve.ts';
import { changeLines } from './changes.ts';
import { communityMayBring } from './extensibility.ts';
import { installedImage } from './installed.ts';
import { versionFits } from './platforms.ts';

const spec = resolveSpec({ acceptanceLevel: 'CommunitySupported' });
const folder = `${packageRoot()}/vib-samples/esxi-8.0`;
const image = openVibs(listFolder(folder).map((name) => `${folder}/${name}`)).map(({ vib }) => vib);

interface Options extends Partial<DescriptorInput> {
  readonly files?: readonly string[];
  /** Name of its payload; the VIB's own by default. */
  readonly payload?: string;
}

function make(name: string, version: string, options: Options = {}): Vib {
  const { files = [`opt/${name}/file`], payload = name.slice(0, 16), ...fields } = options;
  const descriptor = {
    ...{ type: 'bootbank', vendor: 'ACME', acceptanceLevel: 'community' },
    ...fields,
    ...{ name, version },
  };
  const entries = files.map((path) => ({ name: path, data: utf8(version) }));
  return readVib(buildVib({ descriptor, payloads: [{ name: payload, type: 'tgz', files: entries }] }));
}

const NO_RELATIONS = { depends: [], conflicts: [], replaces: [], provides: [], compatibleWith: [] };

const policy = (more: Partial<Parameters<typeof planInstall>[1]> = {}) => ({ ...installPolicy(spec), ...more });
const codes = (vibs: readonly Vib[], more: Partial<Parameters<typeof planInstall>[1]> = {}): string[] =>
  planInstall(vibs, policy({ bypass: ['force'], ...more })).bypassed.map(({ code }) => code);

describe('folders of CommunitySupported VIBs', () => {
  it.each<[string, boolean]>([
    ['opt/x/y', true],
    ['/opt/x', true],
    ['./usr/lib/vmware/vmkmod/driver', true],
    ['etc/vmware/firewall/rule.xml', true],
    ['etc/vmware/default.map.d/driver.map', true],
    ['opt', false],
    ['optional/x', false],
    ['etc/init.d/x', false],
    ['etc/rc.local.d/x', false],
    ['etc/vmware/hostd/config.xml', false],
    ['bin/x', false],
    ['usr/lib/vmware', false],
  ])('%s: %s', (path, allowed) => expect(communityMayBring(path)).toBe(allowed));

  it('another folder is a problem of its own that only --force passes', () => {
    const outside = make('a', '1-1', { files: ['opt/a/ok', 'etc/init.d/a', 'bin/a'] });
    const message =
      'VIB ACME_bootbank_a_1-1 is CommunitySupported and brings files to folders it may not extend: bin/a, etc/init.d/a';
    expect(() => planInstall([outside], policy())).toThrow(message);
    expect(() => planInstall([outside], policy())).toThrow(InputError);
    expect(() => planInstall([outside], policy({ bypass: ['no-sig-check'] }))).toThrow(message);
    expect(codes([outside])).toEqual(['extensibility']);
  });

  it('files that the file list leaves out count too; other levels may bring what they want', () => {
    expect(codes([make('a', '1-1', { files: ['etc/init.d/a'], fileList: [] })])).toEqual(['extensibility']);
    expect(codes([make('a', '1-1', { files: ['etc/init.d/a'], acceptanceLevel: 'partner' })])).toEqual([]);
  });

  it.each<[string, string, (archive: Uint8Array) => Uint8Array, string[]]>([
    ['of a type that is no module', 'bogus', gzip, []],
    ['of type boot, not compressed', 'boot', (archive) => archive, ['extensibility']],
    ['with bytes behind it', 'tgz', (archive) => concat(gzip(archive), utf8('more')), ['extensibility']],
    ['that is cut off', 'tgz', (archive) => gzip(archive).subarray(0, 100), []],
    ['for the installer alone', 'insttar', gzip, []],
  ])('of an archive %s', (_, type, pack, expected) => {
    const descriptor = { type: 'bootbank', vendor: 'A', acceptanceLevel: 'community', name: 'a', version: '1-1' };
    const noise = new Uint8Array(3000).map((_, i) => (i * i * 31 + (i >> 3)) & 0xff);
    const data = pack(writeUstar([{ name: 'etc/a', data: noise }]));
    // Built with another payload, because no VIB is built with a damaged one.
    const vib = readVib(buildVib({ descriptor: { ...descriptor, fileList: [] }, payloads: [] }));
    expect(codes([{ ...vib, payloads: [{ name: 'p', type, data }] }])).toEqual(expected);
  });
});

describe('software platforms', () => {
  it.each<[string, string, boolean]>([
    ['', '8.0.3', true],
    ['8.*', '8.0.3', true],
    ['8.0', '8.0.3', true],
    ['8.0.3', '8.0.3', true],
    ['*', '6.7.0', true],
    ['8', '80.0.1', false],
    ['7.*', '8.0.3', false],
    ['8.0.30', '8.0.3', false],
    ['8x0*', '8.0.3', false],
  ])('version %j and host %s: %s', (pattern, version, fits) => expect(versionFits(pattern, version)).toBe(fits));

  const asking = (...swPlatforms: Record<string, string>[]): Vib =>
    make('a', '1-1', { systemRequires: { maintenanceMode: false, swPlatforms, hwPlatforms: [] } });

  it.each<[string, Vib, string[]]>([
    ['none', asking(), []],
    ['this one', asking({ productLineID: 'embeddedEsx', version: '8.*', locale: '' }), []],
    ['one of several', asking({ version: '7.*' }, { version: '8.0' }), []],
    ['another release', asking({ productLineID: 'embeddedEsx', version: '7.*', locale: '' }), ['software-platform']],
    ['another product', asking({ productLineID: 'esx', version: '8.*' }), ['software-platform']],
    ['another locale', asking({ productLineID: 'embeddedEsx', locale: 'ja' }), ['software-platform']],
  ])('%s', (_, vib, expected) => expect(codes([vib])).toEqual(expected));

  it('says what the VIB is for', () => {
    expect(() => planInstall([asking({ productLineID: 'embeddedEsx', version: '7.*' })], policy())).toThrow(
      'VIB ACME_bootbank_a_1-1 is for embeddedEsx 7.*, not for embeddedEsx 8.0.3',
    );
  });
});

describe('what a change needs', () => {
  const live = { liveInstallAllowed: true, liveRemoveAllowed: true };
  const calm = { maintenanceMode: false, swPlatforms: [], hwPlatforms: [] };

  it.each<[string, Options, Partial<ReturnType<typeof planInstall>>]>([
    ['not live', {}, { rebootRequired: true, maintenanceModeRequired: false }],
    ['live', { ...live, systemRequires: calm }, { rebootRequired: false, maintenanceModeRequired: false }],
    [
      'live, in maintenance mode',
      { ...live, systemRequires: { ...calm, maintenanceMode: true } },
      { rebootRequired: false, maintenanceModeRequired: true },
    ],
    [
      'maintenance mode to remove it, not to install it',
      { ...live, systemRequires: { ...calm, maintenanceMode: true, maintenanceModeInstall: false } },
      { rebootRequired: false, maintenanceModeRequired: false },
    ],
    [
      'maintenance mode to install it, not to remove it',
      { ...live, systemRequires: { ...calm, maintenanceMode: false, maintenanceModeInstall: true } },
      { rebootRequired: false, maintenanceModeRequired: true },
    ],
  ])('%s', (_, options, expected) => {
    expect(planInstall([make('a', '1-1', options)], policy())).toMatchObject(expected);
  });

  it('is said line by line, removals first', () => {
    const old = make('a', '1-1', { ...live, systemRequires: { ...calm, maintenanceMode: true } });
    const gone = make('b', '1-1', { liveInstallAllowed: true });
    const kept = make('c', '1-1');
    const fresh = make('a', '2-1', { ...live, cimomRestart: true, systemRequires: calm });
    const plan = planInstall([fresh], policy({ installed: [old, gone, kept], remove: ['b'] }));
    expect(changeLines(plan.changes)).toEqual([
      'remove ACME_bootbank_a_1-1: needs maintenance mode',
      'remove ACME_bootbank_b_1-1: needs a reboot',
      'install ACME_bootbank_a_2-1: restarts the CIM broker',
    ]);
    expect(installLog(plan, 0)).toMatch(/Removing VIB ACME_bootbank_b_1-1\n.*Installing VIB ACME_bootbank_a_2-1\n/s);
    expect(planInstall([], policy({ installed: [kept] })).changes).toEqual([]);
  });
});

describe('overlays and the locker', () => {
  it('an overlay may cover files of another VIB, a second one may not', () => {
    const files = ['opt/shared/file'];
    const [base, over, again] = [
      make('base', '1-1', { files }),
      make('over', '1-1', { files, overlay: true }),
      make('again', '1-1', { files, overlay: true }),
    ];
    expect(codes([base, over])).toEqual([]);
    expect(codes([base, make('other', '1-1', { files })])).toEqual(['file-conflict']);
    expect(codes([base, over, again])).toEqual(['file-conflict']);
  });

  it('one file is one, however its path is written and whether file-list has it', async () => {
    const [base, ...others] = [
      make('base', '1-1', { files: ['opt/shared/file'] }),
      make('dotted', '1-1', { files: ['./opt/shared//file'] }),
      make('silent', '1-1', { files: ['opt/shared/file'], fileList: [] }),
    ];
    if (base === undefined) throw new Error('no VIB');
    for (const other of others) {
      await expect(planChecked(spec, [base, other])).rejects.toThrow(/file opt\/shared\/file is in VIB/);
    }
  });

  it('a VIB of type locker meets dependencies and has no module', () => {
    const tools = make('tools', '1-1', { type: 'locker' });
    const none = { conflicts: [], replaces: [], provides: [], compatibleWith: [] };
    const needy = make('a', '1-1', { relationships: { ...none, depends: [{ name: 'tools' }] } });
    const plan = planInstall([tools, needy], policy());
    expect(plan.vibs.map(({ descriptor }) => descriptor.name)).toEqual(['a']);
    expect(plan.skipped).toEqual([
      { vib: 'ACME_locker_tools_1-1', why: 'of type locker: on the locker partition, not in the boot bank' },
    ]);
  });
});

describe('an update of a boot bank', () => {
  const disk = installImage(spec, image);
  const before = installedImage(disk);

  it('does not carry over what is damaged; what it removes does not matter', async () => {
    const name = [...disk.bootbank.keys()].find((each) => each.startsWith('vsan')) ?? '';
    const swapped = LazyFiles.from(disk.bootbank).set(name, findFile(disk.bootbank, 's.v00') ?? new Uint8Array(0));
    const { vibs } = installedImage({ ...disk, bootbank: swapped });
    const add = [make('a', '1-1')];
    await expect(planChecked(spec, add, { installed: vibs })).rejects.toThrow(/vsan.*(checksum|sha-256|bytes)/);
    expect((await planChecked(spec, add, { installed: before.vibs })).changes.length).toBe(1);
  });

  it('finds what is installed, with every byte of descriptor, signature and payloads', () => {
    const ids = (vibs: readonly Vib[]) => vibs.map(({ descriptor }) => vibId(descriptor)).toSorted();
    expect(ids(before.vibs)).toEqual(ids(image));
    const again = planInstall(image, policy({ installed: before.vibs }));
    expect([again.changes, again.bypassed]).toEqual([[], []]);
    expect(again.skipped.every(({ why }) => why === 'already installed')).toBe(true);
  });

  it('finds the files of a bank whatever the case of their names', async () => {
    const upper = new LazyFiles();
    for (const [name, bytes] of disk.bootbank) upper.set(name.toUpperCase(), bytes);
    const { vibs, old } = installedImage({ ...disk, bootbank: upper });
    const plan = await planChecked(spec, [make('a', '1-1')], { installed: vibs });
    expect(plan.changes.map(({ vib }) => vib)).toEqual(['ACME_bootbank_a_1-1']);
    const again = installPlanned(spec, await planChecked(spec, [], { installed: vibs }), old);
    expect([...again.bootbank.keys()]).toEqual([...disk.bootbank.keys()]);
  });

  it('modules of VIBs that stay keep their names, new ones take those that are free', async () => {
    const of = (name: string) => make(name, '1-1', { payload: 'stage', files: [`opt/${name}/file`] });
    const bank = installPlanned(spec, await planChecked(spec, [...image, of('one'), of('two'), of('three')]));
    const { vibs: installed, old } = installedImage(bank);
    const names = (from: typeof bank) =>
      Object.fromEntries(
        [...readImgdb(from.bootbank.get('imgdb.tgz') ?? new Uint8Array(0)).owners].flatMap(
          ([file, { vibName, payloadName }]) => (payloadName === 'stage' ? [[vibName, file]] : []),
        ),
      );
    expect(names(bank)).toEqual({ one: 'stage.t00', three: 'stage.t01', two: 'stage.t02' });
    const plan = await planChecked(spec, [of('four')], { installed, remove: ['one'] });
    expect(names(installPlanned(spec, plan, old))).toEqual({ three: 'stage.t01', two: 'stage.t02', four: 'stage.t00' });
  });

  it('what the host lacked before does not stand in the way of something else', async () => {
    const needs = make('needy', '1-1', {
      relationships: { ...NO_RELATIONS, depends: [{ name: 'tools-light', relation: '>=', version: '11' }] },
    });
    expect(codes([needs])).toEqual(['depends']);
    const installed = [...image, needs];
    const plan = planInstall([make('a', '1-1')], policy({ installed }));
    expect(plan.changes.map(({ vib }) => vib)).toEqual(['ACME_bootbank_a_1-1']);
    expect(() => planInstall([], policy({ installed, remove: ['esx-update'] }))).not.toThrow(/tools-light/);
  });

  it('does not miss payloads that only an installer uses: a bank never had them', async () => {
    const vib = readVib(
      buildVib({
        descriptor: { type: 'bootbank', vendor: 'ACME', name: 'setup', version: '1-1', acceptanceLevel: 'community' },
        payloads: [
          { name: 'setup', type: 'tgz', files: [{ name: 'opt/setup/file', data: utf8('x') }] },
          { name: 'wizard', type: 'insttar', content: utf8('for installers') },
        ],
      }),
    );
    const plan = await planChecked(spec, [...image, vib]);
    const why = 'of type insttar: no boot module';
    expect(plan.leftOut).toEqual([{ vib: 'ACME_bootbank_setup_1-1', payload: 'wizard', why }]);
    const bank = installPlanned(spec, plan);
    expect([...bank.bootbank.keys()].filter((name) => /^(setup|wizard)/.test(name))).toEqual(['setup.t00']);
    const { vibs: installed, old } = installedImage(bank);
    const next = await planChecked(spec, [make('a', '1-1'), vib], { installed });
    expect(next.changes.map(({ vib: id }) => id)).toEqual(['ACME_bootbank_a_1-1']);
    expect(next.skipped).toEqual([{ vib: 'ACME_bootbank_setup_1-1', why: 'already installed' }]);
    expect(next.leftOut).toEqual([]);
    expect(installPlanned(spec, next, old).bootbank.has('setup.t00')).toBe(true);
    // The same package given from outside must be whole.
    const [cut] = installed.filter(({ descriptor }) => descriptor.name === 'setup');
    if (cut === undefined) throw new Error('not installed');
    await expect(planChecked(spec, [...image, cut])).rejects.toThrow(/wizard: named in the descriptor/);
    const gone = { ...cut, payloads: [] };
    expect(() => installPlanned(spec, planInstall([...image, gone], policy()))).toThrow('payload setup is missing');
  });

  it('keeps what does not change and the saved state, and counts up', () => {
    const fresh = make('community-tool', '1-1');
    const plan = planInstall([fresh], installPolicy(spec, { installed: before.vibs, remove: ['acme-raidmon'] }));
    expect(plan.changes.map(({ vib, action }) => `${action} ${vib.split('_')[2]}`)).toEqual([
      'remove acme-raidmon',
      'install community-tool',
    ]);
    const after = installPlanned(spec, plan, before.old);
    const read = (bank: ReadonlyMap<string, Uint8Array>, name: string) => findFile(bank, name) ?? new Uint8Array(0);
    expect(read(after.bootbank, 'state.tgz')).toEqual(read(disk.bootbank, 'state.tgz'));
    expect(read(after.bootbank, 'k.b00')).toEqual(read(disk.bootbank, 'k.b00'));
    expect(new TextDecoder().decode(read(after.bootbank, 'boot.cfg'))).toMatch(/^updated=2$/m);
    const names = readImgdb(read(after.bootbank, 'imgdb.tgz')).vibs.map(({ descriptor }) => descriptor.name);
    expect(names).toContain('community-tool');
    expect(names).not.toContain('acme-raidmon');
  });

  it('keeps the kernel options of the bank', () => {
    const config = findFile(disk.bootbank, 'boot.cfg') ?? new Uint8Array(0);
    const own = new TextDecoder().decode(config).replace(/^kernelopt=.*$/m, 'kernelopt=autoPartition=FALSE myOption=1');
    const bootbank = new Map([...disk.bootbank]).set('boot.cfg', new TextEncoder().encode(own));
    const { old } = installedImage({ ...disk, bootbank });
    const after = installPlanned(spec, planInstall([], installPolicy(spec, { installed: before.vibs })), old);
    const written = findFile(after.bootbank, 'boot.cfg');
    expect(new TextDecoder().decode(written)).toMatch(/^kernelopt=autoPartition=FALSE myOption=1$/m);
  });

  it('does not take out what others need, nor what is not there; an older version changes nothing', () => {
    const onto = (given: readonly Vib[], remove: readonly string[] = []) =>
      planInstall(given, installPolicy(spec, { installed: before.vibs, remove }));
    expect(() => onto([], ['esx-base'])).toThrow(/requires .* cannot be satisfied within the image/);
    expect(() => onto([], ['absent'])).toThrow('--remove: no VIB absent is installed');
    const older = onto([make('acme-raidmon', '0.1-1')]);
    expect(older.changes).toEqual([]);
    expect(older.skipped[0]?.why).toMatch(/^superseded by ACME_bootbank_acme-raidmon/);
  });
});

/** Bundles and discs in the hands of other people's tools: unzip, bsdtar, Python; xorriso, genisoimage, mtools. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Host } from '../../sim/host.ts';
import type { BootImage } from '../../sim/image.ts';
import { installImage } from '../../sim/install.ts';
import { fileSource, loadImage } from '../../sim/node/index.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { openZip } from '../../src/archive/index.ts';
import { toHex } from '../../src/bytes/bytes.ts';
import { openBundle, writeBundle } from '../../src/depot/index.ts';
import { efiBootImage, FatVolume, openIso } from '../../src/iso/index.ts';
import { readVib, vibId } from '../../src/vib/index.ts';
import { esxsim } from '../e2e/cli.ts';

const SAMPLES = fileURLToPath(new URL('../../vib-samples/esxi-8.0', import.meta.url));
const VIBS = readdirSync(SAMPLES).map((name) => new Uint8Array(readFileSync(join(SAMPLES, name))));

let dir = '';
const path = (name: string): string => join(dir, name);

function run(command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: dir });
  if (result.error !== undefined) throw new Error(`${command} is needed for this suite: ${result.error.message}`);
  expect(`${result.stderr}${result.status}`, `${command} ${args.join(' ')}`).toMatch(/0$/);
  return result.stdout;
}

function write(name: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), bytes);
}

/** A boot bank with the names of installation media: upper case, EFI loaders below EFI/. */
function writeMedia(folder: string, disk: BootImage, bootCfg?: string): void {
  for (const [name, bytes] of disk.bootbank) write(`${folder}/${name.toUpperCase()}`, bytes);
  for (const [name, bytes] of disk.esp) write(`${folder}/${name.toUpperCase()}`, bytes);
  if (bootCfg !== undefined) write(`${folder}/BOOT.CFG`, new TextEncoder().encode(bootCfg));
}

/** An EFI boot image with the first loader, as a FAT volume made by mtools. */
function writeEfiImage(folder: string): void {
  const image = path(`${folder}/EFIBOOT.IMG`);
  run('mformat', '-C', '-i', image, '-h', '2', '-t', '80', '-s', '36', '::');
  run('mmd', '-i', image, '::/EFI', '::/EFI/BOOT');
  run('mcopy', '-i', image, path(`${folder}/EFI/BOOT/BOOTX64.EFI`), '::/EFI/BOOT/BOOTX64.EFI');
}

const pcrsOf = async (images: readonly string[]): Promise<Record<string, string[]>> => {
  const spec = resolveSpec({}, images.length === 0 ? {} : { image: { paths: [...images] } });
  const { state, halted, tpm } = await new Host(spec, loadImage(spec)).powerOn();
  expect(halted).toBeUndefined();
  expect(state).toBe('running');
  return Object.fromEntries([...(tpm?.pcrs ?? [])].map(([bank, values]) => [bank, values.map(toHex)]));
};

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'esxsim-images-'));
  const bundle = writeBundle({
    release: '8.0.3',
    vendor: { name: 'esxsim', code: 'ESX' },
    timestamp: '2024-06-25T00:00:00.000000+00:00',
    profiles: [{ name: 'standard', vibIds: VIBS.map((bytes) => vibId(readVib(bytes).descriptor)) }],
    vibs: VIBS.map((bytes) => () => bytes),
  });
  write('bundle.zip', bundle);
  const vibs = VIBS.map((bytes) => readVib(bytes));
  const disk = installImage(resolveSpec({}, {}), vibs);
  writeMedia('bank', disk);
  writeEfiImage('bank');
  // As on installation media: no safeboot keys of an installed host, a prefix, no saved state, no EFI/VMware.
  const names = [...disk.bootbank.keys()].filter((name) => !['boot.cfg', 'state.tgz'].includes(name));
  const [kernel, ...modules] = names;
  const lines = [
    'bootstate=0',
    'title=Loading ESXi installer',
    'timeout=5',
    'prefix=',
    `kernel=/${kernel}`,
    'kernelopt=runweasel cdromBoot',
    `modules=${[...modules, 'imgpayld.tgz'].map((name) => `/${name}`).join(' --- ')}`,
    'build=8.0.3-0.0.24022510',
    'updated=0',
    '',
  ];
  writeMedia('media', disk, lines.join('\n'));
  write('media/IMGPAYLD.TGZ', new Uint8Array(0));
  rmSync(path('media/STATE.TGZ'));
  rmSync(path('media/EFI/VMWARE'), { recursive: true });
  writeEfiImage('media');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('offline bundle', () => {
  it('unzip, bsdtar and Python find nothing wrong with ours', () => {
    expect(run('unzip', '-t', 'bundle.zip')).toContain('No errors detected');
    expect(run('bsdtar', '-tf', 'bundle.zip').trim().split('\n').length).toBe(VIBS.length + 3);
    run('unzip', '-q', 'bundle.zip', 'metadata.zip', '-d', 'out');
    expect(run('unzip', '-t', 'out/metadata.zip')).toContain('No errors detected');
    const code = 'import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]); print(z.testzip(), len(z.namelist()))';
    expect(run('python3', '-c', code, 'bundle.zip').trim()).toBe(`None ${VIBS.length + 3}`);
  });

  it.each([
    ['Python', ['python3', '-c', 'import shutil; shutil.make_archive("other", "zip", "tree")']],
    ['bsdtar', ['bsdtar', '--format', 'zip', '-cf', 'other.zip', '-C', 'tree', '.']],
    [
      'Python, 64-bit records',
      [
        'python3',
        '-c',
        'import zipfile,os\nz=zipfile.ZipFile("other.zip","w",zipfile.ZIP_DEFLATED)\nfor r,d,f in os.walk("tree"):\n  for n in f:\n    p=os.path.join(r,n)\n    with z.open(os.path.relpath(p,"tree"),"w",force_zip64=True) as o: o.write(open(p,"rb").read())\nz.close()',
      ],
    ],
  ])('a bundle packed again by %s is read the same', async (_, [command = '', ...args]) => {
    rmSync(path('tree'), { recursive: true, force: true });
    rmSync(path('other.zip'), { force: true });
    run('unzip', '-q', 'bundle.zip', '-d', 'tree');
    run(command, ...args);
    const zip = openZip(fileSource(path('other.zip')));
    const ours = openBundle(fileSource(path('bundle.zip')));
    expect(zip.entries.size).toBe(VIBS.length + 3);
    const theirs = openBundle(fileSource(path('other.zip')));
    expect([...theirs.vibs.keys()].toSorted()).toEqual([...ours.vibs.keys()].toSorted());
    expect(await pcrsOf([path('other.zip')])).toEqual(await pcrsOf([]));
  });
});

const EL_TORITO = ['-e', 'EFIBOOT.IMG', '-no-emul-boot'];
const WRITERS: readonly (readonly [string, string, ...string[]])[] = [
  ['genisoimage, plain names', 'genisoimage', '-quiet'],
  ['genisoimage, Joliet', 'genisoimage', '-quiet', '-J'],
  ['xorriso, Rock Ridge', 'xorriso', '-as', 'mkisofs', '-quiet', '-R'],
  ['xorriso, Joliet and Rock Ridge', 'xorriso', '-as', 'mkisofs', '-quiet', '-J', '-R'],
];

describe.each(WRITERS)('installer disc by %s', (_, command, ...options) => {
  const iso = (folder: string): string => {
    const result = spawnSync(command, [
      ...options,
      ...EL_TORITO,
      '-V',
      'ESXI',
      '-o',
      path(`${folder}.iso`),
      path(folder),
    ]);
    expect(result.status, String(result.stderr)).toBe(0);
    return path(`${folder}.iso`);
  };

  it('lists the files that bsdtar or isoinfo lists, and the EFI boot image', () => {
    const file = iso('bank');
    const disc = openIso(fileSource(file));
    const listed = run('bsdtar', '-tf', file)
      .split('\n')
      .map((name) => name.replace(/^\.\//, '').replace(/;1$/, ''))
      .filter((name) => /\.\w+$/.test(name) && !/boot\.cat/i.test(name));
    const ours = [...disc.files.keys()].filter((name) => !/boot\.cat/i.test(name));
    expect(ours.map((name) => name.toUpperCase()).toSorted()).toEqual(listed.map((n) => n.toUpperCase()).toSorted());
    const loader = readFileSync(path('bank/EFI/BOOT/BOOTX64.EFI'));
    const image = efiBootImage(disc);
    expect(image).toBeDefined();
    if (image !== undefined)
      expect(toHex(new FatVolume(image).read('EFI/BOOT/BOOTX64.EFI'))).toBe(loader.toString('hex'));
  });

  it('boots to the PCRs of the image that is on it: a bank, and installation media', async () => {
    const expected = await pcrsOf([]);
    expect(await pcrsOf([iso('bank')])).toEqual(expected);
    expect(await pcrsOf([iso('media')])).toEqual(expected);
  });
});

describe.each(['installer', 'bootbank'])('a disc by `image iso --kind %s`', (kind) => {
  const file = `ours-${kind}.iso`;
  const extracted = `extracted-${kind}`;

  it('is read by xorriso, isoinfo and bsdtar, which find the same files with the same bytes', () => {
    const made = esxsim('image', 'iso', '--kind', kind, '--label', 'ESXI-TEST', '--out', path(file));
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const listed = run('bsdtar', '-tf', file)
      .split('\n')
      .filter((name) => /\.\w+$/.test(name));
    const disc = openIso(fileSource(path(file)));
    expect([...disc.files.keys()].toSorted()).toEqual(listed.toSorted());
    mkdirSync(path(extracted));
    run('bsdtar', '-xf', file, '-C', extracted);
    // Installation media have it twice, for either kind of firmware.
    const config = readFileSync(path(`${extracted}/BOOT.CFG`), 'utf8');
    const forEfi = path(`${extracted}/EFI/BOOT/BOOT.CFG`);
    expect(existsSync(forEfi) ? readFileSync(forEfi, 'utf8') : '').toBe(kind === 'installer' ? config : '');
    for (const name of listed)
      expect(toHex(disc.read(name)), name).toBe(readFileSync(path(`${extracted}/${name}`), 'hex'));
    const nodes = run(
      'xorriso',
      '-abort_on',
      'WARNING',
      '-report_about',
      'WARNING',
      '-indev',
      file,
      '-find',
      '/',
      '-type',
      'f',
    );
    expect(
      nodes
        .trim()
        .split('\n')
        .map((name) => name.replace(/^'\/|'$/g, ''))
        .toSorted(),
    ).toEqual(listed.toSorted());
    const about = run('isoinfo', '-d', '-i', file);
    expect(about).toContain('Volume id: ESXI-TEST');
    expect(about).toMatch(/Boot media 0 \(No Emulation Boot\)/);
  });

  it('has an EFI boot image that mtools reads, as xorriso reports it', () => {
    const report = run('xorriso', '-report_about', 'WARNING', '-indev', file, '-report_el_torito', 'plain');
    expect(report).toMatch(/El Torito boot img : +1 +UEFI +y +none/);
    expect(report).toMatch(/El Torito img path : +1 +\/EFIBOOT\.IMG/);
    run('mcopy', '-i', `${extracted}/EFIBOOT.IMG`, '::/EFI/BOOT/BOOTX64.EFI', `loader-${kind}`);
    expect(readFileSync(path(`loader-${kind}`), 'hex')).toBe(readFileSync(path('bank/EFI/BOOT/BOOTX64.EFI'), 'hex'));
    expect(run('minfo', '-i', `${extracted}/EFIBOOT.IMG`, '::')).toContain('disk type="FAT16   "');
  });

  it('boots to the same PCRs, also as xorriso packs it again', async () => {
    const expected = await pcrsOf([]);
    expect(await pcrsOf([path(file)])).toEqual(expected);
    // The command of docs/images.md.
    const command = `xorriso -as mkisofs -quiet -R -V ESXI -e EFIBOOT.IMG -no-emul-boot -o again-${kind}.iso ${extracted}`;
    run('sh', '-c', `${command} 2>/dev/null`);
    expect(await pcrsOf([path(`again-${kind}.iso`)])).toEqual(expected);
  });
});

describe.each([
  ['xorriso', '-as', 'mkisofs', '-quiet', '-R'],
  ['genisoimage', '-quiet', '-R'],
])('long Rock Ridge names by %s', (command, ...options) => {
  it('are those that bsdtar lists', () => {
    const names = [
      `${'a'.repeat(251)}.v00`,
      `${'ü'.repeat(120)}.txt`,
      `${'d'.repeat(180)}/${'e'.repeat(200)}/${'f'.repeat(250)}`,
    ];
    for (const name of names) write(`long/${name}`, new TextEncoder().encode(name));
    run('sh', '-c', `${[command, ...options].join(' ')} -o long.iso long 2>/dev/null`);
    const disc = openIso(fileSource(path('long.iso')));
    expect(disc.names).toBe('rock-ridge');
    expect([...disc.files.keys()].toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(new TextDecoder().decode(disc.read(name))).toBe(name);
    const listed = run('sh', '-c', 'LC_ALL=C.UTF-8 bsdtar -tf long.iso').split('\n');
    expect(listed).toEqual(expect.arrayContaining(names));
  });
});

describe('a bundle by `image bundle`', () => {
  it('passes unzip -t, its metadata too, and the VIBs inside are the given files', () => {
    const made = esxsim('image', 'bundle', SAMPLES, '--name', 'standard', '--out', path('ours.zip'));
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(run('unzip', '-t', 'ours.zip')).toContain('No errors detected');
    run('unzip', '-q', '-o', 'ours.zip', '-d', 'ours');
    expect(run('unzip', '-t', 'ours/metadata.zip')).toContain('No errors detected');
    run('unzip', '-q', '-o', 'ours/metadata.zip', '-d', 'ours/metadata');
    const code = 'import sys,xml.dom.minidom as m\nfor f in sys.argv[1:]: m.parse(f)';
    const documents = run('find', 'ours', '-name', '*.xml').trim().split('\n');
    expect(documents.length).toBe(VIBS.length + 6);
    run('python3', '-c', code, ...documents);
    const sums = run('sh', '-c', `find ours/vib20 -name '*.vib' -exec sha256sum {} + | cut -d' ' -f1 | sort`);
    expect(sums).toBe(run('sh', '-c', `sha256sum ${SAMPLES}/*.vib | cut -d' ' -f1 | sort`));
  });
});

it('the folder of a bank with upper-case names boots as well', async () => {
  cpSync(path('bank'), path('copy'), { recursive: true });
  mkdirSync(path('copy/esp'));
  cpSync(path('bank/EFI'), path('copy/esp/EFI'), { recursive: true });
  expect(await pcrsOf([path('copy')])).toEqual(await pcrsOf([]));
});

describe('modules compressed a second time, as in official images', () => {
  it.each([
    ['xz', 'xz -c'],
    ['xz, blocks and a small dictionary', 'xz -c --block-size=100KiB --lzma2=preset=1,dict=4KiB'],
    ['zstd', 'zstd -q -c'],
  ])('%s: the VMkernel mounts and runs what is inside', (_, compress) => {
    rmSync(path('nested'), { recursive: true, force: true });
    expect(esxsim('image', 'build', '--out', path('nested')).code).toBe(0);
    const drivers = ['ne1000', 'vmkusb'];
    for (const driver of drivers) {
      const file = path(`nested/${driver}.v00`);
      run('bash', '-c', `gunzip < ${file} | ${compress} | gzip > ${file}.new && mv ${file}.new ${file}`);
    }
    const { code, stdout } = esxsim('boot', '--image', path('nested'), '--json');
    expect(code).toBe(0);
    const { console: lines } = JSON.parse(stdout);
    expect(lines.filter((line: string) => line.includes('cannot mount'))).toEqual([]);
    for (const driver of drivers) expect(lines.join('\n')).toContain(`vmkernel: Loaded module ${driver}`);
  });
});

/**
 * Images as real hosts and real media have them, by what public copies of theirs show: the image database of an installed ESXi
 * 7.0.0 (descriptors with the time of installation), the module lists of installation media of 7.0.3 to 9.1 (archives of no VIB,
 * VMware Tools for the locker), discs copied to USB sticks.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileSource } from '../../sim/node/file-source.ts';
import { readSigners } from '../../sim/node/signers.ts';
import { fromLatin1, latin1, utf8 } from '../../src/bytes/bytes.ts';
import { buildImgdb, readImgdb } from '../../src/esxboot/index.ts';
import { openIso } from '../../src/iso/index.ts';
import { buildVib, gunzip, gzip, isFile, readUstar, readVib, writeUstar } from '../../src/vib/index.ts';
import { esxsimHere, tempFolder } from './cli.ts';

const folder = tempFolder();
const path = (name: string): string => join(folder, name);
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)));

/** A copy of the bank with some of its files changed. */
function changed(name: string, files: Readonly<Record<string, Uint8Array>>, modules = (list: string) => list): string {
  const config = fromLatin1(bytes('bank/boot.cfg')).replace(/^modules=(.*)$/m, (_, list) => `modules=${modules(list)}`);
  for (const [file, data] of Object.entries({ ...bank(), 'boot.cfg': latin1(config), ...files })) {
    mkdirSync(dirname(path(`${name}/${file}`)), { recursive: true });
    writeFileSync(path(`${name}/${file}`), data);
  }
  return path(name);
}

/** The files of the bank. */
function bank(): Record<string, Uint8Array> {
  const names = fromLatin1(bytes('bank/boot.cfg')).match(/\/[a-z0-9_]+\.[a-z0-9]+/g) ?? [];
  return Object.fromEntries(names.map((name) => [name.slice(1), bytes(`bank${name}`)]));
}

/** The image database with its files changed. */
function database(change: (name: string, text: string) => readonly [string, string][]): Uint8Array {
  const entries = readUstar(gunzip(bytes('bank/imgdb.tgz'), 'imgdb.tgz'));
  const files = entries.flatMap((entry) =>
    isFile(entry)
      ? change(entry.name, fromLatin1(entry.data)).map(([name, text]) => ({ name, data: latin1(text) }))
      : [entry],
  );
  return gzip(writeUstar(files));
}

const dated = (text: string): string =>
  text.replace('</software-tags>', '$&<installdate>2026-01-07T11:36:17.746064+00:00</installdate>');
const isDescriptor = (name: string): boolean => /\/vibs\/.*\.xml$/.test(name);

async function boot(image: string) {
  const { code, stdout } = await esxsimHere('boot', '--image', image, '--json');
  const { state, pcrs, appraisal, console: lines } = JSON.parse(stdout);
  return { code, state, pcrs, verdict: appraisal?.verdict, text: JSON.stringify(lines) };
}

beforeAll(async () => {
  expect((await esxsimHere('image', 'build', '--out', path('bank'))).code).toBe(0);
}, 60_000);

describe('image database of an installed host', () => {
  it('descriptors with the time of installation are checked as they were signed', async () => {
    const imgdb = database((name, text) => [[name, isDescriptor(name) ? dated(text) : text]]);
    const host = await boot(changed('dated', { 'imgdb.tgz': imgdb }));
    expect(host).toMatchObject({ code: 0, state: 'running', verdict: 'TRUSTED' });
    const { code, stdout } = await esxsimHere('image', 'inspect', path('dated'));
    expect(code).toBe(0);
    expect(stdout).not.toContain('invalid');
  });

  it('of descriptors with their original beside them, the original is the one that counts', async () => {
    const original = (edit: (text: string) => string) =>
      database((name, text) =>
        isDescriptor(name)
          ? [
              [name, edit(dated(text))],
              [`${name}.orig`, text],
            ]
          : [[name, text]],
      );
    const host = await boot(changed('orig', { 'imgdb.tgz': original((text) => text) }));
    expect(host).toMatchObject({ code: 0, state: 'running', verdict: 'TRUSTED' });
    expect(host.text).not.toContain('not the one that is signed');
    const forged = original((text) => text.replace('<name>lpfc</name>', '<name>lpfd</name>'));
    expect((await boot(changed('forged', { 'imgdb.tgz': forged }))).text).toMatch(
      /VIB VMW_bootbank_lpfc_\S+: the database's descriptor is not the one that is signed/,
    );
  });
});

describe('modules of no VIB', () => {
  const extras = ['basemisc.tgz', 'resvibs.tgz', 'esxiodpt.tgz'];
  const add = (list: string): string => list.replace(/\/imgdb\.tgz/, `$& --- /${extras.join(' --- /')}`);
  const archive = gzip(writeUstar([{ name: 'var/db/esximg/reservedComponents/a.xml', data: utf8('<a/>') }]));
  const files = Object.fromEntries(extras.map((name) => [name, archive]));

  it('that real media have boot with Secure Boot and are measured; an update keeps them, and what else is in the database', async () => {
    const imgdb = buildImgdb('standard', imgdbPackages(), new Map([['var/db/esximg/bulletins/B.xml', utf8('<b/>')]]));
    const image = changed('extras', { ...files, 'imgdb.tgz': imgdb }, add);
    const host = await boot(image);
    expect(host).toMatchObject({ code: 0, state: 'running', verdict: 'TRUSTED' });
    expect(host.pcrs).not.toEqual((await boot(path('bank'))).pcrs);
    const update = await esxsimHere('image', 'build', '--onto', image, '--remove', 'vsan', '--out', path('updated'));
    expect({ code: update.code, stderr: update.stderr }).toEqual({ code: 0, stderr: '' });
    expect(fromLatin1(bytes('updated/boot.cfg'))).toContain(`/imgdb.tgz --- /${extras.join(' --- /')} --- /state.tgz`);
    expect(bytes('updated/resvibs.tgz')).toEqual(archive);
    expect([...readImgdb(bytes('updated/imgdb.tgz')).others.keys()]).toEqual(['var/db/esximg/bulletins/B.xml']);
  });

  it('that nobody knows halt the host, and an update says that it leaves them behind', async () => {
    const image = changed('strange', { 'extra.v00': archive }, (list) => `${list} --- /extra.v00`);
    const host = await boot(image);
    expect(host).toMatchObject({ code: 1, text: expect.stringContaining('Unrecognized tardisks: extra.v00') });
    const { stderr } = await esxsimHere('image', 'build', '--onto', image, '--out', path('without'));
    expect(stderr).toContain('warning: extra.v00 belongs to no VIB: the update leaves it behind');
  });
});

/** The packages of the bank's image database. */
function imgdbPackages() {
  return readImgdb(bytes('bank/imgdb.tgz')).vibs.map(({ files, ...vib }) => ({ vib, files }));
}

it('a second module of the kernel is said to be one, and measured like the first', async () => {
  const spec = path('secure-boot-off.yaml');
  writeFileSync(spec, 'hardware: { secureBoot: { enabled: false } }\n');
  const image = changed('twice', { 'k.v00': bytes('bank/k.b00') }, (list) => `${list} --- /k.v00`);
  const { code, stdout } = await esxsimHere('boot', '--image', image, '--spec', spec, '--json');
  expect(code).toBe(0);
  expect(JSON.stringify(JSON.parse(stdout).console)).toContain('Duplicate module k: /k.v00');
  const plain = await esxsimHere('boot', '--image', path('bank'), '--spec', spec, '--json');
  const [a, b] = [stdout, plain.stdout].map((text) => JSON.parse(text).pcrs.sha256['12']);
  expect(a).not.toBe(b);
});

describe('installation media', () => {
  /** The bank with VMware Tools, as media carry them: a VIB for the locker with a module of its own. */
  function withTools(): string {
    const [signer] = readSigners({ keys: [], certificates: [], chain: [], testSigners: ['partner'], hash: 'sha256' });
    const descriptor = {
      type: 'locker',
      name: 'tools-light',
      version: '12.4.0-1',
      vendor: 'VMware',
      acceptanceLevel: 'partner',
    };
    const files = [{ name: 'packages/vmtools/linux.iso', data: utf8('tools') }];
    const vib = readVib(buildVib({ descriptor, payloads: [{ name: 'tools', type: 'tgz', files }] }, signer ?? []));
    const tools = { vib, files: new Map([['tools', 'tools.t00']]) };
    const imgdb = buildImgdb('ESXi-8.0.3-0.0.24022510-standard', [...imgdbPackages(), tools]);
    const module = vib.payloads[0]?.data ?? new Uint8Array(0);
    return changed('tools', { 'imgdb.tgz': imgdb, 'tools.t00': module }, (list) =>
      list.replace('/imgdb.tgz', '/tools.t00 --- $&'),
    );
  }

  it('VIBs for the locker stay off the host: the same PCRs as without them, from disc, copied disc and build', async () => {
    const { code } = await esxsimHere('image', 'iso', withTools(), '--out', path('tools.iso'));
    expect(code).toBe(0);
    const disc = openIso(fileSource(path('tools.iso')));
    expect(disc.find('tools.t00')).toBeDefined();
    for (const file of disc.files.keys()) {
      mkdirSync(dirname(path(`stick/${file}`)), { recursive: true });
      writeFileSync(path(`stick/${file}`), disc.read(file));
    }
    const { pcrs } = await boot(path('bank'));
    expect((await boot(path('tools.iso'))).pcrs).toEqual(pcrs);
    expect((await boot(path('stick'))).pcrs).toEqual(pcrs);
    const build = await esxsimHere('image', 'build', '--vib', path('tools.iso'), '--out', path('built'));
    expect(build.code).toBe(0);
    expect((await boot(path('built'))).pcrs).toEqual(pcrs);
  }, 60_000);

  it('a bank that was never updated is no media: it does not boot', async () => {
    const config = fromLatin1(bytes('bank/boot.cfg'))
      .replace(/^updated=.*$/m, 'updated=0')
      .replace(/^bootstate=.*$/m, 'bootstate=3');
    const image = changed('invalid', {});
    writeFileSync(join(image, 'boot.cfg'), config);
    copyFileSync(path('bank/b.b00'), join(image, 'b.b00'));
    expect((await boot(image)).code).toBe(1);
    const { code, stdout } = await esxsimHere('image', 'inspect', image);
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringContaining('no host boots this bank: bootstate is 3'),
    });
  });
});

describe('what image inspect says of Secure Boot', () => {
  const refused = async (image: string): Promise<readonly string[]> => {
    const { stdout } = await esxsimHere('image', 'inspect', image, '--json');
    return JSON.parse(stdout).secureBoot;
  };
  /** A module with its last byte, which is of the signature's trailer, changed. */
  const spoiled = (name: string): Uint8Array => {
    const content = gunzip(bytes(`bank/${name}`), name);
    return gzip(content.map((byte, i) => (i === content.length - 40 ? byte ^ 1 : byte)));
  };

  it.each<[string, () => Record<string, Uint8Array>, RegExp | undefined]>([
    ['a sound bank', () => ({}), undefined],
    ['a changed kernel', () => ({ 'k.b00': spoiled('k.b00') }), /^\/k\.b00: /],
    [
      'a descriptor changed',
      () => ({ 'imgdb.tgz': database((name, text) => [[name, text.replace('<summary>Emulex', '<summary>Other')]]) }),
      /^VIB VMW_bootbank_lpfc_\S+: signature invalid$/,
    ],
  ])('is what the boot finds: %s', async (name, files, why) => {
    const image = changed(`judged-${name.replaceAll(' ', '-')}`, files());
    const reasons = await refused(image);
    expect(reasons.length).toBe(why === undefined ? 0 : 1);
    if (why !== undefined) expect(reasons[0]).toMatch(why);
    expect((await boot(image)).code).toBe(why === undefined ? 0 : 1);
  });

  it('arguments of modules are shown, and that nobody measures them', async () => {
    const image = changed('arguments', {}, (list) => list.replace('/k.b00', '/k.b00 debug=1'));
    const { code, stdout } = await esxsimHere('image', 'inspect', image);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining('Arguments of k.b00, not measured: debug=1'),
    });
    expect((await boot(image)).pcrs).toEqual((await boot(path('bank'))).pcrs);
  });
});

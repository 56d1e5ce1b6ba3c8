import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import {
  buildVib,
  gunzip,
  gzip,
  readUstar,
  readVib,
  type Vib,
  type VibRecipe,
  verifyVib,
  writeUstar,
} from '../vib/index.ts';
import { buildBootbank } from './bootbank.ts';
import { installedAsVib, readImgdb } from './imgdb.ts';

const options = { build: '8.0.3-0.0.1', release: '8.0.3', kernelOptions: '', bootUuid: '0'.repeat(32) };
const NOTHING = new Uint8Array(0);

type Payloads = VibRecipe['payloads'];
const vib = (name: string, payloads: Payloads, vendor = 'VMW', version = '1.0-1'): Vib =>
  readVib(
    buildVib({ descriptor: { type: 'bootbank', name, version, vendor, acceptanceLevel: 'community' }, payloads }),
  );
const boot = (name: string, text: string): Payloads[number] => ({ name, type: 'boot', content: utf8(text) });
const archive = (name: string): Payloads[number] => ({
  name,
  type: 'vgz',
  files: [{ name: `opt/${name}`, data: utf8(name) }],
});
const loaders: Payloads[number] = {
  name: 'btldr',
  type: 'tgz',
  files: ['safeboot64.efi', 'mboot64.efi', 'other.efi'].map((name) => ({
    name: `usr/lib/x/${name}`,
    data: utf8(name),
  })),
};
const base = vib(
  'esx-base',
  [boot('k', 'kernel'), boot('b', 'loader'), archive('s'), boot('useropts.gz', '\n'), loaders],
  'VMware',
);
const driver = vib('net-driver-one', [archive('net-driver-one')]);
const second = vib('net-driver-two', [archive('net-driver-two')]);

describe('bootbank', () => {
  const { bootbank, esp } = buildBootbank([driver, base, second], options);

  it('has files of the payloads that are modules by their type, and no others', () => {
    const text = (name: string, type: string): Payloads[number] => ({ name, type, content: utf8(`${name}\n`) });
    const mixed = vib('mixed', [
      text('setup', 'insttar'),
      text('precheck', 'upgrade'),
      text('loader', 'bootx64'),
      text('odd', 'another'),
      // Types of payloads in VMware's own esx-base of 7.0.0 that are no modules in the boot.cfg of its media.
      text('setup-boot.efi', 'boot_loader_efi'),
      text('setup-mboot.c32', 'boot_com32_bios'),
      text('setup-linux.bin', 'boot_iso_bios'),
      text('setup-efi.img', 'eltorito_image_efi'),
      text('setup-osl.txt', 'text'),
      { name: 'odd-module', type: 'boot', content: utf8('module\n') },
    ]);
    const bank = buildBootbank([base, mixed], options).bootbank;
    const names = [...bank.keys()].filter((name) => /^(setup|precheck|loader|odd)/.test(name));
    expect(names).toEqual(['odd_modu.b00']);
    expect(fromUtf8(bank.get('boot.cfg') ?? NOTHING)).not.toMatch(/setup|precheck/);
    const { vibs, findings } = readImgdb(bank.get('imgdb.tgz') ?? NOTHING);
    expect(findings).toEqual([]);
    const files = vibs.find(({ descriptor }) => descriptor.name === 'mixed')?.files;
    expect([...(files ?? [])]).toEqual([['odd-module', 'odd_modu.b00']]);
  });

  it('has one file per payload, with the bytes of the VIB, in boot order', () => {
    const list = /modules=(.*)/.exec(fromUtf8(bootbank.get('boot.cfg') ?? NOTHING))?.[1];
    expect(list).toBe(
      '/useropts.gz --- /k.b00 --- /s.v00 --- /net_driv.v00 --- /net_driv.v01 --- /btldr.t00 --- /imgdb.tgz --- /state.tgz',
    );
    expect(bootbank.get('net_driv.v01')).toEqual(second.payloads[0]?.data);
    expect(gunzip(bootbank.get('useropts.gz') ?? NOTHING, '')).toEqual(utf8('\n'));
  });

  it('puts the boot loaders on the system partition', () => {
    const texts = [...esp].map(([path, data]) => [path, fromUtf8(data)]);
    expect(texts).toEqual([
      ['EFI/BOOT/BOOTX64.EFI', 'safeboot64.efi'],
      ['EFI/VMware/safeboot64.efi', 'safeboot64.efi'],
      ['EFI/VMware/mboot64.efi', 'mboot64.efi'],
    ]);
  });

  it('does not depend on the order of the VIBs', () => {
    expect(buildBootbank([second, base, driver], options)).toEqual({ bootbank, esp });
  });

  it('keeps the names of modules that stay, where they are names of modules', () => {
    const kept = (file: string) =>
      new Map([['VMW_bootbank_net-driver-two_1.0-1', new Map([['net-driver-two', file]])]]);
    const names = (file: string) => [
      ...buildBootbank([driver, base, second], { ...options, keptFiles: kept(file) }).bootbank.keys(),
    ];
    expect(names('net_driv.v07')).toEqual(expect.arrayContaining(['net_driv.v00', 'net_driv.v07']));
    for (const bad of ['../up.v00', 'boot.cfg', 'imgdb.tgz', 'A B.v00', '']) {
      expect(names(bad)).toEqual(expect.arrayContaining(['net_driv.v00', 'net_driv.v01']));
    }
  });

  it('takes a given state and refuses what cannot boot', () => {
    const state = gzip(writeUstar([]));
    expect(buildBootbank([base], { ...options, state }).bootbank.get('state.tgz')).toBe(state);
    expect(() => buildBootbank([driver], options)).toThrow(/kernel payload b/);
    expect(() => buildBootbank([], options)).toThrow(InputError);
    expect(() => buildBootbank([base, base], options)).toThrow(/two VIBs named esx-base/);
    const lacking = { ...driver, payloads: [] };
    expect(() => buildBootbank([base, lacking], options)).toThrow(/payload net-driver-one is missing/);
  });
});

describe('image database', () => {
  const { bootbank } = buildBootbank([driver, base, second], options);
  const database = bootbank.get('imgdb.tgz') ?? NOTHING;

  it('gives back the VIBs, their files and the owner of each file', () => {
    const { vibs, owners, profile, findings } = readImgdb(database);
    expect(findings).toEqual([]);
    expect(profile).toEqual({ name: 'ESXi-8.0.3-0.0.1-standard', acceptanceLevel: 'community' });
    expect(vibs.map(({ id }) => id).sort()).toEqual([
      'VMW_bootbank_net-driver-one_1.0-1',
      'VMW_bootbank_net-driver-two_1.0-1',
      'VMware_bootbank_esx-base_1.0-1',
    ]);
    expect(owners.get('net_driv.v01')).toEqual({
      vibId: 'VMW_bootbank_net-driver-two_1.0-1',
      vibName: 'net-driver-two',
      vibVersion: '1.0-1',
      vibVendor: 'VMW',
      payloadName: 'net-driver-two',
    });
    expect(owners.has('imgdb.tgz')).toBe(false);
    expect(readImgdb(gunzip(database, ''))).toEqual(readImgdb(database));
  });

  it('lets an installed VIB be verified against the files of the bank', async () => {
    const installed = readImgdb(database).vibs.find(({ descriptor }) => descriptor.name === 'net-driver-one');
    if (installed === undefined) throw new Error('not installed');
    const trust = { roots: [], time: 'ignore' } as const;
    expect((await verifyVib(installedAsVib(installed, bootbank), trust)).ok).toBe(true);
    const swapped = new Map(bootbank).set('net_driv.v00', bootbank.get('net_driv.v01') ?? NOTHING);
    const codes = (await verifyVib(installedAsVib(installed, swapped), trust)).findings.map(({ code }) => code);
    expect(codes).toContain('checksum-mismatch');
    expect((await verifyVib(installedAsVib(installed, new Map()), trust)).ok).toBe(false);
    const upper = new Map([...bootbank].map(([name, bytes]) => [name.toUpperCase(), bytes]));
    expect((await verifyVib(installedAsVib(installed, upper), trust)).ok).toBe(true);
  });

  const rebuilt = (change: (name: string, text: string) => string | undefined): Uint8Array => {
    const entries = readUstar(gunzip(database, '')).flatMap((entry) => {
      const text = change(entry.name, fromUtf8(entry.data));
      return text === undefined ? [] : [{ ...entry, data: utf8(text) }];
    });
    return writeUstar(entries);
  };
  const isProfile = (name: string): boolean => name.includes('/profiles/');
  const codes = (bytes: Uint8Array) => readImgdb(bytes).findings.map(({ code }) => code);

  it('keeps what is usable of a damaged database', () => {
    expect(codes(rebuilt((name, text) => (isProfile(name) ? undefined : text)))).toEqual(['profile-missing']);
    expect(codes(rebuilt((name, text) => (isProfile(name) ? '<a' : text)))).toEqual(['profile-unreadable']);
    const broken = rebuilt((name, text) =>
      name.includes('net-driver-one') && name.endsWith('.xml') ? '<vib/>' : text,
    );
    expect(codes(broken)).toEqual(['descriptor-unreadable', 'vib-not-in-database']);
    expect(readImgdb(broken).vibs.length).toBe(2);
    const claimed = rebuilt((name, text) => (isProfile(name) ? text.replace('net_driv.v01', 'net_driv.v00') : text));
    expect(codes(claimed)).toEqual(['file-claimed-twice']);
    expect(readImgdb(claimed).owners.get('net_driv.v00')?.vibName).toBe('net-driver-one');
    const dropped = rebuilt((name, text) =>
      isProfile(name) ? text.replace('<vib-id>VMW_bootbank_net-driver-one', '<vib-id>X') : text,
    );
    expect(codes(dropped)).toEqual(['vib-not-in-profile', 'vib-not-in-database']);
  });

  it('gives only InputErrors on damaged bytes', () => {
    const tar = gunzip(database, '');
    fc.assert(
      fc.property(fc.constantFrom(tar, database), fc.nat(), fc.nat(255), fc.nat(), (bytes, at, value, cut) => {
        const bad = bytes.slice(0, bytes.length - (cut % bytes.length));
        if (bad.length > 0) bad[at % bad.length] = value;
        try {
          readImgdb(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 100 },
    );
  });
});

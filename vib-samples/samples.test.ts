/** The committed samples are what the recipes give, and they make a bootable disk. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_SECURE_BOOT_KEYS } from '../sim/platform/default-keys.ts';
import { equalBytes, fromUtf8, toHex } from '../src/bytes/bytes.ts';
import { hash } from '../src/crypto/hash.ts';
import { decodePem } from '../src/crypto/pem.ts';
import { parseCertificate } from '../src/crypto/x509.ts';
import {
  asksForMeasurement,
  buildBootbank,
  checkBootModules,
  extractMle,
  findEsxBootInfo,
  findSection,
  installedAsVib,
  isElf,
  KEY_TABLE_SECTION,
  lowestSegment,
  type ModuleKey,
  moduleStream,
  parseBootCfg,
  parseElf,
  parseKeyTable,
  parseModInfo,
  parseVersionRecord,
  readImgdb,
  readSymbols,
  verifyModule,
} from '../src/esxboot/index.ts';
import { certificateDatabase, findPeSection, parsePe, parseSignatureDatabase, verifyImage } from '../src/uefi/index.ts';
import {
  gunzip,
  isGzip,
  openPayload,
  readVib,
  rewriteVib,
  type Vib,
  verifyVib,
  writeDescriptor,
} from '../src/vib/index.ts';
import { defaultKeysModule } from './default-keys.ts';
import { makeSamples, type Sample } from './make.ts';
import { loadPki } from './pki.ts';

const here = new URL('./', import.meta.url);
const pki = loadPki((name) => readFileSync(new URL(`pki/${name}`, here), 'utf8'));
let samples: readonly Sample[] = [];
beforeAll(() => {
  samples = makeSamples(pki);
});

const folder = (name: string): Vib[] =>
  samples.filter(({ path }) => path.startsWith(`${name}/`)).map(({ bytes }) => readVib(bytes));

function disk(name: 'esxi-8.0' | 'esxi-6.7') {
  return buildBootbank(folder(name), {
    build: 'test',
    release: name.slice(5),
    kernelOptions: 'autoPartition=FALSE',
    bootUuid: '00112233445566778899aabbccddeeff',
  });
}

interface BankModule {
  readonly file: string;
  readonly data: Uint8Array;
}

/** The modules of a disk in the order of its boot.cfg, decompressed. */
function modules(bootbank: ReadonlyMap<string, Uint8Array>): BankModule[] {
  const { mboot } = parseBootCfg(bootbank.get('boot.cfg') ?? new Uint8Array(0));
  return [mboot.kernel ?? '', ...mboot.modules.map(({ file }) => file)].map((file) => {
    const data = bootbank.get(file.slice(1)) ?? new Uint8Array(0);
    return { file, data: isGzip(data) ? gunzip(data, file) : data };
  });
}

const moduleOf = (list: readonly BankModule[], file: string): Uint8Array =>
  list.find((module) => module.file === file)?.data ?? new Uint8Array(0);

function loaderKeys(esp: ReadonlyMap<string, Uint8Array>): ModuleKey[] {
  const mboot = parsePe(esp.get('EFI/VMware/mboot64.efi') ?? new Uint8Array(0));
  return parseKeyTable(findPeSection(mboot, KEY_TABLE_SECTION)?.data ?? new Uint8Array(0));
}

describe('sample VIBs', () => {
  it('are the committed files, byte for byte', () => {
    for (const { path, bytes } of samples) {
      expect(equalBytes(new Uint8Array(readFileSync(new URL(path, here))), bytes), path).toBe(true);
    }
    const committed = ['esxi-8.0', 'esxi-6.7', 'extra'].flatMap((name) =>
      readdirSync(fileURLToPath(new URL(name, here))).map((file) => `${name}/${file}`),
    );
    expect(committed.sort()).toEqual(samples.map(({ path }) => path).sort());
  });

  it('are written back byte for byte after reading, descriptors too', () => {
    for (const { path, bytes } of samples) {
      const vib = readVib(bytes);
      expect(equalBytes(rewriteVib(vib), bytes), path).toBe(true);
      expect(equalBytes(writeDescriptor(vib.descriptor), vib.descriptorBytes), path).toBe(true);
    }
  });

  it('have default Secure Boot keys that are the committed ones', () => {
    const file = new URL('../sim/platform/default-keys.ts', here);
    expect(readFileSync(file, 'utf8')).toBe(defaultKeysModule(pki));
    const names = DEFAULT_SECURE_BOOT_KEYS.db.map((der) => parseCertificate(der).subject.text);
    expect(names.every((name) => name.includes('esxsim test'))).toBe(true);
    expect(names.length).toBe(2);
  });

  it('verify against the test root, the community VIB only as unsigned', async () => {
    for (const { path, bytes } of samples) {
      const report = await verifyVib(readVib(bytes), { roots: [pki.vibRoot], time: Date.UTC(2024, 5, 25) });
      expect(report.findings, path).toEqual([]);
      expect(report.ok, path).toBe(true);
      expect(report.signature.status, path).toBe(path.startsWith('extra/') ? 'missing' : 'valid');
    }
  });

  it('hold at least ten signed native drivers with map file and module information', () => {
    const drivers = folder('esxi-8.0').filter(({ descriptor }) => descriptor.softwareTags.includes('driver'));
    expect(drivers.length).toBeGreaterThanOrEqual(10);
    for (const { descriptor, payloads } of drivers) {
      const [payload] = payloads;
      const entries = payload === undefined ? [] : openPayload(payload).entries;
      const map = entries.find(({ name }) => name === `etc/vmware/default.map.d/${descriptor.name}.map`);
      expect(fromUtf8(map?.data ?? new Uint8Array(0))).toContain(`driver=${descriptor.name}\n`);
      const file = entries.find(({ name }) => name === `usr/lib/vmware/vmkmod/${descriptor.name}`)?.data;
      if (file === undefined) throw new Error(`${descriptor.name}: no module`);
      const elf = parseElf(file);
      const info = parseModInfo(findSection(elf, '.vmkmodinfo')?.data ?? new Uint8Array(0));
      expect(info).toContainEqual(['version', descriptor.version]);
      expect(readSymbols(elf).map(({ name }) => name)).toEqual(
        expect.arrayContaining(['init_module', 'cleanup_module']),
      );
      expect(verifyModule(file, pki.moduleKeys).code).toBe('ok');
    }
  });

  it('hold option payloads with the contents that real reports show', () => {
    const list = modules(disk('esxi-8.0').bootbank);
    // Digests: facts, esxi-measured-boot §12.2.
    expect(toHex(hash('sha256', moduleOf(list, '/useropts.gz')))).toBe(
      '01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b',
    );
    expect(moduleOf(list, '/features.gz').length).toBe(0);
  });
});

describe.each(['esxi-8.0', 'esxi-6.7'] as const)('boot disk of %s', (name) => {
  it('starts with the early modules and ends with database and state', () => {
    const files = modules(disk(name).bootbank).map(({ file }) => file);
    const early =
      name === 'esxi-8.0'
        ? 'b.b00 jumpstrt.gz useropts.gz features.gz k.b00 uc_intel.b00 uc_amd.b00 uc_hygon.b00 procfs.b00 vmx.v00 vim.v00 tpm.v00 sb.v00 s.v00'
        : 'b.b00 jumpstrt.gz useropts.gz features.gz k.b00 chardevs.b00 user.b00 procfs.b00 uc_intel.b00 uc_amd.b00 uc_hygon.b00 vmx.v00 vim.v00 sb.v00 s.v00';
    const expected = early.split(' ').map((file) => `/${file}`);
    expect(files.slice(0, expected.length)).toEqual(expected);
    expect(files.slice(-2)).toEqual(['/imgdb.tgz', '/state.tgz']);
  });

  it('passes the bootloader check with the keys inside mboot64.efi', async () => {
    const { bootbank, esp } = disk(name);
    const check = await checkBootModules(
      modules(bootbank).map(({ file, data }) => ({ file, head: data.subarray(0, 512), content: moduleStream(data) })),
      loaderKeys(esp),
    );
    expect(check.verdict).toBe('valid');
    expect(check.signers.map(({ keyId }) => keyId)).toEqual(['esxsim_test67']);
    expect(check.modules.map(({ file }) => file)).toEqual(
      name === 'esxi-8.0'
        ? ['/b.b00', '/k.b00', '/procfs.b00', '/sb.v00', '/s.v00', '/esxupdt.v00']
        : ['/b.b00', '/k.b00', '/chardevs.b00', '/user.b00', '/procfs.b00', '/sb.v00', '/s.v00'],
    );
  });

  it('asks the bootloader to measure only in 8.0', () => {
    const b = parseElf(modules(disk(name).bootbank)[0]?.data ?? new Uint8Array(0));
    const found = findEsxBootInfo(lowestSegment(b)?.data ?? new Uint8Array(0));
    expect(found && asksForMeasurement(found.header)).toBe(name === 'esxi-8.0');
    expect(extractMle(b)?.header.capabilities).toBe(0x221);
  });

  it('has version records and the loader keys in the kernel', () => {
    const { bootbank, esp } = disk(name);
    const list = modules(bootbank);
    for (const stem of ['b', 'k']) {
      const section = findSection(parseElf(moduleOf(list, `/${stem}.b00`)), '.version');
      expect(parseVersionRecord(section?.data ?? new Uint8Array(0))).toMatchObject({
        componentName: stem,
        findings: [],
      });
    }
    const keys = findSection(parseElf(moduleOf(list, '/k.b00')), KEY_TABLE_SECTION);
    expect(parseKeyTable(keys?.data ?? new Uint8Array(0))).toEqual(loaderKeys(esp));
  });

  it('carries the VIB root in sb and boot loaders that the default db accepts', () => {
    const { bootbank, esp } = disk(name);
    const sb = openPayload({ name: 'sb', type: 'vgz', data: bootbank.get('sb.v00') ?? new Uint8Array(0) });
    const roots = sb.entries.filter(({ name: path }) => path.startsWith('usr/lib/vmware/secureboot/certs/'));
    expect(roots.flatMap(({ data }) => decodePem(data).map(({ bytes }) => toHex(bytes)))).toEqual([
      toHex(pki.vibRoot.der),
    ]);
    const { owner, db } = DEFAULT_SECURE_BOOT_KEYS;
    const database = parseSignatureDatabase(certificateDatabase(owner, db));
    expect([...esp.keys()]).toContain('EFI/BOOT/BOOTX64.EFI');
    for (const [path, image] of esp) expect(verifyImage(parsePe(image), database).ok, path).toBe(true);
  });

  it('has an image database that names the owner of every other file', async () => {
    const { bootbank } = disk(name);
    const database = readImgdb(bootbank.get('imgdb.tgz') ?? new Uint8Array(0));
    expect(database.findings).toEqual([]);
    expect(database.profile?.acceptanceLevel).toBe('partner');
    expect(database.vibs.length).toBe(folder(name).length);
    const unowned = [...bootbank.keys()].filter((file) => !database.owners.has(file));
    expect(unowned).toEqual(['boot.cfg', 'imgdb.tgz', 'state.tgz']);
    expect(database.owners.get('nvmxnet3.v00')).toMatchObject({ vibName: 'nvmxnet3-ens', vibVendor: 'VMW' });
    for (const vib of database.vibs) {
      expect(
        (await verifyVib(installedAsVib(vib, bootbank), { roots: [pki.vibRoot], time: 'ignore' })).ok,
        vib.id,
      ).toBe(true);
    }
  });

  it('has only signed executables and modules in its archives', () => {
    for (const vib of folder(name)) {
      for (const { name: path, data } of vib.payloads.flatMap((payload) => openPayload(payload).entries)) {
        if (isElf(data)) expect(verifyModule(data, pki.moduleKeys).code, path).toBe('ok');
      }
    }
  });
});

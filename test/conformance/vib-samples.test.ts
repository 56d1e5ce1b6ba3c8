/** The committed sample VIBs in the hands of other people's tools: ar, openssl, readelf, sbverify. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isElf, stripTrailer } from '../../src/esxboot/index.ts';
import { openPayload, readVib, type Vib } from '../../src/vib/index.ts';

const SAMPLES = fileURLToPath(new URL('../../vib-samples', import.meta.url));
const pki = (name: string): string => join(SAMPLES, 'pki', name);
const vibs = ['esxi-8.0', 'esxi-6.7', 'extra'].flatMap((folder) =>
  readdirSync(join(SAMPLES, folder))
    .filter((name) => name.endsWith('.vib'))
    .map((name) => ({ name: `${folder}/${name}`, path: join(SAMPLES, folder, name) })),
);

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'esxsim-vib-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: dir });
  if (result.error !== undefined) throw new Error(`${command} is needed for this suite: ${result.error.message}`);
  return result;
}

const open = (path: string): Vib => readVib(new Uint8Array(readFileSync(path)));

/** Decompressed boot modules and the files inside archives, by a name for messages. */
function contents(vib: Vib): [string, Uint8Array][] {
  return vib.payloads.flatMap((payload): [string, Uint8Array][] => {
    const { decompressed, entries } = openPayload(payload);
    return [[payload.name, decompressed], ...entries.map(({ name, data }): [string, Uint8Array] => [name, data])];
  });
}

describe('sample VIBs', () => {
  it('are there: two releases and a community VIB', () => {
    expect(vibs.filter(({ name }) => name.startsWith('esxi-8.0/')).length).toBeGreaterThanOrEqual(20);
    expect(vibs.filter(({ name }) => name.startsWith('esxi-6.7/')).length).toBeGreaterThanOrEqual(20);
    expect(vibs.some(({ name }) => name.startsWith('extra/'))).toBe(true);
  });

  it.each(vibs)('ar lists the members of $name', ({ path }) => {
    const { status, stdout, stderr } = run('ar', 't', path);
    const { descriptor } = open(path);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const expected = ['descriptor.xml', 'sig.pkcs7', ...descriptor.payloads.map(({ name }) => name)];
    expect(stdout.trim().split('\n')).toEqual(expected);
  });

  it.each(vibs)('openssl cms verifies $name', ({ path, name }) => {
    const { descriptorBytes, signature = new Uint8Array(0) } = open(path);
    writeFileSync(join(dir, 'descriptor.xml'), descriptorBytes);
    writeFileSync(join(dir, 'sig.pkcs7'), signature);
    if (name.startsWith('extra/')) {
      expect(signature.length).toBe(0);
      return;
    }
    const verify = ['cms', '-verify', '-inform', 'DER', '-in', 'sig.pkcs7', '-content', 'descriptor.xml', '-binary'];
    const trust = ['-CAfile', pki('vib-root.crt.pem'), '-out', 'out.xml'];
    const good = run('openssl', ...verify, ...trust);
    expect(good.stderr).toMatch(/Verification successful/);
    expect(good.status).toBe(0);
    const changed = descriptorBytes.slice();
    changed[changed.length - 10] = (changed[changed.length - 10] ?? 0) ^ 1;
    writeFileSync(join(dir, 'descriptor.xml'), changed);
    expect(run('openssl', ...verify, ...trust).status).not.toBe(0);
  });

  it.each(vibs)('readelf reads every module and executable of $name', ({ path, name }) => {
    const elves = contents(open(path)).filter(([, data]) => isElf(data));
    if (name.includes('VMW_bootbank_')) expect(elves.length).toBe(1);
    for (const [i, [module, data]] of elves.entries()) {
      const file = join(dir, `module-${i}`);
      writeFileSync(file, data);
      const { status, stdout, stderr } = run('readelf', '-W', '-a', file);
      expect(stderr, module).toBe('');
      expect(stdout, module).toContain('ELF64');
      expect(status, module).toBe(0);
      expect(stripTrailer(data).length, `${module} is signed`).toBeLessThan(data.length);
    }
  });

  it.each(vibs.filter(({ name }) => name.includes('_esx-base_')))(
    'sbverify accepts the boot loaders of $name',
    ({ path }) => {
      const images = contents(open(path)).filter(([module]) => module.endsWith('.efi'));
      expect(images.length).toBe(3);
      for (const [module, data] of images) {
        const file = join(dir, 'image.efi');
        writeFileSync(file, data);
        const { status, stdout } = run('sbverify', '--cert', pki('sb-db-ca.crt.pem'), file);
        expect(stdout, module).toContain('Signature verification OK');
        expect(status, module).toBe(0);
      }
    },
  );

  it.each(vibs.filter(({ name }) => name.includes('_esx-base_')))(
    'openssl verifies the attached signature of b in $name',
    ({ path }) => {
      const [, module] = contents(open(path)).find(([name]) => name === 'b') ?? [];
      if (module === undefined) throw new Error('no payload b');
      const length = new DataView(module.buffer, module.byteOffset).getUint32(module.length - 8, true);
      const signed = module.subarray(0, module.length - 8 - length);
      writeFileSync(join(dir, 'signed'), signed);
      writeFileSync(join(dir, 'signature'), module.subarray(signed.length + 16, module.length - 8));
      const key = run('openssl', 'x509', '-in', pki('module-esxsim_test67.crt.pem'), '-pubkey', '-noout').stdout;
      writeFileSync(join(dir, 'key.pem'), key);
      const { stdout } = run('openssl', 'dgst', '-sha512', '-verify', 'key.pem', '-signature', 'signature', 'signed');
      expect(stdout).toContain('Verified OK');
    },
  );
});

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesSource, openZip } from '../../src/archive/index.ts';
import { fromUtf8, utf8 } from '../../src/bytes/bytes.ts';
import { openBundle, writeBundle } from '../../src/depot/index.ts';
import { buildVib, rewriteVib } from '../../src/vib/index.ts';
import { imageKind, openInput } from './image-paths.ts';
import { findVibPaths } from './vib-files.ts';

const vib = (name: string) =>
  buildVib({
    descriptor: { type: 'bootbank', vendor: 'ACME', name, version: '1-1', acceptanceLevel: 'community' },
    payloads: [{ name: 'p', type: 'boot', content: utf8(name) }],
  });
const id = (name: string) => `ACME_bootbank_${name}_1-1`;
const BUNDLE = writeBundle({
  release: '8.0.3',
  vendor: { name: 'ACME', code: 'ACM' },
  timestamp: '2026-01-01T00:00:00.000000+00:00',
  vibs: ['one', 'two'].map((name) => () => vib(name)),
  profiles: [{ name: 'both', vibIds: [id('one'), id('two')] }],
});

let folder = '';
/** Unpacks the bundle, with some bytes replaced. */
function unpack(change: (name: string, data: Uint8Array) => Uint8Array = (_, data) => data): string {
  const zip = openZip(bytesSource(BUNDLE));
  for (const name of zip.entries.keys()) {
    const path = join(folder, 'depot', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, change(name, zip.read(name)));
  }
  return join(folder, 'depot');
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'esxsim-depot-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ONE = `vib20/one/${id('one')}.vib`;

describe('a bundle that was unpacked to a folder', () => {
  it('is read as the archive is', () => {
    const path = unpack();
    expect(imageKind(path)).toBe('bundle');
    const { bundle } = openInput(path);
    const packed = openBundle(bytesSource(BUNDLE));
    expect(bundle?.profiles).toEqual(packed.profiles);
    expect(bundle?.bulletins).toEqual(packed.bulletins);
    expect(bundle?.findings).toEqual([]);
    for (const name of ['one', 'two']) {
      for (const lazy of [true, false]) {
        const found = bundle?.openVib(id(name), { lazy });
        expect(found && rewriteVib(found)).toEqual(vib(name));
      }
    }
    expect(openInput(`${path}#both`)).toMatchObject({ kind: 'bundle', path, profile: 'both' });
  });

  it('a VIB that is missing, damaged or behind a link is said to be so', async () => {
    const path = unpack((name, data) => (name === ONE ? data.with(data.length - 3, 0x55) : data));
    const { bundle } = openInput(path);
    expect(() => bundle?.openVib(id('one'))).toThrow(/SHA-256 is .*, the metadata say/);
    renameSync(join(path, ONE), join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(path, ONE));
    expect(openInput(path).bundle?.findings).toMatchObject([{ code: 'vib-file-missing', where: ONE }]);
    expect(await findVibPaths([path])).toMatchObject([{ id: id('one'), problem: {} }, { vib: {} }]);
  });

  it('nothing outside of the folder is read, whatever the metadata say', () => {
    const path = unpack((name, data) =>
      name === 'vendor-index.xml' ? utf8(fromUtf8(data).replace('metadata.zip', '../outside.zip')) : data,
    );
    renameSync(join(path, 'metadata.zip'), join(folder, 'outside.zip'));
    expect(existsSync(join(folder, 'outside.zip'))).toBe(true);
    expect(() => openInput(path)).toThrow('../outside.zip: no such file in the folder');
  });

  it('limits of an archive hold', () => {
    const path = unpack();
    expect(() => openInput(path, { maxEntries: 3 })).toThrow('more than 3 files');
    expect(() => openInput(path, { maxBytes: 10 })).toThrow(/index\.xml: \d+ bytes, the limit is 10/);
  });

  it('a folder with VIBs of its own is one of VIBs', () => {
    const path = unpack();
    writeFileSync(join(path, 'own.vib'), vib('own'));
    expect(imageKind(path)).toBe('folder');
  });
});

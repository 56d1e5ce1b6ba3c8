import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import { gzip, writeUstar, writeVmtar } from '../../src/vib/index.ts';
import { readModule } from '../boot/modules.ts';
import { VirtualClock } from '../clock.ts';
import { BootConsole } from '../console.ts';
import type { Machine } from '../machine.ts';
import { eachTardiskFile, mountTardisks } from './tardisks.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(import.meta.dirname, '../../test/fixtures/compress', name)));

const FILES = [
  { name: 'opt', type: 'directory' as const },
  { name: 'opt/a', data: utf8('first') },
  { name: './opt/b', data: utf8('second') },
];

async function mount(...contents: readonly Uint8Array[]) {
  const console = new BootConsole(new VirtualClock());
  const modules = await Promise.all(
    contents.map((content, index) => readModule({ index, path: `/m.v0${index}`, options: '' }, gzip(content))),
  );
  const mounted = await mountTardisks({ console } as Machine, modules);
  return { mounted, lines: console.lines.map(({ text }) => text) };
}

describe('tardisks', () => {
  it('are the files of both kinds of archives, read when they are asked for', async () => {
    for (const archive of [writeVmtar(FILES), writeUstar(FILES)]) {
      const { mounted, lines } = await mount(archive, utf8('no archive'));
      expect(lines).toEqual(['VisorFS: mounted 1 tardisks']);
      const [tardisk] = mounted;
      if (tardisk === undefined) throw new Error('not mounted');
      const found: [string, string][] = [];
      await eachTardiskFile(
        tardisk,
        (path) => path !== 'opt/a',
        (path, data) => found.push([path, new TextDecoder().decode(data)]),
      );
      expect(found).toEqual([['opt/b', 'second']]);
    }
  });

  it('lie below a second layer of compression too, as in official images', async () => {
    const { mounted, lines } = await mount(fixture('vmtar.xz'), fixture('ustar.zst'), fixture('vmtar-x86.xz'));
    expect(lines).toEqual(['VisorFS: mounted 3 tardisks']);
    for (const tardisk of mounted) {
      const found: [string, string][] = [];
      const all = (path: string, data: Uint8Array) => found.push([path, new TextDecoder().decode(data)]);
      // More than one pass, each of which unpacks the archive again.
      await eachTardiskFile(tardisk, () => true, all);
      await eachTardiskFile(tardisk, (path) => path === 'opt/b', all);
      expect(found).toEqual([
        ['opt/a', 'first'],
        ['opt/b', 'second'],
        ['opt/b', 'second'],
      ]);
    }
  });

  it('says why an archive is not mounted: damaged, or compressed in a form that is not opened', async () => {
    const damaged = writeVmtar(FILES).slice(0, 700);
    const xz = fixture('vmtar.xz');
    xz[100] = (xz[100] ?? 0) ^ 1;
    const zstd = fixture('ustar.zst').slice(0, 100);
    const { mounted, lines } = await mount(damaged, xz, zstd, fixture('vmtar-arm64.xz'));
    expect(mounted).toEqual([]);
    expect(lines).toEqual([
      'VisorFS: cannot mount m.v00: vmtar.entry[1] at offset 512: needs 512 bytes, 188 left',
      expect.stringMatching(/^VisorFS: cannot mount m\.v01: xz\.m\.v01\.\w+ at offset \d+: /),
      expect.stringMatching(
        /^VisorFS: cannot mount m\.v02: zstd\.m\.v02\.block at offset \d+: needs \d+ bytes, \d+ left$/,
      ),
      'VisorFS: cannot mount m.v03: xz filter arm64 is not supported',
      'VisorFS: mounted 0 tardisks',
    ]);
  });
});

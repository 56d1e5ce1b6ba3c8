import { describe, expect, it } from 'vitest';
import { concat, fromHex, utf8 } from '../../src/bytes/bytes.ts';
import { gzip, writeUstar, writeVmtar } from '../../src/vib/index.ts';
import { readModule } from '../boot/modules.ts';
import { VirtualClock } from '../clock.ts';
import { BootConsole } from '../console.ts';
import type { Machine } from '../machine.ts';
import { eachTardiskFile, mountTardisks } from './tardisks.ts';

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
  const mounted = mountTardisks({ console } as Machine, modules);
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

  it('says why an archive is not mounted: damaged, or inside a second layer of compression', async () => {
    const damaged = writeVmtar(FILES).slice(0, 700);
    const xz = concat(fromHex('fd377a585a000004'), new Uint8Array(600));
    const zstd = concat(fromHex('28b52ffd'), new Uint8Array(600));
    const { mounted, lines } = await mount(damaged, xz, zstd);
    expect(mounted).toEqual([]);
    expect(lines[0]).toMatch(
      /^VisorFS: cannot mount m\.v00: vmtar\.entry\[1\] at offset 512: needs 512 bytes, 188 left$/,
    );
    expect(lines.slice(1, 3)).toEqual([
      'VisorFS: cannot mount m.v01: holds xz data inside gzip',
      'VisorFS: cannot mount m.v02: holds zstd data inside gzip',
    ]);
  });
});

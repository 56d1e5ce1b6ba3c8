/** Unpacking by content, whatever the declared type; and piece by piece the same as in memory. */
import { describe, expect, it } from 'vitest';
import { codes, partner, recipe } from '../../test/support/vibs.ts';
import { bytesSource } from '../archive/source.ts';
import { concat, fromUtf8, tryFromBase64, utf8 } from '../bytes/bytes.ts';
import {
  type ExtractedHead,
  type ExtractTarget,
  extractMembers,
  extractVib,
  writeMembers,
  writeVibFiles,
} from './extract.ts';
import { isError } from './findings.ts';
import { gzip } from './gzip.ts';
import { entriesNow, openPayload } from './payload.ts';
import { listVib, listVibFiles } from './report.ts';
import type { ArchiveInput } from './tar-header.ts';
import { writeUstar } from './ustar.ts';
import { buildVib, readVib, type Vib } from './vib.ts';
import { writeVmtar } from './vmtar.ts';

/** More than is kept of a payload, and nothing that compresses well. */
const noise = (size: number, seed = 1): Uint8Array => {
  let state = seed;
  return new Uint8Array(size).map(() => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
};

const FILES: readonly ArchiveInput[] = [
  { name: 'opt', type: 'directory' },
  { name: 'opt/a', data: utf8('first'), mode: 0o755 },
  { name: 'opt/none' },
  { name: 'opt/b', data: noise(900_000) },
  { name: 'opt/link', type: 'symlink', linkName: 'a' },
  { name: 'opt/c', data: utf8('last') },
];
const EVIL: readonly ArchiveInput[] = [{ name: '../../etc/passwd', data: utf8('x') }];
const WAYS: readonly (readonly [string, (files: readonly ArchiveInput[]) => Uint8Array])[] = [
  ['tar', writeUstar],
  ['vmtar', writeVmtar],
];

const vibWith = (type: string, data: Uint8Array): Vib =>
  readVib(buildVib({ ...recipe, payloads: [{ name: 'p', type, data }] }, partner));

/** Takes what is written, and notes that every byte comes after its file was begun. */
class Memory implements ExtractTarget {
  readonly heads: ExtractedHead[] = [];
  readonly data = new Map<string, Uint8Array>();

  begin(head: ExtractedHead): void {
    this.heads.push(head);
    if (!head.directory) this.data.set(head.path, new Uint8Array(0));
  }

  append(path: string, bytes: Uint8Array): void {
    const before = this.data.get(path);
    if (before === undefined) throw new Error(`${path} was not begun`);
    this.data.set(path, concat(before, bytes));
  }
}

async function bothWays(vib: Vib): Promise<void> {
  const target = new Memory();
  const { files, findings } = await writeVibFiles(vib, target);
  const whole = extractVib(vib);
  expect(findings).toEqual(whole.findings);
  expect(files).toEqual(whole.files.map(({ data, ...head }) => ({ ...head, size: data.length })));
  const bad = findings.some(isError);
  expect(target.heads).toEqual(bad ? [] : files);
  if (bad) return;
  for (const { path, data, directory } of whole.files) {
    if (!directory) expect(Buffer.compare(target.data.get(path) ?? utf8('missing'), data)).toBe(0);
  }
}

describe.each(['vgz', 'tgz', 'insttar', 'upgrade', 'boot', 'bogus'])('an archive in a payload of type %s', (type) => {
  it.each(WAYS)('(%s) is listed and unpacked', async (_, write) => {
    const vib = vibWith(type, gzip(write(FILES)));
    const list = await listVibFiles(vib);
    expect(list).toEqual(listVib(vib));
    expect(list.map(({ path, size }) => [path, size])).toEqual([
      ['opt', 0],
      ['opt/a', 5],
      ['opt/none', 0],
      ['opt/b', 900_000],
      ['opt/link', 0],
      ['opt/c', 4],
    ]);
    expect(extractVib(vib).files.map(({ path }) => path)).toEqual(['opt', 'opt/a', 'opt/none', 'opt/b', 'opt/c']);
    await bothWays(vib);
    expect(
      (await codes(buildVib({ ...recipe, payloads: [{ name: 'p', type, data: gzip(write(FILES)) }] }, partner))).at(-1),
    ).toBe('link');
  });

  it.each(WAYS)('(%s) is searched for paths that lead outside', async (_, write) => {
    const data = gzip(write(EVIL));
    expect(await codes(buildVib({ ...recipe, payloads: [{ name: 'p', type, data }] }, partner))).toContain(
      'unsafe-path',
    );
    const target = new Memory();
    const { files, findings } = await writeVibFiles(vibWith(type, data), target);
    expect([files, findings.map(({ code }) => code), target.heads]).toEqual([[], ['unsafe-path'], []]);
  });
});

describe('unpacking piece by piece', () => {
  it('leaves what is no archive as it is', async () => {
    for (const data of [gzip(noise(900_000)), noise(900_000), gzip(utf8('option=1\n')), new Uint8Array(0)]) {
      const vib = vibWith('boot', data);
      expect((await listVibFiles(vib)).map(({ type, path }) => [type, path])).toEqual([['module', 'p']]);
      await bothWays(vib);
    }
  });

  it('an archive that is damaged is damage, whatever the type', async () => {
    const data = gzip(writeUstar(FILES).subarray(0, 5000));
    const vib = { ...vibWith('boot', gzip(utf8('x'))), payloads: [{ name: 'p', type: 'insttar', data }] };
    expect(() => extractVib(vib)).toThrow('needs');
    await expect(writeVibFiles(vib, new Memory())).rejects.toThrow('needs');
    expect(entriesNow(bytesSource(data), 'p')).toEqual([]);
  });

  it('data that lie in another order than their headers, or belong to two files', async () => {
    const archive = writeVmtar([
      { name: 'a', data: noise(800_000, 2) },
      { name: 'b', data: noise(800_000, 3) },
      { name: 'c', data: utf8('shared') },
      { name: 'd', data: utf8('shared') },
    ]);
    const view = new DataView(archive.buffer, archive.byteOffset);
    const place = (i: number): number => 512 * i + 0x1f0;
    const [first, second, third] = [0, 1, 2].map((i) => view.getUint32(place(i), true));
    // A header that changes needs another checksum.
    const moved = archive.slice();
    const put = (i: number, value = 0): void => {
      new DataView(moved.buffer).setUint32(place(i), value, true);
      const header = moved.subarray(512 * i, 512 * (i + 1));
      header.fill(0x20, 0x94, 0x9c);
      const sum = header.reduce((total, byte) => total + byte, 0);
      header.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 0x94);
    };
    put(0, second);
    put(1, first);
    put(3, third);
    const vib = vibWith('vgz', gzip(moved));
    await bothWays(vib);
    expect(extractVib(vib).files.map(({ data }) => data.length)).toEqual([800_000, 800_000, 6, 6]);
  });

  it('members as they are', () => {
    const vib = vibWith('vgz', gzip(writeVmtar(FILES)));
    const target = new Memory();
    expect(writeMembers(vib, target).files.map(({ path }) => path)).toEqual(['descriptor.xml', 'sig.pkcs7', 'p']);
    for (const { path, data } of extractMembers(vib)) expect(target.data.get(path)).toEqual(data);
  });

  it('writes nothing without a target, and nothing more behind a path that leads outside', async () => {
    const data = gzip(writeUstar(FILES));
    const payloads = [
      { name: 'e', type: 'tgz', data: gzip(writeUstar(EVIL)) },
      { name: 'p', type: 'tgz', data },
    ];
    const vib = readVib(buildVib({ ...recipe, payloads }, partner));
    const target = new Memory();
    expect((await writeVibFiles(vib, target)).files).toHaveLength(5);
    expect(target.heads).toEqual([]);
    expect((await writeVibFiles(vib, undefined)).files).toHaveLength(5);
  });
});

describe('a second layer', () => {
  // xz of a tar archive that holds `etc/motd` (`tar c --format=ustar etc/motd | xz -9`), and of a line of text.
  const TAR_XZ =
    tryFromBase64(
      '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AG1dADKdCIYUltE4104j1IUOQsX+bK9kKStznEmhoUO/cZmfeunA3oP3mzI3XyMFmVG3T5AGbLY19mRTIoCks4W3qcZplUf5mD3xAz3viJlr/VvY6FSU3NTtOWhaZaS0+RiZw8PpYTIArjwpzPRKXAAAAAAA3YxYtM0a7moAAYkBgFAAAPYgb0axxGf7AgAAAAAEWVo=',
    ) ?? utf8('');
  const TEXT_XZ =
    tryFromBase64('/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQAOYSBsaW5lIG9mIHRleHQKAAAW9W5PFw9AQwABJw/fGvxqH7bzfQEAAAAABFla') ??
    utf8('');

  it.each(['vgz', 'insttar', 'boot'])('of a payload of type %s is opened where it holds an archive', async (type) => {
    const vib = vibWith(type, gzip(TAR_XZ));
    expect((await listVibFiles(vib)).map(({ path, size }) => [path, size])).toEqual([['etc/motd', 6]]);
    await bothWays(vib);
    expect(extractVib(vib).files.map(({ data }) => fromUtf8(data))).toEqual(['hello\n']);
    expect(entriesNow(bytesSource(gzip(TAR_XZ)), 'p').map(({ name }) => name)).toEqual(['etc/motd']);
  });

  it('of anything else stays closed', async () => {
    const vib = vibWith('boot', gzip(TEXT_XZ));
    await bothWays(vib);
    expect(extractVib(vib)).toMatchObject({
      files: [{ path: 'p', data: TEXT_XZ }],
      findings: [{ code: 'nested-compression' }],
    });
    const cut = vibWith('boot', gzip(TAR_XZ.subarray(0, 60)));
    await bothWays(cut);
    expect(extractVib(cut).findings.map(({ code }) => code)).toEqual(['nested-compression']);
    const archive = { name: 'p', type: 'vgz', data: gzip(TEXT_XZ) };
    expect(() => openPayload(archive)).toThrow('holds no tar archive');
    await expect(writeVibFiles({ ...vib, payloads: [archive] }, undefined)).rejects.toThrow('holds no tar archive');
    const damaged = { name: 'p', type: 'vgz', data: gzip(TAR_XZ.subarray(0, 60)) };
    await bothWays({ ...vib, payloads: [damaged] });
    expect(openPayload(damaged).findings.map(({ code }) => code)).toEqual(['nested-compression', 'payload-damaged']);
  });
});

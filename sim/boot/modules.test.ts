import { describe, expect, it } from 'vitest';
import { type ByteSource, bytesSource } from '../../src/archive/index.ts';
import { concat, toHex } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { hash } from '../../src/crypto/hash.ts';
import { gzip, unpackEach, writeVmtar } from '../../src/vib/index.ts';
import { type BootModule, eachFile, ModuleReader } from './modules.ts';

/** Larger than what is kept in memory, and larger than what is unpacked in one go. */
const noise = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (Math.imul(i + seed, 2654435761) >>> 13) & 0xff);
const FILES = [
  { name: 'a/one', data: noise(700_000, 1) },
  { name: 'a/two', data: noise(3, 2) },
  { name: 'a/three', data: noise(900_000, 3) },
];
const ARCHIVE = writeVmtar(FILES);

const read = async (source: ByteSource): Promise<BootModule> =>
  new ModuleReader([{ index: 0, path: '/x.v00', options: '', source }], ['sha1', 'sha256']).take(0);

describe('a module larger than what stays in memory', () => {
  it('has the size, digests, head and directory of its content', async () => {
    for (const file of [gzip(ARCHIVE), ARCHIVE]) {
      const module = await read(bytesSource(file));
      expect(module.size).toBe(ARCHIVE.length);
      expect(module.compressed).toBe(file !== ARCHIVE);
      expect(toHex(module.head)).toBe(toHex(ARCHIVE.subarray(0, 512)));
      for (const name of ['sha1', 'sha256'] as const)
        expect(toHex(module.digest(name))).toBe(toHex(hash(name, ARCHIVE)));
      const archive = module.archive;
      if (archive === undefined || 'error' in archive) throw new Error('no directory');
      expect(archive.entries.map(({ name, size }) => [name, size])).toEqual(
        FILES.map(({ name, data }) => [name, data.length]),
      );
      const seen: string[] = [];
      await eachFile(module, archive.entries, (entry, data) => {
        seen.push(entry.name);
        expect(toHex(hash('sha256', data))).toBe(
          toHex(hash('sha256', FILES.find(({ name }) => name === entry.name)?.data ?? new Uint8Array(0))),
        );
      });
      expect(seen).toEqual(FILES.map(({ name }) => name));
      const backwards: [string, number][] = [];
      await eachFile(module, archive.entries.toReversed(), ({ name }, data) => backwards.push([name, data.length]));
      expect(backwards).toEqual(FILES.toReversed().map(({ name, data }) => [name, data.length]));
    }
  });

  it('gives ranges and digests of its beginning, and all of it', async () => {
    const module = await read(bytesSource(gzip(ARCHIVE)));
    const [late, early] = await module.ranges([
      { offset: 1_000_000, length: 5000 },
      { offset: 3, length: 7 },
    ]);
    expect([late, early]).toEqual([ARCHIVE.subarray(1_000_000, 1_005_000), ARCHIVE.subarray(3, 10)]);
    expect(toHex(await module.digestOf('sha256', 999_999))).toBe(toHex(hash('sha256', ARCHIVE.subarray(0, 999_999))));
    expect(toHex(hash('sha256', await module.content()))).toBe(toHex(hash('sha256', ARCHIVE)));
  });

  it('is refused where the file is another one the next time', async () => {
    let file = gzip(ARCHIVE);
    const module = await read({ size: file.length, read: (offset, length) => file.subarray(offset, offset + length) });
    file = concat(gzip(noise(1_700_000, 9)), new Uint8Array(ARCHIVE.length)).subarray(0, file.length);
    await expect(module.content()).rejects.toThrow(InputError);
    await expect(module.content()).rejects.toThrow(/^\/x\.v00: has changed while it was used: /);
  });
});

describe('ModuleReader', () => {
  it('throws for a damaged module when its turn has come, not before', async () => {
    const good = gzip(noise(200_000, 4));
    const bad = good.slice(0, good.length - 20);
    const names = [good, bad, good].map((file, index) => ({
      index,
      path: `/m${index}.v00`,
      options: '',
      source: bytesSource(file),
    }));
    const reader = new ModuleReader(names, ['sha256']);
    expect((await reader.take(0)).size).toBe(200_000);
    await expect(reader.take(1)).rejects.toThrow(/unexpected end of file/);
    expect((await reader.take(2)).size).toBe(200_000);
  });

  it('bounds what a module unpacks to, piece by piece', async () => {
    const bomb = gzip(new Uint8Array(80 << 20));
    expect(bomb.length).toBeGreaterThan(64 << 10);
    let seen = 0;
    const unpacking = unpackEach(bytesSource(bomb), 10 << 20, (chunk) => {
      seen += chunk.length;
    });
    await expect(unpacking).rejects.toThrow(/too large \(limit 10485760 bytes\)/);
    expect(seen).toBeLessThanOrEqual(10 << 20);
  });

  it('passes on what the receiver of the pieces throws', async () => {
    const stop = unpackEach(bytesSource(gzip(noise(500_000, 5))), 1 << 30, () => {
      throw new InputError('enough');
    });
    await expect(stop).rejects.toThrow('enough');
  });
});

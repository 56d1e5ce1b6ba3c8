import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../archive/index.ts';
import { concat, equalBytes, fromLatin1, fromUtf8, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { gunzip } from '../vib/gzip.ts';
import { efiBootImage, FatVolume, isIso, isoParts, openIso, readBootCatalogue, writeFat } from './index.ts';

const disc = (name: string): Uint8Array => {
  const file = new URL(`../../test/fixtures/iso/${name}.iso.gz`, import.meta.url);
  return gunzip(new Uint8Array(readFileSync(file)), name);
};
const open = (bytes: Uint8Array) => openIso(bytesSource(bytes));
const efi = (bytes: Uint8Array): FatVolume => {
  const source = efiBootImage(open(bytes));
  if (source === undefined) throw new Error('no EFI boot image');
  return new FatVolume(source);
};
const DISCS = ['plain', 'joliet', 'rock-ridge'] as const;

/** A copy with some bytes replaced. */
function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const out = bytes.slice();
  out.set(values, at);
  return out;
}

/** Offset of a directory record by its plain name, and of its file identifier. */
function recordAt(bytes: Uint8Array, name: string): number {
  for (let at = 17 * 2048; at < 40 * 2048; at++) {
    if (bytes[at] === name.length && fromUtf8(bytes.subarray(at + 1, at + 1 + name.length)) === name) return at - 32;
  }
  throw new Error(`no record ${name}`);
}

const le32 = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];

describe.each(DISCS)('disc with %s names', (name) => {
  const bytes = disc(name);

  it('lists and reads its files', () => {
    const iso = open(bytes);
    expect(iso.names).toBe(name);
    expect(iso.label).toBe('ESXI-TEST');
    const files = [...iso.files.keys()].filter((path) => !/^boot\.cat/i.test(path));
    expect(files.toSorted()).toEqual(['B.B00', 'BOOT.CFG', 'EFI/BOOT/BOOTX64.EFI', 'EFIBOOT.IMG', 'K.B00']);
    expect(fromUtf8(iso.read('B.B00'))).toBe('bee');
    expect(fromUtf8(iso.read('K.B00'))).toBe('k'.repeat(5000));
    expect(iso.find('/efi/boot/bootx64.efi'.slice(1))).toBe('EFI/BOOT/BOOTX64.EFI');
    expect(iso.find('nothing')).toBeUndefined();
  });

  it('has an EFI boot image with a FAT volume', () => {
    expect(readBootCatalogue(open(bytes))).toMatchObject([{ platform: 'efi', bootable: true, media: 0, count: 320 }]);
    const volume = efi(bytes);
    expect(volume.paths).toEqual(['EFI/BOOT/BOOTX64.EFI', 'EFI/A long file name.efi']);
    expect(fromUtf8(volume.read('EFI/BOOT/BOOTX64.EFI'))).toBe('loader in FAT');
    expect(fromUtf8(volume.read('EFI/A long file name.efi'))).toBe('m'.repeat(9000));
  });

  it('gives only FormatErrors where bytes are changed or missing', () => {
    const use = (input: Uint8Array): void => {
      try {
        const iso = open(input);
        for (const path of iso.files.keys()) iso.read(path);
        const source = efiBootImage(iso);
        const volume = source && new FatVolume(source);
        for (const path of volume?.paths ?? []) volume?.read(path);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    };
    const image = (readBootCatalogue(open(bytes))[0]?.sector ?? 0) * 2048;
    const places = fc.oneof(
      fc.integer({ min: 16 * 2048, max: 40 * 2048 }),
      fc.integer({ min: image, max: image + 3000 }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const input = bytes.slice();
        for (const [at, value] of changes) input[at] = value;
        use(input);
      }),
      { numRuns: 200 },
    );
    fc.assert(fc.property(fc.nat(bytes.length - 1), (length) => use(bytes.subarray(0, length))));
  });
});

describe('symbolic links', () => {
  it('are known by name, and are no files', () => {
    const bytes = disc('rock-ridge');
    const record = recordAt(bytes, 'K.B00;1');
    // The entry for modes (PX) of the file becomes one for a link (SL), of which the signature is enough.
    const px = bytes.findIndex((value, i) => i > record && value === 0x50 && bytes[i + 1] === 0x58);
    const iso = open(patched(bytes, px, 0x53, 0x4c));
    expect([...iso.links]).toEqual(['K.B00']);
    expect(iso.files.has('K.B00')).toBe(false);
    expect([iso.find('k.b00'), iso.findLink('k.b00'), iso.findLink('b.b00')]).toEqual([undefined, 'K.B00', undefined]);
  });
});

describe.each(['xorriso', 'genisoimage'])('Rock Ridge names that go on in other areas, by %s', (tool) => {
  const bytes = disc(`long-names-${tool}`);
  const at = (signature: string): number => {
    // The first one on the disc is that of the root itself, which has no name.
    const place = bytes.findLastIndex((_, i) => fromLatin1(bytes.subarray(i, i + 4)) === signature);
    expect(place).toBeGreaterThan(0);
    return place;
  };

  it('are joined, also in the middle of a character', () => {
    const iso = open(bytes);
    expect(iso.names).toBe('rock-ridge');
    const texts = [...iso.files.keys()].map((path) => [path, fromUtf8(iso.read(path))]);
    expect(Object.fromEntries(texts)).toEqual({
      short: 'short',
      [`long-${'n'.repeat(240)}.v00`]: 'long name',
      [`${'ü'.repeat(110)}.txt`]: 'umlauts',
      [`${'d'.repeat(200)}/sub/${'f'.repeat(250)}`]: 'deep',
    });
  });

  it('an area outside of the disc, over its block, or that leads to itself', () => {
    const ce = at('CE\x1c\x01');
    expect(() => open(patched(bytes, ce + 4, ...le32(0x00ffffff)))).toThrow('directory.systemUse');
    expect(() => open(patched(bytes, ce + 20, ...le32(100_000)))).toThrow(/continuation area of \d+ bytes/);
    // The area of this entry becomes one that holds only the entry itself.
    const loop = patched(bytes, ce + 4, ...le32(Math.floor(ce / 2048)));
    expect(() => open(patched(patched(loop, ce + 12, ...le32(ce % 2048)), ce + 20, ...le32(28)))).toThrow('(a cycle)');
  });

  it('gives only FormatErrors where bytes are changed', () => {
    const places = fc.integer({ min: 16 * 2048, max: 40 * 2048 });
    fc.assert(
      fc.property(fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const input = bytes.slice();
        for (const [place, value] of changes) input[place] = value;
        try {
          open(input);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('isoParts', () => {
  const text = (path: string, content: string) => ({
    path,
    data: bytesSource(utf8(content)),
  });
  const many = Array.from({ length: 90 }, (_, i) => text(`sub/inner/file_${i}.v00`, 'x'.repeat(i * 40)));
  const loader = utf8('loader'.repeat(2000));
  const fat = writeFat([
    ['EFI/BOOT/BOOTX64.EFI', loader],
    ['EFI/VMWARE/CRYPTO64.EFI', utf8('c')],
    ['EMPTY', new Uint8Array(0)],
  ]);
  const image = { path: 'EFIBOOT.IMG', data: bytesSource(fat) };
  const files = [text('boot.cfg', 'kernel=/b.b00\n'), text('B.B00', 'bee'), text('empty', ''), ...many, image];
  const options = { label: 'ESXI-8_0', files, efiBootImage: 'EFIBOOT.IMG' };

  it('writes a disc that is read back: names in upper case, directories over several sectors, the boot image', () => {
    const bytes = concat(...isoParts(options));
    const iso = open(bytes);
    expect([iso.label, iso.names]).toEqual(['ESXI-8_0', 'plain']);
    expect([...iso.files.keys()].toSorted()).toEqual(files.map(({ path }) => path.toUpperCase()).toSorted());
    for (const { path, data } of files) {
      expect(equalBytes(iso.read(path.toUpperCase()), data.read(0, data.size)), path).toBe(true);
    }
    expect(readBootCatalogue(iso)).toMatchObject([
      { platform: 'efi', bootable: true, media: 0, count: fat.length / 512 },
    ]);
    const volume = efi(bytes);
    expect(volume.paths.toSorted()).toEqual(['EFI/BOOT/BOOTX64.EFI', 'EFI/VMWARE/CRYPTO64.EFI', 'EMPTY']);
    expect(equalBytes(volume.read('EFI/BOOT/BOOTX64.EFI'), loader)).toBe(true);
    expect(equalBytes(concat(...isoParts(options)), bytes)).toBe(true);
  });

  it.each([
    [{ ...options, label: 'lower case' }, 'is no volume label'],
    [{ ...options, efiBootImage: 'NONE.IMG' }, 'no file NONE.IMG to boot from'],
    [{ ...options, files: [...files, text('BOOT.CFG', '')] }, '"BOOT.CFG" appears twice'],
    [{ ...options, files: [text('a b', ''), image] }, '"a b" is no name of ISO 9660'],
    [{ ...options, files: [text('../a', ''), image] }, '"../a" is no name of ISO 9660'],
    [{ ...options, files: [text('a/b/c/d/e/f/g/h/i', ''), image] }, 'lies deeper than 7 folders'],
  ])('refuses (%#) %s', (bad, message) => {
    expect(() => [...isoParts(bad)]).toThrow(message);
    expect(() => [...isoParts(bad)]).toThrow(InputError);
  });

  it('refuses files that FAT cannot hold', () => {
    expect(() => writeFat([['safeboot64.efi', loader]])).toThrow('no name of 8 and 3 characters');
    expect(() =>
      writeFat([
        ['A', loader],
        ['a', loader],
      ]),
    ).toThrow('appears twice');
  });
});

describe('hostile discs', () => {
  const bytes = disc('plain');

  it('a directory that contains itself or its parent', () => {
    const root = open(bytes);
    expect(root.files.size).toBe(6);
    const record = recordAt(bytes, 'EFI');
    const rootBlock = new DataView(bytes.buffer, bytes.byteOffset).getUint32(16 * 2048 + 156 + 2, true);
    expect(() => open(patched(bytes, record + 2, ...le32(rootBlock)))).toThrow('(a cycle)');
  });

  it('data and directories beyond the end', () => {
    const file = recordAt(bytes, 'K.B00;1');
    const far = open(patched(bytes, file + 2, ...le32(0x00ffffff)));
    expect(() => far.read('K.B00')).toThrow('the input ends at');
    const huge = open(patched(bytes, file + 10, ...le32(0xfffffff0)));
    expect(() => huge.read('K.B00')).toThrow('the limit is');
    expect(() => open(patched(bytes, recordAt(bytes, 'EFI') + 10, ...le32(0x7fffffff)))).toThrow(
      'directory of 2147483647',
    );
  });

  it('names that lead outside or appear twice', () => {
    const file = recordAt(bytes, 'K.B00;1');
    expect(() => open(patched(bytes, file + 33, 0x2f))).toThrow('has a slash');
    expect(() => open(patched(bytes, file + 32, 2, 0x2e, 0x2e))).toThrow(/outside|appears twice/);
    expect(() => open(patched(bytes, file + 33, 0x42))).toThrow('B.B00 appears twice');
  });

  it('no descriptor, no terminator, no primary volume', () => {
    expect(isIso(bytesSource(bytes))).toBe(true);
    expect(isIso(bytesSource(new Uint8Array(40_000)))).toBe(false);
    expect(() => open(new Uint8Array(40_000))).toThrow('expected CD001');
    expect(() => open(patched(bytes, 16 * 2048, 3))).toThrow('no primary volume descriptor');
  });

  it('a boot catalogue and a FAT volume that do not add up', () => {
    const iso = open(bytes);
    const catalogue = (iso.bootCatalogue ?? 0) * 2048;
    expect(() => readBootCatalogue(open(patched(bytes, catalogue, 2)))).toThrow('validation entry');
    expect(() => readBootCatalogue(open(patched(bytes, catalogue + 4, 1)))).toThrow('checksum');
    const image = (readBootCatalogue(iso)[0]?.sector ?? 0) * 2048;
    expect(() => efi(patched(bytes, image + 510, 0))).toThrow('no signature 55 aa');
    expect(() => efi(patched(bytes, image + 13, 3))).toThrow('no power of two');
    expect(() => efi(patched(bytes, image + 11, 0, 0))).toThrow('bytesPerSector');
  });

  it('a FAT directory that contains itself', () => {
    const image = (readBootCatalogue(open(bytes))[0]?.sector ?? 0) * 2048;
    // Cluster 2 is EFI, its first real entry (behind `.` and `..`) is BOOT: send it back to cluster 2.
    const view = bytes.subarray(image);
    const at = view.findIndex((_, i) => fromUtf8(view.subarray(i, i + 12)) === 'BOOT       \x10');
    expect(at).toBeGreaterThan(0);
    expect(() => efi(patched(bytes, image + at + 26, 2, 0))).toThrow('(a cycle)');
  });
});

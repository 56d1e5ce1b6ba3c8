import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memorySpool } from '../../test/support/memory-spool.ts';
import { concat, equalBytes, fromHex, fromUtf8, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { bytesSource, LazyFiles, openZip, type Spool, sliceSource, writeZip, type ZipLimits } from './index.ts';

/** Made by Python 3.11's zipfile: `a.txt` deflated, folder `d/`, `d/b.bin` stored with a 64-bit local header. */
const PYTHON_ZIP = fromHex(
  '504b030414000000080000002150f0711ac4060000002800000005000000612e747874aba8200e0000504b03041400000000' +
    '000000215000000000000000000000000002000000642f504b03042d0000000000000021507f895408ffffffffffffffff07' +
    '001400642f622e62696e0100100003000000000000000300000000000000000102504b0102140314000000080000002150f0' +
    '711ac40600000028000000050000000000000000000000800100000000612e747874504b0102140314000000000000002150' +
    '000000000000000000000000020000000000000000000000800129000000642f504b01022d032d0000000000000021507f89' +
    '54080300000003000000070000000000000000000000800149000000642f622e62696e504b05060000000003000300980000' +
    '00850000000000',
);

const open = (bytes: Uint8Array, limits?: ZipLimits) => openZip(bytesSource(bytes), limits);
const problem = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('expected a FormatError');
};

const FILES = [
  { name: 'index.xml', data: utf8('<vendorList/>'.repeat(200)), compress: true },
  { name: 'vib20/a/a.vib', data: new Uint8Array([1, 2, 3]) },
  { name: 'empty', data: new Uint8Array(0) },
  { name: 'ü.txt', data: utf8('name in UTF-8'), compress: true },
];

/** The archive with a few bytes replaced at each place where `from` occurs. */
function replaced(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const out = bytes.slice();
  for (let at = 0; at + from.length <= out.length; at++) {
    if (from.every((b, i) => out[at + i] === b)) out.set(to, at);
  }
  return out;
}

/** Offset of the n-th central header. */
function central(bytes: Uint8Array, n: number): number {
  let found = -1;
  for (let at = 0; at < bytes.length - 4; at++) {
    if (bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === 1 && bytes[at + 3] === 2) found++;
    if (found === n) return at;
  }
  return -1;
}

function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const out = bytes.slice();
  out.set(values, at);
  return out;
}

describe('writeZip and openZip', () => {
  it.each([{ zip64: false }, { zip64: true }])('round trip with %o', (options) => {
    const bytes = writeZip(FILES, options);
    const zip = open(bytes);
    expect([...zip.entries.keys()]).toEqual(FILES.map(({ name }) => name));
    for (const { name, data } of FILES) expect(zip.read(name)).toEqual(data);
    expect(writeZip(FILES, options)).toEqual(bytes);
  });

  it('reads an archive of Python', () => {
    const zip = open(PYTHON_ZIP);
    expect([...zip.entries.keys()]).toEqual(['a.txt', 'd/b.bin']);
    expect(fromUtf8(zip.read('a.txt'))).toBe('x'.repeat(40));
    expect(zip.read('d/b.bin')).toEqual(new Uint8Array([0, 1, 2]));
  });

  it('reads names that begin with ./', () => {
    const zip = open(
      writeZip([
        { name: './a/b', data: utf8('x') },
        { name: './', data: new Uint8Array(0) },
      ]),
    );
    expect([...zip.entries.keys()]).toEqual(['a/b']);
    expect(fromUtf8(zip.read('a/b'))).toBe('x');
  });

  it('gives a stored file as a source, a deflated one not', () => {
    const zip = open(writeZip(FILES));
    const source = zip.stored('vib20/a/a.vib');
    expect(source?.size).toBe(3);
    expect(source?.read(1, 2)).toEqual(new Uint8Array([2, 3]));
    expect(zip.stored('index.xml')).toBeUndefined();
  });

  it('finds the end behind an archive comment', () => {
    const bytes = writeZip(FILES);
    const withComment = concat(patched(bytes, bytes.length - 2, 5, 0), utf8('hello'));
    expect(open(withComment).entries.size).toBe(4);
  });

  it.each([{ zip64: false }, { zip64: true }])('finds the end before padding, with %o', (options) => {
    const bytes = writeZip(FILES, options);
    const comment = concat(patched(bytes, bytes.length - 2, 5, 0), utf8('hello'));
    for (const whole of [bytes, comment]) {
      for (const padding of [utf8('\n'), new Uint8Array(8000), new Uint8Array(64 << 10).fill(0x50)]) {
        const zip = open(concat(whole, padding));
        for (const { name, data } of FILES) expect(zip.read(name)).toEqual(data);
      }
      expect(problem(() => open(concat(whole, new Uint8Array((64 << 10) + 1))))).toContain('no end of central');
    }
    expect(open(concat(writeZip([]), new Uint8Array(9))).entries.size).toBe(0);
  });

  it('is not fooled by an end record in a comment, in padding or in a stored archive', () => {
    const bytes = writeZip(FILES);
    const commented = (comment: Uint8Array): Uint8Array =>
      concat(patched(bytes, bytes.length - 2, comment.length & 0xff, comment.length >> 8), comment);
    const inner = writeZip([{ name: 'inner', data: utf8('x') }]);
    const empty = writeZip([]);
    const names = FILES.map(({ name }) => name);
    for (const fake of [inner, empty, concat(inner, empty), inner.subarray(inner.length - 22)]) {
      expect([...open(commented(fake)).entries.keys()]).toEqual(names);
      expect([...open(concat(commented(fake), utf8('\n'))).entries.keys()]).toEqual(names);
      expect([...open(concat(bytes, fake)).entries.keys()]).toEqual(names);
    }
    const outer = writeZip([
      { name: 'a', data: utf8('a') },
      { name: 'inner.zip', data: inner },
    ]);
    expect([...open(concat(outer, new Uint8Array(500))).entries.keys()]).toEqual(['a', 'inner.zip']);
    expect(problem(() => open(outer.subarray(0, outer.length - 22)))).toContain('no end of central');
  });

  it('writes no name that a reader refuses', () => {
    const data = new Uint8Array(0);
    expect(() => writeZip([{ name: '../x', data }])).toThrow(InputError);
    expect(() =>
      writeZip([
        { name: 'x', data },
        { name: 'x', data },
      ]),
    ).toThrow('x appears twice');
  });
});

describe('openZip refuses', () => {
  const bytes = writeZip(FILES);

  it.each(['../a/a/a.vib', '/tmp/x/a.vib', 'c:/20/a/a.vib', 'vib20\\a/a.vib'])('the name %s', (name) => {
    expect(problem(() => open(replaced(bytes, utf8('vib20/a/a.vib'), utf8(name.padEnd(13, 'x')))))).toMatch(
      /outside|absolute|no part of a path/,
    );
  });

  it('a name that appears twice', () => {
    const twice = writeZip([
      { name: 'aa', data: utf8('1') },
      { name: 'bb', data: utf8('2') },
    ]);
    expect(problem(() => open(replaced(twice, utf8('bb'), utf8('aa'))))).toContain('aa appears twice');
  });

  it('files that overlap', () => {
    const at = central(bytes, 1);
    expect(problem(() => open(patched(bytes, at + 42, 0, 0, 0, 0)))).toContain('overlap');
    expect(problem(() => open(patched(bytes, at + 20, 0xff, 0xff)))).toContain('overlap');
  });

  it('a symbolic link', () => {
    expect(problem(() => open(patched(bytes, central(bytes, 0) + 40, 0xff, 0xa1)))).toContain('is a symbolic link');
  });

  it('a directory outside of the file, several parts, what is no archive', () => {
    const end = bytes.length - 22;
    expect(problem(() => open(patched(bytes, end + 16, 0xff, 0xff, 0xff)))).toContain('reaches over the end record');
    expect(problem(() => open(patched(bytes, end + 4, 1)))).toContain('several parts');
    expect(problem(() => open(utf8('x'.repeat(100))))).toContain('no end of central directory record');
    expect(problem(() => open(new Uint8Array(0)))).toContain('no end of central directory record');
  });

  it('more files or more bytes than the limits', () => {
    expect(problem(() => open(bytes, { maxEntries: 3 }))).toContain('4 files, the limit is 3');
    expect(problem(() => open(bytes, { maxTotal: 100 }))).toContain('more than 100 bytes together');
  });
});

describe('ZipArchive.read refuses', () => {
  const bytes = writeZip(FILES);

  it('a bomb: by declared size, by ratio, and where the declared size lies', () => {
    const bomb = writeZip([{ name: 'zeros', data: new Uint8Array(4 << 20), compress: true }]);
    expect(problem(() => open(bomb, { maxBytes: 1000 }).read('zeros'))).toContain('the limit is 1000');
    expect(problem(() => open(bomb, { maxRatio: 100 }).read('zeros'))).toContain('more than 100 times');
    const lying = patched(bomb, central(bomb, 0) + 24, 16, 0, 0, 0);
    expect(problem(() => open(lying).read('zeros'))).toContain('decompresses to more than its 16 bytes');
  });

  it('damage: stored and deflated', () => {
    const zip = open(replaced(bytes, new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 4])));
    expect(problem(() => zip.read('vib20/a/a.vib'))).toContain('CRC-32 does not match');
    const data = 30 + 'index.xml'.length + 8;
    expect(problem(() => open(patched(bytes, data, 0xaa)).read('index.xml'))).toMatch(/damaged|CRC-32/);
  });

  it('encryption, unknown methods, a local header that contradicts, a file that is not there', () => {
    const first = central(bytes, 0);
    expect(problem(() => open(patched(bytes, first + 8, 1, 8)).read('index.xml'))).toContain('is encrypted');
    expect(problem(() => open(patched(bytes, first + 10, 14)).read('index.xml'))).toContain('compression method 14');
    expect(problem(() => open(patched(bytes, 30, 0x41)).read('index.xml'))).toContain('another name');
    expect(problem(() => open(patched(bytes, 0, 0x41)).read('index.xml'))).toContain('no local header');
    expect(problem(() => open(bytes).read('nothing'))).toContain('no such file');
  });
});

describe('hostile input', () => {
  it('truncation and changed bytes give only FormatErrors', () => {
    const bytes = writeZip(FILES, { zip64: true });
    const readAll = (input: Uint8Array): void => {
      try {
        const zip = open(input);
        for (const name of zip.entries.keys()) zip.read(name);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
      }
    };
    fc.assert(fc.property(fc.nat(bytes.length - 1), (length) => readAll(bytes.subarray(0, length))));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => readAll(patched(bytes, at, value))),
      { numRuns: 500 },
    );
  });
});

describe('sources and lazy files', () => {
  it('a slice reads its own range only', () => {
    const slice = sliceSource(bytesSource(utf8('0123456789')), 2, 5);
    expect(fromUtf8(slice.read(1, 3))).toBe('345');
    expect(() => sliceSource(slice, 3, 3)).toThrow(InputError);
  });

  it('a lazy file is read when asked for, each time', () => {
    let reads = 0;
    const counted = { size: 1, read: () => new Uint8Array([++reads]) };
    const files = new LazyFiles([['a', counted]]).set('b', new Uint8Array(2));
    expect([...files.keys()]).toEqual(['a', 'b']);
    expect(reads).toBe(0);
    expect(files.get('a')).toEqual(new Uint8Array([1]));
    expect(new Map(files).get('a')).toEqual(new Uint8Array([2]));
    expect(files.get('c')).toBeUndefined();
  });
});

describe('files unpacked into a spool', () => {
  const big = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i * i) >> 7);
  const packed = writeZip([
    { name: 'big', data: big, compress: true },
    { name: 'plain', data: big },
    { name: 'more', data: big.subarray(7), compress: true },
    { name: 'small', data: big.subarray(0, 1000), compress: true },
  ]);

  it('are the same bytes; stored ones stay where they are', async () => {
    const zip = openZip(bytesSource(packed));
    await zip.unpack(['big', 'plain', 'small'], memorySpool);
    const source = zip.unpacked('big');
    expect(source?.size).toBe(big.length);
    expect(equalBytes(source?.read(0, big.length) ?? new Uint8Array(0), big)).toBe(true);
    expect(zip.unpacked('plain')).toBeUndefined();
    expect(zip.unpacked('small')).toBeUndefined();
  });

  it('are refused where damaged or longer than announced; the others are there', async () => {
    const { entries } = openZip(bytesSource(packed));
    const inside = (name: string): number => (entries.get(name)?.offset ?? 0) + 30 + name.length + 5000;
    const damaged = patched(patched(packed, inside('big'), 0x55), inside('more'), 0x55);
    const zip = openZip(bytesSource(damaged));
    await zip.unpack(['none', 'big', 'more', 'plain'], memorySpool);
    expect(() => zip.unpacked('big')).toThrow(/^zip\.big: (damaged|size or CRC-32|decompresses)/);
    expect(() => zip.unpacked('more')).toThrow(/^zip\.more: (damaged|size or CRC-32|decompresses)/);
    expect(() => zip.unpacked('none')).toThrow('zip.none: no such file');
    const one = openZip(bytesSource(patched(packed, inside('more'), 0x55)));
    await one.unpack(['more', 'big'], memorySpool);
    expect(() => one.unpacked('more')).toThrow(FormatError);
    expect(one.unpacked('big')?.size).toBe(big.length);
  });

  it('are nowhere where the spool takes no more', async () => {
    const full: Spool = {
      allocate: () => {
        throw new InputError('no space left');
      },
    };
    const zip = openZip(bytesSource(packed));
    await expect(zip.unpack(['big', 'more'], full)).rejects.toThrow('no space left');
  });
});

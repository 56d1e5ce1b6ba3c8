import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromLatin1, fromUtf8, latin1, toHex, tryFromBase64, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { readAr, writeAr } from './ar.ts';
import { gunzip, gzip } from './gzip.ts';
import { openPayload, unsafePath } from './payload.ts';
import { isUstar, readUstar, writeUstar } from './ustar.ts';
import { isVmtar, readVmtar, writeVmtar } from './vmtar.ts';

const base64 = (text: string): Uint8Array => tryFromBase64(text) ?? new Uint8Array(0);
const header = (name: string, size: number | string, mode = '0', end = '`\n'): Uint8Array =>
  latin1(
    `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${mode.padEnd(8)}${String(size).padEnd(10)}${end}`,
  );
const MAGIC = latin1('!<arch>\n');

/** Runs a reader on damaged input: only a FormatError may come out. */
function onlyFormatErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
  }
}

const damage = (bytes: Uint8Array) =>
  fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean()).map(([at, flip, cut]) => {
    const bad = cut ? bytes.subarray(0, at) : bytes.slice();
    if (!cut) bad[at] = (bad[at] ?? 0) ^ flip;
    return bad;
  });

describe('ar', () => {
  // Debian's ar (binutils 2.40): `ar rcD t.a descriptor.xml sig.pkcs7 a-name-longer-than-16 pay`.
  const DEBIAN = base64(
    'ITxhcmNoPgovLyAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAyNCAgICAgICAgYAphLW5hbWUtbG9uZ2VyLXRoYW4tMTYv' +
      'CgpkZXNjcmlwdG9yLnhtbC8gMCAgICAgICAgICAgMCAgICAgMCAgICAgNjQ0ICAgICAzICAgICAgICAgYApvZGQKc2lnLnBrY3M3LyAgICAgIDAgICAg' +
      'ICAgICAgIDAgICAgIDAgICAgIDY0NCAgICAgMCAgICAgICAgIGAKLzAgICAgICAgICAgICAgIDAgICAgICAgICAgIDAgICAgIDAgICAgIDY0NCAgICAg' +
      'NCAgICAgICAgIGAKZXZlbnBheS8gICAgICAgICAgICAwICAgICAgICAgICAwICAgICAwICAgICA2NDQgICAgIDEgICAgICAgICBgCngK',
  );

  it("reads what Debian's ar writes", () => {
    expect(readAr(DEBIAN).map(({ name, data, mode }) => [name, fromUtf8(data), mode])).toEqual([
      ['descriptor.xml', 'odd', '644'],
      ['sig.pkcs7', '', '644'],
      ['a-name-longer-than-16', 'even', '644'],
      ['pay', 'x', '644'],
    ]);
  });

  it('writes names padded with spaces, zeros, and a line feed after odd sizes', () => {
    const bytes = writeAr([
      { name: 'descriptor.xml', data: utf8('abc') },
      { name: 'sig.pkcs7', data: new Uint8Array(0) },
    ]);
    expect(fromLatin1(bytes)).toBe(
      '!<arch>\n' +
        'descriptor.xml  0           0     0     0       3         `\nabc\n' +
        'sig.pkcs7       0           0     0     0       0         `\n',
    );
  });

  it('does not choke on a mode of 0o0 and keeps header fields for writing', () => {
    const bytes = concat(MAGIC, header('pay', 2, '0o0'), utf8('hi'));
    expect(readAr(bytes)[0]).toMatchObject({ name: 'pay', mode: '0o0' });
    expect(toHex(writeAr(readAr(bytes)))).toBe(toHex(bytes));
  });

  it('reads BSD names and a last member without padding', () => {
    expect(readAr(concat(MAGIC, header('#1/4', 7), utf8('nameabc')))[0]).toMatchObject({
      name: 'name',
      data: utf8('abc'),
    });
  });

  it.each([
    ['no archive', utf8('PK'), 'magic at offset 0'],
    ['a cut header', concat(MAGIC, latin1('pay')), 'needs 16 bytes, 3 left'],
    ['a cut member', concat(MAGIC, header('pay', 9), utf8('x')), 'needs 9 bytes, 1 left'],
    ['a size of 2^40', concat(MAGIC, header('pay', '9999999999')), 'needs 9999999999 bytes'],
    ['a size that is no number', concat(MAGIC, header('pay', '-1')), '"-1" is not a decimal number'],
    ['a bad header end', concat(MAGIC, header('pay', 0, '0', 'xx')), 'expected the bytes 60 0a'],
    ['other padding', concat(MAGIC, header('pay', 1), utf8('xyz')), 'must be followed by a line feed'],
    ['a path', concat(MAGIC, header('a/../b', 0)), '"a/../b" is not a plain file name'],
    ['a parent', concat(MAGIC, header('..', 0)), '".." is not a plain file name'],
    ['a long name without table', concat(MAGIC, header('/5', 0)), 'not in the table'],
  ])('refuses %s', (_, bytes, problem) => {
    expect(() => readAr(bytes)).toThrow(problem);
    expect(() => readAr(bytes)).toThrow(FormatError);
  });

  it('refuses to write names that do not fit', () => {
    for (const name of ['seventeen-letters', 'a b', 'a/b', '..', '']) {
      expect(() => writeAr([{ name, data: new Uint8Array(0) }])).toThrow(InputError);
    }
  });

  it('gives only a FormatError for damaged archives', () => {
    fc.assert(fc.property(damage(DEBIAN), (bad) => onlyFormatErrors(() => readAr(bad))));
  });
});

describe('gzip', () => {
  // `printf 'hello gzip\n' | gzip -9n` (gzip 1.12).
  const GZIP = base64('H4sIAAAAAAACA8tIzcnJV0ivyizgAgA5fGNWCwAAAA==');

  it('reads what gzip writes and writes the same bytes every time', () => {
    expect(fromUtf8(gunzip(GZIP, 'p'))).toBe('hello gzip\n');
    const bytes = gzip(utf8('hello gzip\n'));
    expect(toHex(bytes.subarray(0, 8))).toBe('1f8b080000000000');
    expect(toHex(hash('sha256', bytes))).toBe(toHex(hash('sha256', gzip(utf8('hello gzip\n')))));
    expect(fromUtf8(gunzip(bytes, 'p'))).toBe('hello gzip\n');
  });

  it('refuses bombs by size and by ratio', () => {
    const bomb = gzip(new Uint8Array(8 << 20));
    expect(bomb.length).toBeLessThan(9000);
    expect(() => gunzip(bomb, 'p', { maxRatio: 900 })).toThrow(`900 times its ${bomb.length} bytes`);
    expect(() => gunzip(bomb, 'p', { maxBytes: 1 << 20 })).toThrow(
      'gzip.p: decompresses to more than the limit of 1048576',
    );
    // The default ratio refuses what deflate can do at most (1032).
    const worse = gzip(new Uint8Array(64 << 20));
    expect(() => gunzip(worse, 'p')).toThrow('1000 times');
    expect(gunzip(gzip(new Uint8Array(1 << 20)), 'p')).toHaveLength(1 << 20);
  });

  it('refuses damage', () => {
    expect(() => gunzip(utf8('plain'), 'p')).toThrow('does not start with 1f 8b');
    expect(() => gunzip(GZIP.subarray(0, 20), 'p')).toThrow('damaged');
    fc.assert(fc.property(damage(GZIP), (bad) => onlyFormatErrors(() => gunzip(bad, 'p'))));
  });
});

describe('visor tar', () => {
  const inputs = [
    { name: 'usr', type: 'directory' as const },
    { name: 'usr/lib/a', data: utf8('hello') },
    { name: 'usr/lib/empty' },
    {
      name: 'usr/lib/vmware/vmkmod/x',
      type: 'shared' as const,
      mode: 0o555,
      data: new Uint8Array(5000).fill(7),
      textSize: 9,
    },
  ];
  const bytes = writeVmtar(inputs);
  const view = new DataView(bytes.buffer);

  it('lays out headers first, a zero block, then data on pages', () => {
    expect(isVmtar(bytes)).toBe(true);
    expect(toHex(bytes.subarray(0x101, 0x109))).toBe('7669736f72202000');
    expect(fromLatin1(bytes.subarray(0, 5))).toBe('usr/\0');
    expect(bytes.subarray(4 * 512, 5 * 512).every((b) => b === 0)).toBe(true);
    expect([0, 1, 2, 3].map((i) => view.getUint32(i * 512 + 0x1f0, true))).toEqual([0, 4096, 0, 8192]);
    expect(view.getUint32(3 * 512 + 0x1f8, true)).toBe(9);
    expect(String.fromCharCode(bytes[3 * 512 + 0x9c] ?? 0)).toBe('7');
    expect(fromLatin1(bytes.subarray(512 + 0x64, 512 + 0x6c))).toBe('0000644\0');
    expect(bytes).toHaveLength(8192 + 5000);
  });

  it('sums all 512 bytes with the offset words', () => {
    const block = bytes.subarray(512, 1024);
    const sum = block.reduce((total, b, i) => total + (i >= 0x94 && i < 0x9c ? 32 : b), 0);
    expect(fromLatin1(block.subarray(0x94, 0x9c))).toBe(`${sum.toString(8).padStart(6, '0')}\0 `);
    const moved = bytes.slice();
    moved[512 + 0x1f1] = 0x20;
    expect(() => readVmtar(moved)).toThrow('checksum');
  });

  it('reads back what it wrote, and writes the same bytes again', () => {
    const entries = readVmtar(bytes);
    expect(entries.map(({ name, type, mode, data }) => [name, type, mode, data.length])).toEqual([
      ['usr', 'directory', 0o755, 0],
      ['usr/lib/a', 'file', 0o644, 5],
      ['usr/lib/empty', 'file', 0o644, 0],
      ['usr/lib/vmware/vmkmod/x', 'shared', 0o555, 5000],
    ]);
    expect(toHex(hash('sha256', writeVmtar(entries)))).toBe(toHex(hash('sha256', bytes)));
  });

  it('takes data that follows its header where no offset is given', () => {
    const one = writeVmtar([{ name: 'a', data: utf8('hello') }]).slice(0, 512);
    one.fill(0, 0x1f0);
    const sum = one.reduce((total, b, i) => total + (i >= 0x94 && i < 0x9c ? 32 : b), 0);
    one.set(latin1(`${sum.toString(8).padStart(6, '0')}\0 `), 0x94);
    const inline = concat(one, utf8('hello'), new Uint8Array(507), new Uint8Array(512));
    expect(fromUtf8(readVmtar(inline)[0]?.data ?? new Uint8Array(0))).toBe('hello');
  });

  it('refuses data outside the archive and gives only a FormatError for damage', () => {
    expect(() => readVmtar(bytes.subarray(0, 9000))).toThrow('data at 8192 of 5000 bytes ends behind');
    fc.assert(fc.property(damage(bytes.subarray(0, 8300)), (bad) => onlyFormatErrors(() => readVmtar(bad))));
  });
});

describe('tar', () => {
  // GNU tar 1.34 with `--format=gnu`, `pax` and `ustar`, `--sort=name --mtime=@0 --owner=0 --group=0`, of: a directory d with a
  // file f ("hi"), a link s to /etc/passwd and, where the format can say it, d/lll…(120)/file ("long").
  const GNU = base64(
    'H4sIAAAAAAAAA+3XQQ6CMBAF0K49RU9AKbR06wG4BLGgRALGYry+wA40oIu2av9jURJIOs1kJlPNiHXxQEk5rYPl+uJdKRETKu2HRsjN9MWVUnLtun7tv63vP0qzyvoeY1IzIVbyn87zz8eH0Nh6ZCT4/J/qne8QwKOIRWyfd+0xr9uzpT226p8rsah/nsWS0NxSPDOB179mjScOBg/Y5CL/H89/qRAK858T39D/k2X+OZcqRf93wWP/r+qm9H384Lnq/+v3P/nU/zOJ+58LzdD6cQMMl2bG+h7T/KfU+/MfT8aRgCas7A/sUhhz19aCC7z+AQAAAAAAAADgvz0A/kTl8AAoAAA=',
  );
  const PAX = base64(
    'H4sIAAAAAAAAA+3YSw6CMBAG4K49RW/QN125d+kVGgtqQsRQjB5fNHEhJBAXbVX+b1MTSKZ0MsOgZyQ63rPGPNfecB3/FkJqTqiJvzVCLqFzbR++bZpu6r6568OH+xGeVdFjPM6j0Hoi/2qYf80FoUkOceH5PxxXubcAGXm2dbdN6XzZBlbHMVf/kpv3+ley4JbQW4oDeNV/ilhfSChFz647rH2s7M9i6ED5pEj7x/OfMtZi/ksiVf4n+78Qg/wrLjX6fwpC2ez9vzrWJd4BeXxD/fPR/GdsYfD9l0LdnPaoveXyLESP8Zz/rP3g/z9l+oVKVnY7dnYhXH20zS28/gEAAAAAAAAA4L/dAZzLBFUAKAAA',
  );
  const USTAR = base64(
    'H4sIAAAAAAAAA+3UQQ7CIBBAUdaeghsMtCDnaUSjq5qC8fpil5jUuMCm6X+bIYFkhplAFNWcKYL3cyzq+Lm2tnNGad++NKUeKQ9TST+NY146922/vtxGRLk0z/Hux9G5hfn39fydsUr/pYk7n//1dli7BKwoSmqeY/7/Q/jh/+99CbqTcz7JfUjpGZsVt/P3DwAAAAAAAAAAAAAAtu8FhvxGJwAoAAA=',
  );
  const long = `d/${'l'.repeat(120)}`;
  const list = (data: Uint8Array) =>
    readUstar(gunzip(data, 't')).map(({ name, type, data: d }) => [name, type, fromUtf8(d)]);

  it('reads what GNU tar writes in three formats', () => {
    const short = [
      ['d', 'directory', ''],
      ['d/f', 'file', 'hi\n'],
    ];
    const rest = [
      [long, 'directory', ''],
      [`${long}/file`, 'file', 'long\n'],
      ['d/s', 'symlink', ''],
    ];
    expect(list(GNU)).toEqual([...short, ...rest]);
    expect(list(PAX)).toEqual([...short, ...rest]);
    expect(list(USTAR)).toEqual([...short, ['d/s', 'symlink', '']]);
  });

  it('writes ustar with prefixes, and reads it back', () => {
    const name = `${'d/'.repeat(60)}file`;
    const bytes = writeUstar([
      { name, data: utf8('x') },
      { name: 'etc', type: 'directory', mode: 0o700 },
    ]);
    expect(bytes.length % 10240).toBe(0);
    expect(fromLatin1(bytes.subarray(0x101, 0x109))).toBe('ustar\x0000');
    expect(readUstar(bytes).map((entry) => [entry.name, entry.mode])).toEqual([
      [name, 0o644],
      ['etc', 0o700],
    ]);
    expect(() => writeUstar([{ name: 'x'.repeat(120) }])).toThrow('is too long');
  });

  it('reads archives of Unix V7 (no magic), signed sums and base-256 numbers', () => {
    const bytes = writeUstar([{ name: 'a', data: utf8('hello') }]);
    const header = bytes.slice(0, 512);
    const rest = bytes.slice(512);
    const summed = (block: Uint8Array, signed = false): Uint8Array => {
      const out = block.slice();
      out.fill(0x20, 0x94, 0x9c);
      const sum = out.reduce((total, b) => total + (signed && b > 127 ? b - 256 : b), 0);
      out.set(latin1(`${sum.toString(8).padStart(6, '0')}\0 `), 0x94);
      return concat(out, rest);
    };
    const read = (archive: Uint8Array) => readUstar(archive).map(({ name, uid, data }) => [name, uid, fromUtf8(data)]);
    const v7 = header.slice().fill(0, 0x101);
    expect(isUstar(summed(v7))).toBe(true);
    expect(read(summed(v7))).toEqual([['a', 0, 'hello']]);
    expect(isUstar(v7.fill(0x41, 0, 3))).toBe(false);
    // GNU: the top bit, then a big-endian number; an owner of 3 000 000 000.
    const wide = header.slice();
    wide.set([0x80, 0, 0, 0, 0xb2, 0xd0, 0x5e, 0x00], 0x6c);
    expect(read(summed(wide))).toEqual([['a', 3_000_000_000, 'hello']]);
    expect(read(summed(wide, true))).toEqual([['a', 3_000_000_000, 'hello']]);
    const huge = header.slice();
    huge.set([0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0x7c);
    expect(() => read(summed(huge))).toThrow(FormatError);
  });

  it('gives only a FormatError for damage', () => {
    const bytes = gunzip(PAX, 't');
    fc.assert(fc.property(damage(bytes.subarray(0, 6000)), (bad) => onlyFormatErrors(() => readUstar(bad))));
  });

  it('reports links and dangerous paths instead of opening them', () => {
    const evil = gzip(
      writeUstar([
        { name: '../../etc/passwd', data: utf8('x') },
        { name: '/abs', data: utf8('x') },
        { name: 'dev', type: 'character' },
      ]),
    );
    const codes = (data: Uint8Array) =>
      openPayload({ name: 'p', type: 'tgz', data }).findings.map((f) => [f.code, f.where]);
    expect(codes(evil)).toEqual([
      ['unsafe-path', 'p:../../etc/passwd'],
      ['unsafe-path', 'p:/abs'],
      ['special-file', 'p:dev'],
    ]);
    expect(codes(USTAR)).toEqual([['link', 'p:d/s']]);
    expect(['a/b', './a', 'a..b/c'].map(unsafePath)).toEqual([undefined, undefined, undefined]);
    expect(['', '/a', 'C:x', 'a/../b', 'a\\..\\b', 'a\0'].every((path) => unsafePath(path) !== undefined)).toBe(true);
  });

  it('an archive may hold nothing: blocks of zeros alone, as tar writes it without files', () => {
    for (const size of [512, 1024, 10_240]) {
      const opened = openPayload({ name: 'p', type: 'tgz', data: gzip(new Uint8Array(size)) });
      expect([opened.content, opened.entries, opened.findings]).toEqual(['tar', [], []]);
    }
    expect(() => openPayload({ name: 'p', type: 'tgz', data: gzip(new Uint8Array(511)) })).toThrow(
      'holds no tar archive',
    );
    expect(openPayload({ name: 'p', type: 'boot', data: gzip(new Uint8Array(512)) }).content).toBe('raw');
  });

  it('recognises a second layer of compression', () => {
    const xz = gzip(new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]));
    const opened = openPayload({ name: 'p', type: 'vgz', data: xz });
    expect([opened.content, opened.findings[0]?.code]).toEqual(['xz', 'nested-compression']);
    expect(openPayload({ name: 'p', type: 'boot', data: gzip(new Uint8Array([0x28, 0xb5, 0x2f, 0xfd])) }).content).toBe(
      'zstd',
    );
    expect(() => openPayload({ name: 'p', type: 'vgz', data: utf8('x') })).toThrow('type vgz but not gzip');
    expect(() => openPayload({ name: 'p', type: 'vgz', data: gzip(utf8('x')) })).toThrow('holds no tar archive');
    expect(openPayload({ name: 'p', type: 'boot', data: utf8('x') })).toMatchObject({ content: 'raw', gzip: false });
  });
});

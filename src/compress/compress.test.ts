import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equalBytes, fromUtf8, latin1, toHex, tryFromBase64, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { gzip } from '../vib/gzip.ts';
import { openPayload } from '../vib/payload.ts';
import { Feeder, Place } from './asking.ts';
import { Crc64 } from './crc64.ts';
import { layerLimit, UnsupportedCompression } from './layer.ts';
import { decodeLzma2 } from './lzma2.ts';
import { isXz, unxz, xzDecoder } from './xz.ts';
import { isZstd, unzstd, zstdDecoder } from './zstd.ts';

const base64 = (text: string): Uint8Array => tryFromBase64(text) ?? new Uint8Array(0);
const LIMIT = 1 << 20;

/** The text that the streams below hold. */
const TEXT = Array.from({ length: 40 }, (_, i) => `line ${i} of a small text, ${'abc'.repeat(i % 7)}\n`).join('');

/** Made by xz 5.4: defaults (CRC-64); two blocks, CRC-32, lc=0 lp=2 pb=1; SHA-256; and one with the x86 filter. */
const XZ = base64(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AVeAKNdADYaSh8IoCYDTQad7+2MZ+I4vCGasBaW7LKyOMfxMYPkZL34vNCxDsRvRMWxsUjD+bzLNV' +
    '9aRdzlsvdhC5RIj/0vfZdFRiSa5igzOP5JTYsqSpYH6b/eheiMGhweWOC99irAHo/3YvKKcNXBcV8xfL3QKgFGp8bxrvssZGBIHQSoAcderrOS' +
    'QvysTHU/zEVYXGjyGvqjzwEDP2CbiRmsrpQ1hn4AABSjHVMsrEVNAAG/Ad8KAADUcAlmscRn+wIAAAAABFla',
);
const XZ_BLOCKS = base64(
  '/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4AK7AHQ/ADYaSjS3tZnt95FpzFLxw5amlcLrK6cfrbi3b0BeImLvbQWpL+c/j/t/XnWkg8m7PmMo3Y' +
    'pKMFPA/CzKGl+Aev3zgzWRdn2Wv+ONBO5dZ3LtPiWvyEyH7Un5moJZLr+8g8o4Zd2VDlg0N2rFAhv9+D+iRhAAANvidIwCACEBFgAAAHQv5aPg' +
    'AqIAbD8AOhlLf7ddkBAqcnRF3Lre8igGxUcUJPu6JRd/BIl8r/62kq4Jfvti0VvuVPLyEUE2Z/fYfxkKN0h3MtfcPfxvFAyb2oJ3E07Afs7DRk' +
    '3iwuLsFRk0Z19f/b7eDdegEqLTsY2PDPk+XYvYQxy4AMNKCOYAAowBvAWEAaMFAABTZc76m+NRQAMAAAAAAVla',
);
const XZ_SHA256 = base64(
  '/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4AVeAKNdADYaSh8IoCYDTQad7+2MZ+I4vCGasBaW7LKyOMfxMYPkZL34vNCxDsRvRMWxsUjD+bzLNV' +
    '9aRdzlsvdhC5RIj/0vfZdFRiSa5igzOP5JTYsqSpYH6b/eheiMGhweWOC99irAHo/3YvKKcNXBcV8xfL3QKgFGp8bxrvssZGBIHQSoAcderrOS' +
    'QvysTHU/zEVYXGjyGvqjzwEDP2CbiRmsrpQ1hn4AAFoS3Do1ucW3uEfbeb0kkArbm9HduJ92qoPwz3fj1hNKAAHXAd8KAADj/a6CtunfHAIAAA' +
    'AAClla',
);
const XZ_X86 = base64(
  '/Td6WFoAAATm1rRGAgEEACEBFgANhjUf4AVeAKNdADYaSh8IoCYDTQad7+2MZ+I4vCGasBaW7LKyOMfxMYPkZL34vNCxDsRvRMWxsUjD+bzLNV' +
    '9aRdzlsvdhC5RIj/0vfZdFRiSa5igzOP5JTYsqSpYH6b/eheiMGhweWOC99irAHo/3YvKKcNXBcV8xfL3QKgFGp8bxrvssZGBIHQSoAcderrOS' +
    'QvysTHU/zEVYXGjyGvqjzwEDP2CbiRmsrpQ1hn4AABSjHVMsrEVNAAG/Ad8KAADUcAlmscRn+wIAAAAABFla',
);
/** Made by zstd 1.5: level 19 with a checksum, level 1 without. */
const ZSTD_19 = base64(
  'KLUv/WRfBKUEAJIFERGg7aAPPz+2qpjpiZXhcn82YeiY0qRHd7+5RaNzU04+3v/54uiYwoQHN5+ZBaNjChn9pRKDDbQyuu8lODdtkyuWRfcCLq' +
    'CBXL39z2CjKhxNDg3MoBDKycbFYYshlSeNiMPAQynxmAOv5p2QXaB1oOgqn0OWG4slHA9Y96Mflqcf0e4/Kjn9E8X+6R+sfsTtqAJyzO5S',
);
const ZSTD_1 = base64(
  'KLUv/WBfBCUGADKFERegJ20AlWHdwYzE0n/Ylb1kZ+K+/mBzBJp4L7f/fp1cE8/FdruINfHK7ipNvGK3IGCKjlEsQYDjcA7aNQQDGRoUiNAxig' +
    '1BIBDDyXka4ZyGYRqwBTXKFtmMjdiEYjmYrLIF2XidjWfNZn8GMpsft4bQ37uFBrJaJC6Fo3BmMOowGH+aLf4HdBZjUac9RP6eLRrHwpG4FI7C' +
    'mWGMj4FRprsWsf/+EP1XNcT+3CIYt2iROESLwpVaBE7Uov99GMbsQSc=',
);

const damage = (bytes: Uint8Array) =>
  fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean()).map(([at, flip, cut]) => {
    const bad = cut ? bytes.subarray(0, at) : bytes.slice();
    if (!cut) bad[at] = (bad[at] ?? 0) ^ flip;
    return bad;
  });

describe('CRC-64/XZ', () => {
  // The check value of the catalogue of parametrised CRC algorithms, least significant byte first.
  it('of "123456789" in two pieces', () => {
    const crc = new Crc64();
    crc.update(latin1('1234'));
    crc.update(latin1('56789'));
    expect(toHex(crc.digest())).toBe('fa3919dfbbc95d99');
  });
});

describe('unxz', () => {
  it.each([
    ['defaults', XZ],
    ['blocks, CRC-32, other properties', XZ_BLOCKS],
    ['SHA-256', XZ_SHA256],
  ])('decodes what xz writes: %s', (_, bytes) => {
    expect(isXz(bytes)).toBe(true);
    expect(fromUtf8(unxz(bytes, 'p', LIMIT))).toBe(TEXT);
  });

  it('leaves what follows the stream', () => {
    expect(fromUtf8(unxz(concat(XZ, utf8('signature')), 'p', LIMIT))).toBe(TEXT);
  });

  it('names a filter that it does not know', () => {
    expect(() => unxz(XZ_X86, 'p', LIMIT)).toThrow(UnsupportedCompression);
    expect(() => unxz(XZ_X86, 'p', LIMIT)).toThrow('xz filter x86 is not supported');
  });

  it('stops at its limit', () => {
    expect(() => unxz(XZ, 'p', TEXT.length - 1)).toThrow(
      `decompresses to more than the limit of ${TEXT.length - 1} bytes`,
    );
    expect(unxz(XZ, 'p', TEXT.length)).toHaveLength(TEXT.length);
  });

  it.each([XZ, XZ_BLOCKS, XZ_SHA256])('never gives another text for damage (%#)', (bytes) => {
    fc.assert(
      fc.property(damage(bytes), (bad) => {
        try {
          expect(fromUtf8(unxz(bad, 'p', LIMIT))).toBe(TEXT);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('unzstd', () => {
  it.each([
    ['level 19', ZSTD_19],
    ['level 1', ZSTD_1],
    [
      'two frames with a skippable one between',
      concat(ZSTD_19, new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9])),
    ],
  ])('decodes what zstd writes: %s', (_, bytes) => {
    expect(isZstd(bytes)).toBe(true);
    expect(fromUtf8(unzstd(bytes, 'p', LIMIT))).toBe(TEXT);
    expect(fromUtf8(unzstd(concat(bytes, utf8('signature')), 'p', LIMIT))).toBe(TEXT);
    expect(fromUtf8(unzstd(concat(bytes, ZSTD_1), 'p', LIMIT))).toBe(TEXT + TEXT);
  });

  it('stops at its limit, and refuses windows that would take too much memory', () => {
    expect(() => unzstd(ZSTD_1, 'p', TEXT.length - 1)).toThrow('more than the limit');
    // A frame header alone: no single segment, window descriptor 2^41 bytes.
    const huge = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0]);
    expect(() => unzstd(huge, 'p', LIMIT)).toThrow('window of 2199023255552 bytes, the limit is 134217728');
    const dictionary = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 1, 0, 7, 1, 0, 0]);
    expect(() => unzstd(dictionary, 'p', LIMIT)).toThrow('zstd with a dictionary is not supported');
  });

  it.each([ZSTD_19, ZSTD_1])('gives only a FormatError for damage (%#)', (bytes) => {
    fc.assert(
      fc.property(damage(bytes), (bad) => {
        try {
          unzstd(bad, 'p', LIMIT);
        } catch (error) {
          expect(error instanceof FormatError || error instanceof UnsupportedCompression).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('decoding piece by piece', () => {
  it.each([
    ['xz', concat(XZ_BLOCKS, utf8('signature')), xzDecoder],
    ['zstd', concat(ZSTD_19, ZSTD_1, utf8('signature')), zstdDecoder],
  ])('%s: gives the same however the input is cut', (_, bytes, decoder) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (cuts) => {
        const parts: Uint8Array[] = [];
        const feeder = new Feeder(decoder('p', LIMIT, (chunk) => parts.push(chunk.slice())));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const length = cuts[i % cuts.length] ?? 1;
          feeder.push(bytes.subarray(at, at + length));
          at += length;
        }
        feeder.end();
        expect(fromUtf8(concat(...parts)).slice(0, TEXT.length)).toBe(TEXT);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['xz', XZ, xzDecoder],
    ['zstd', ZSTD_19, zstdDecoder],
  ])('%s: an end before its time is a FormatError', (_, bytes, decoder) => {
    for (let length = 0; length < bytes.length; length++) {
      const feeder = new Feeder(decoder('p', LIMIT, () => undefined));
      expect(() => {
        feeder.push(bytes.subarray(0, length));
        feeder.end();
      }, `${length} bytes`).toThrow(FormatError);
    }
  });

  it('keeps no more of xz data than their dictionary', () => {
    // One block with a dictionary of 4 KiB: a plain chunk after the other, which no match refers to.
    const chunk = new Uint8Array(1 << 16).map((_, i) => i * 7);
    let size = 0;
    const place = new Place('xz', 'p');
    const feeder = new Feeder(
      decodeLzma2(place, 4096, (bytes) => {
        expect(equalBytes(bytes, chunk)).toBe(true);
        size += bytes.length;
        expect(bytes.buffer.byteLength).toBeLessThanOrEqual(4096 + (4 << 20));
      }),
    );
    for (let i = 0; i < 100; i++) feeder.push(concat(Uint8Array.of(i === 0 ? 1 : 2, 0xff, 0xff), chunk));
    feeder.push(Uint8Array.of(0));
    feeder.end();
    expect(size).toBe(100 << 16);
  });
});

describe('a second layer of a payload', () => {
  const open = (data: Uint8Array, type = 'vgz') => openPayload({ name: 'p', type, data: gzip(data) });

  it('that is no archive is damage; one with a filter that is not known is reported', () => {
    expect(() => open(XZ)).toThrow('type vgz but holds no tar archive');
    const x86 = open(XZ_X86);
    expect([x86.content, x86.nested, x86.findings.map(({ code }) => code)]).toEqual([
      'xz',
      'xz',
      ['nested-compression'],
    ]);
    expect(x86.findings[0]?.message).toContain('xz filter x86 is not supported');
    const damaged = open(ZSTD_1.subarray(0, 50), 'tgz');
    expect(damaged.findings.map(({ code }) => code)).toEqual(['nested-compression', 'payload-damaged']);
  });

  it('shares the limits of the outer one', () => {
    expect(layerLimit(10, {})).toBe(1 << 20);
    expect(layerLimit(10_000, {})).toBe(10_000_000);
    expect(layerLimit(10_000_000, {})).toBe(0xffffffff);
    expect(layerLimit(10_000_000, { maxBytes: 5 })).toBe(5);
    const limited = openPayload({ name: 'p', type: 'vgz', data: gzip(XZ) }, { maxBytes: 1000 });
    expect(limited.findings.map(({ message }) => message).at(-1)).toContain('more than the limit of 1000 bytes');
  });
});

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
import { XZ_FILTERS } from './xz-filters.ts';
import { isZstd, unzstd, zstdDecoder } from './zstd.ts';

const base64 = (text: string): Uint8Array => tryFromBase64(text) ?? new Uint8Array(0);
const LIMIT = 1 << 20;

/** The text that the streams below hold. */
const TEXT = Array.from({ length: 40 }, (_, i) => `line ${i} of a small text, ${'abc'.repeat(i % 7)}\n`).join('');

/** Made by xz 5.4: defaults (CRC-64); two blocks, CRC-32, lc=0 lp=2 pb=1; SHA-256; the x86 filter; the arm64 filter. */
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
const XZ_ARM64 = base64(
  '/Td6WFoAAATm1rRGAgEKACEBFgB95z8l4AVeAKNdADYaSh8IoCYDTQad7+2MZ+I4vCGasBaW7LKyOMfxMYPkZL34vNCxDsRvRMWxsUjD+bzLNV9aRdzlsv' +
    'dhC5RIj/0vfZdFRiSa5igzOP5JTYsqSpYH6b/eheiMGhweWOC99irAHo/3YvKKcNXBcV8xfL3QKgFGp8bxrvssZGBIHQSoAcderrOSQvysTHU/zEVYXGjy' +
    'GvqjzwEDP2CbiRmsrpQ1hn4AABSjHVMsrEVNAAG/Ad8KAADUcAlmscRn+wIAAAAABFla',
);
/** Bytes of which every other one looks like a CALL, a JMP or the top of a short distance. */
const CODE = Uint8Array.from(
  (function* () {
    for (let i = 0, state = 1; i < 900; i++) {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      const kind = (state >>> 16) % 20;
      yield kind < 7 ? 0xe8 + (kind & 1) : kind < 11 ? 0x00 : kind < 15 ? 0xff : state >>> 8;
    }
  })(),
);
/** {@link CODE} by xz 5.4 with `--x86`, and with `--delta=dist=3 --x86=start=16`. */
const XZ_CODE = base64(
  '/Td6WFoAAATm1rRGAgEEACEBHACHbtrl4AODAtZdAD8sPA/wg7fhQumY87WMPQNwoCJskx62D0H5FMWpKZwhowtiMq4NftvkZBp71uDRKT8ikG8W4c5TSO' +
    'keou5+Wonbk81tJgLkUeyK/I3wvvfqKSEn6I0LOBBgrjHg/daw4nf5ZmVsKHQ5kPs2fo5bftAIWMXoJSW29kMDZl5hNyKEkCNQjYBec8OblJZAFWE1bj1r' +
    'YzxD0Yv82Gyhm5X/PiKT9cGe5AGdE7CTuL19Q+gIbaPyEa6hCqYnDvw6Z1GkJ8n6lJfuFs0KT6Rc8RzMRDlfO+pX1HHIutCzHQtOEWDzBbCfmg3s8roY22' +
    '52AsomqUFmmiw8QNYtd72weRvqETlH/d/RAO04A07Xs4MdAHwh2s1+l5JgmHS0E+oNl1K+xvzUkTtHUP/applAC1SeTrCr9zMhmNJSCw0xJuz464ZbuXen' +
    'ZQ7p6iYM2SBJKBVPEQ1FqWhzPXVDJPN1mL1TmxsUWsHhjfe/DhRAQRgAMskK24nRLR7iUQcQ6Uv4Uix69zp3dNq3lU/cSH34wFzlPZnDR6pLPizgnnX3AD' +
    '0tvw93ZhT2ulCofss+nO8By0n0T+bte2xwIrEm8xtwulroqCwBO+Ls0RU766eXSrYlEQ6ajh3Z/Cz5s4rBR4jZaoKik2XcHkniG0Od0f2Y7edPSB0sKUKP' +
    'WpWX6Y57Zodw+GDmlaPoWZM5Xe1FzvLhs8bEYOU5foTNkx+NGwOwXtMY1p6iY7rATDc+2fmWzA2OC70hzXitRtQoiyDddNGzlEd0VWj2ZRGaIEwVwkW+nA' +
    '3Ergq/Xxhb4wIDvtQaj0dt6ArrVxRvpNSaEZjrAqpOUiM9nbX3UbHFXgpLOzqQLo0kJURPDCMwQ7h+ern/zyBBZjnUazwF5TYD+aMyFfJob5WxNeKpd0Tb' +
    'lS/NjSv36MhSzGVTG01T4/mhDLGpxbyprHhZx2xxZcTcWgGQYZNraTvk148CAsnE0gAAALQ8ONX2pn4bAAHyBYQHAABW1Js0scRn+wIAAAAABFla',
);
const XZ_CODE_DELTA = base64(
  '/Td6WFoAAATm1rRGBAIDAQIEBBAAAAAhARwAAM5+E5ngA4MDLl0APyw8CFH7H//LVZTK6csUeb8PPgyQHItOz0AQwxqeRFq9OoLsFwh7eRSjx+BHT9TuvY' +
    'Lzpw5Dde2UKAUvybqQx4Udw8f+Nytjh38VXR+1+7T5DHqbHDKeyaHz6lE+CgNHhNvut5yirO+A9y7Y2XXF5K8+nFXZqky7du75/n0QhMx2klt8AjlHq8Kb' +
    'pZCFFnj3jJ6aes3mUQkafTuFiBbGviUx05g6+bprNYs34pL358W8+tVFL2wJsANm5JEbIucDViWZLB5zJhcuFQYnsvXMIo8/OtgV3ov72it6yIDKhJujWa' +
    'vINEZCKVNoofRpl9BgYIOoiukL8HE6REOS+raMVYClm7QTlXTQSmYj7sOKdKTVvXe7b6owYgkHqxjvvb1mXWE1/CcPqSPHNIQCDFr4vPVPEOsxMJwvJLef' +
    '+sDnFShSBpETazdXGC0oe0QpmJlph3pmTjyoVKo5Mb86Vfbmzwio3cm9aSxFbg2JjAClw7w00XqvcUzvJTVz1QkblDnjVbcCvb+bG7ekbOAvjSzGTcIl/e' +
    'vobVx7iztBDu/r6b065xG7x3/+/OTXrgrfxTDSjUeX0ww16q5Bjm1p0aN7kROhjylzOIthPxtKACaiaRpmXHLVJxfXQ09YJnfnxzlyObQIFrD8vG7ce7nM' +
    'B5Ag5rAP3mkPPn27hTBIZFwUmRkQwH/xhxJA32l0m2Y8sImvWVCVi+yyvWVIo2wTJeXYfDo6O4GupRfEUat8J8+fEnBKI3zcVia9y3Y3WGECao+teAY3Rw' +
    'YFC9ViNzBa3E94GRTN3eeQ8fHqvhVj/KgI7q9iXASNryFW4A5q26b2ej8W/a8tMmDmCjlv4J3Lmta8DOq7JSu9IsmwWlvc9G3lHvR0r9F8k1I3kRXOcpbW' +
    'NhA8Zq6t7fDSz8vb03MObzvgvV3KUornZUM65zpBaJWLFvRGM8wJ20HtOO4k0q4d3vabv0xep4DHM7ifAxO64stHP364gD59sXdfQpLQRwUPPMw5NuK5q6' +
    'qVb6iETlAMrDG37ngrgXDZD9eIUbKOI1wxWyJL+qTNy6ZLIKkiUnDYTn7PuTcCPVpOtHrTOyXEAAAAALQ8ONX2pn4bAAHSBoQHAACwq5d0scRn+wIAAAAA' +
    'BFla',
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
    ['the x86 filter, on text', XZ_X86],
  ])('decodes what xz writes: %s', (_, bytes) => {
    expect(isXz(bytes)).toBe(true);
    expect(fromUtf8(unxz(bytes, 'p', LIMIT))).toBe(TEXT);
  });

  it('leaves what follows the stream', () => {
    expect(fromUtf8(unxz(concat(XZ, utf8('signature')), 'p', LIMIT))).toBe(TEXT);
  });

  it('undoes the filters x86 and delta', () => {
    expect(equalBytes(unxz(XZ_CODE, 'p', LIMIT), CODE)).toBe(true);
    expect(equalBytes(unxz(XZ_CODE_DELTA, 'p', LIMIT), CODE)).toBe(true);
  });

  it('names a filter that it does not know', () => {
    expect(() => unxz(XZ_ARM64, 'p', LIMIT)).toThrow(UnsupportedCompression);
    expect(() => unxz(XZ_ARM64, 'p', LIMIT)).toThrow('xz filter arm64 is not supported');
  });

  it('stops at its limit', () => {
    expect(() => unxz(XZ, 'p', TEXT.length - 1)).toThrow(
      `decompresses to more than the limit of ${TEXT.length - 1} bytes`,
    );
    expect(unxz(XZ, 'p', TEXT.length)).toHaveLength(TEXT.length);
  });

  it.each([XZ, XZ_BLOCKS, XZ_SHA256, XZ_X86])('never gives another text for damage (%#)', (bytes) => {
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

  it('filters do not mind how their input is cut', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.constantFrom(0x03, 0x04), cuts, (id, lengths) => {
        const undone = (pieces: Iterable<Uint8Array>): string => {
          const parts: Uint8Array[] = [];
          const properties = id === 0x03 ? Uint8Array.of(4) : new Uint8Array(0);
          const filter = XZ_FILTERS.get(id)?.(properties, (chunk) => parts.push(chunk.slice()));
          for (const piece of pieces) filter?.push(piece);
          filter?.end();
          return toHex(concat(...parts));
        };
        const pieces = function* () {
          for (let at = 0, i = 0; at < CODE.length; i++) {
            const length = lengths[i % lengths.length] ?? 1;
            yield CODE.subarray(at, at + length);
            at += length;
          }
        };
        expect(undone(pieces())).toBe(undone([CODE]));
      }),
      { numRuns: 200 },
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
    const arm = open(XZ_ARM64);
    expect([arm.content, arm.nested, arm.findings.map(({ code }) => code)]).toEqual([
      'xz',
      'xz',
      ['nested-compression'],
    ]);
    expect(arm.findings[0]?.message).toContain('xz filter arm64 is not supported');
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

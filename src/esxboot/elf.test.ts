import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../bytes/errors.ts';
import { ET, findSection, isElf, loadImage, lowestSegment, PF, PT, parseElf, readSymbols, SHF, SHT } from './elf.ts';
import { writeElf } from './elf-write.ts';
import { asksForMeasurement, buildEsxBootInfo, findEsxBootInfo } from './esxbootinfo.ts';
import { buildMleHeader, extractMle, findMle, MLE_GUID } from './mle.ts';

const code = SHF.ALLOC | SHF.EXECINSTR;
const fill = (size: number, value: number) => new Uint8Array(size).fill(value);

const executable = (text: Uint8Array) =>
  writeElf({
    type: 'exec',
    base: 0x418000000000n,
    entry: { section: '.text', offset: 16 },
    sections: [
      { name: '.text', flags: code, data: text },
      { name: '.rodata', flags: SHF.ALLOC, data: fill(100, 2) },
      { name: '.data', flags: SHF.ALLOC | SHF.WRITE, data: fill(50, 3) },
      { name: '.bss', type: SHT.NOBITS, flags: SHF.ALLOC | SHF.WRITE, size: 9000 },
      { name: '.comment', data: fill(5, 4) },
    ],
    symbols: [
      { name: '_start', section: '.text', value: 16, type: 'func' },
      { name: 'here', section: '.data', binding: 'local' },
    ],
  });

const relocatable = () =>
  writeElf({
    type: 'rel',
    sections: [{ name: '.text', flags: code, data: fill(64, 1) }],
    symbols: [{ name: 'init_module', section: '.text', value: 4, type: 'func', size: 8 }, { name: 'vmk_Log' }],
    relocations: [{ section: '.text', offset: 8, symbol: 'vmk_Log', type: 4, addend: -4 }],
  });

describe('ELF64', () => {
  it('reads back an executable: segments by permission, no page both writable and executable', () => {
    const elf = parseElf(executable(fill(5000, 1)));
    expect(elf).toMatchObject({ type: ET.EXEC, machine: 62, entry: 0x418000000010n });
    const loads = elf.segments.filter(({ type }) => type === PT.LOAD);
    expect(loads.map(({ flags }) => flags)).toEqual([PF.R | PF.X, PF.R, PF.R | PF.W]);
    expect(loads.map(({ vaddr }) => vaddr)).toEqual([0x418000000000n, 0x418000002000n, 0x418000003000n]);
    expect(loads[2]).toMatchObject({ fileSize: 50 });
    expect(loads[2]?.memSize).toBeGreaterThan(9000);
    expect(findSection(elf, '.comment')?.data).toEqual(fill(5, 4));
    expect(lowestSegment(elf)?.data.length).toBe(5000);
    expect(readSymbols(elf)).toContainEqual(
      expect.objectContaining({ name: '_start', value: 0x418000000010n, binding: 1, type: 2 }),
    );
    const image = loadImage(elf);
    expect(image.base).toBe(0x418000000000n);
    expect(image.bytes[0x2000]).toBe(2);
    expect(image.bytes[0x3000 + 49]).toBe(3);
    expect(image.bytes[0x3000 + 50]).toBe(0);
  });

  it('reads back a relocatable object with symbols and relocations', () => {
    const elf = parseElf(relocatable());
    expect(elf).toMatchObject({ type: ET.REL, segments: [] });
    const symbols = readSymbols(elf);
    expect(symbols).toContainEqual(expect.objectContaining({ name: 'init_module', section: 1, value: 4n, size: 8 }));
    expect(symbols).toContainEqual(expect.objectContaining({ name: 'vmk_Log', section: 0, binding: 1 }));
    expect(findSection(elf, '.rela.text')).toMatchObject({ type: SHT.RELA, info: 1, size: 24 });
  });

  it('tells ELF by its first four bytes only', () => {
    expect(isElf(new Uint8Array([0x7f, 0x45, 0x4c, 0x46]))).toBe(true);
    expect(isElf(new Uint8Array([0x7f, 0x45, 0x4c]))).toBe(false);
  });

  it.each([
    ['class', 4, 1, /class/],
    ['byte order', 5, 2, /data/],
    ['section table offset', 0x2b, 0xff, /Shdr/],
    ['program header size', 0x36, 1, /Phdr/],
  ] as const)('names the bad field: %s', (_, at, value, message) => {
    const bytes = executable(fill(10, 1));
    bytes[at] = value;
    expect(() => parseElf(bytes)).toThrow(message);
  });

  it('refuses an image that a crafted header would blow up', () => {
    const bytes = executable(fill(10, 1));
    // p_memsz of the first program header.
    bytes.fill(0x7f, 64 + 40, 64 + 46);
    expect(() => loadImage(parseElf(bytes))).toThrow(/more than/);
  });

  it('gives only InputErrors on damaged files', () => {
    const good = [executable(fill(300, 1)), relocatable()];
    const flips = fc.array(fc.tuple(fc.nat(700), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...good), flips, fc.nat(6000), (bytes, changes, cut) => {
        const bad = bytes.slice(0, Math.max(64, bytes.length - cut));
        for (const [at, value] of changes) bad[at % bad.length] = value;
        try {
          const elf = parseElf(bad);
          readSymbols(elf);
          loadImage(elf);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('ESXBootInfo header', () => {
  it('has magic, checksum and size of the published structure', () => {
    const bytes = buildEsxBootInfo({ flags: 1 << 21, tpmMeasure: 1 });
    const view = new DataView(bytes.buffer);
    expect(bytes.length).toBe(72);
    expect(view.getUint32(0, true)).toBe(0x1badb005);
    expect((0x1badb005 + view.getUint32(4, true) + view.getUint32(8, true)) >>> 0).toBe(0);
    expect(view.getUint32(68, true)).toBe(1);
  });

  it('is found 8-aligned in the first 8192 bytes with a good sum only', () => {
    const header = buildEsxBootInfo({ flags: 1 << 21, tpmMeasure: 1, rtsVaddr: 5n });
    const at = (offset: number, size = 9000) => {
      const segment = new Uint8Array(size);
      segment.set(header, offset);
      return findEsxBootInfo(segment);
    };
    expect(at(0)?.header).toMatchObject({ rtsVaddr: 5n, tpmMeasure: 1 });
    expect(at(8192 - 72)?.offset).toBe(8192 - 72);
    expect(at(8192 - 64)).toBeUndefined();
    expect(at(4)).toBeUndefined();
    header[8] = (header[8] ?? 0) ^ 1;
    expect(at(0)).toBeUndefined();
  });

  it('measures only with both flag bit 21 and tpm_measure bit 0', () => {
    const asks = (flags: number, tpmMeasure: number) => {
      const found = findEsxBootInfo(buildEsxBootInfo({ flags, tpmMeasure }));
      return found !== undefined && asksForMeasurement(found.header);
    };
    expect([asks(1 << 21, 1), asks(1 << 21, 2), asks(0, 1), asks(0, 0)]).toEqual([true, false, false, false]);
  });
});

describe('MLE header', () => {
  const header = {
    entryPoint: 64,
    firstValidPage: 0,
    mleStart: 0,
    mleEnd: 0x3000,
    capabilities: 0x221,
    cmdlineStart: 0,
    cmdlineEnd: 0,
  };
  const withHeader = (changes: Partial<typeof header> = {}) => {
    const text = fill(5000, 1);
    text.set(buildMleHeader({ ...header, ...changes }), 128);
    return parseElf(executable(text));
  };

  it('has 52 bytes that start with the GUID', () => {
    const bytes = buildMleHeader(header);
    expect(bytes.length).toBe(52);
    expect(bytes.subarray(0, 16)).toEqual(MLE_GUID);
  });

  it('gives whole pages of the loaded image', () => {
    const elf = withHeader();
    const mle = extractMle(elf);
    expect(mle).toMatchObject({ offset: 128, header: { ...header, version: 0x20001 } });
    expect(mle?.pages).toEqual(loadImage(elf).bytes.subarray(0, 0x3000));
    expect(extractMle(withHeader({ mleStart: 0x1000, entryPoint: 0x1100, mleEnd: 0x2001 }))?.pages.length).toBe(0x2000);
  });

  it.each([
    [{ mleStart: 1 }, /mle_start_offset/],
    [{ mleEnd: 0 }, /mle_end_offset/],
    [{ mleEnd: 0x7fffffff }, /mle_end_offset/],
    [{ entryPoint: 0x3000 }, /entry_point/],
  ] as const)('refuses %j', (changes, message) => {
    expect(() => extractMle(withHeader(changes))).toThrow(message);
  });

  it('is undefined where there is none, an error where it is cut', () => {
    expect(extractMle(parseElf(executable(fill(100, 1))))).toBeUndefined();
    expect(() => findMle(buildMleHeader(header).subarray(0, 40))).toThrow(InputError);
  });
});

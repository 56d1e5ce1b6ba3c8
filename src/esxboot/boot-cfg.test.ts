import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, fromUtf8, toHex, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { parseBootCfg, resolveModulePath, withBootState, writeBootCfg } from './boot-cfg.ts';
import { assembleKernelOptions, commandLine } from './command-line.ts';

const parse = (text: string) => parseBootCfg(utf8(text));

describe('boot.cfg', () => {
  it('reads the form of real media', () => {
    const { mboot, safeboot, findings } = parse(
      'bootstate=0\ntitle=Loading ESXi installer\nprefix=\nkernel=/b.b00\nkernelopt=runweasel\n' +
        'modules=/jumpstrt.gz --- /useropts.gz --- /k.b00\nbuild=7.0.0-1.25.16324942\nupdated=0\n',
    );
    expect(findings).toEqual([]);
    expect(mboot).toMatchObject({
      kernel: '/b.b00',
      kernelopt: 'runweasel',
      prefix: undefined,
      timeout: 5,
      errtimeout: -1,
    });
    expect(mboot.modules.map(({ file }) => file)).toEqual(['/jumpstrt.gz', '/useropts.gz', '/k.b00']);
    expect(safeboot).toEqual({ build: '7.0.0-1.25.16324942', updated: 0, bootstate: 0, quickboot: 0 });
  });

  it.each([
    ['first = splits', 'kernelopt=a=b', { kernelopt: 'a=b' }],
    ['runs of spaces merge', 'kernelopt=a    b\t c', { kernelopt: 'a b c' }],
    ['keys ignore case', 'KERNEL=/b.b00', { kernel: '/b.b00' }],
    ['an abbreviation takes the first key it prefixes', 'kern=/b.b00', { kernel: '/b.b00' }],
    ['an abbreviation that needs more letters', 'kernelo=x', { kernelopt: 'x' }],
    ['a comment line is passed over', '#kernel=/x', { kernel: undefined }],
    ['an empty value is unset', 'kernel=/b.b00\nkernel=', { kernel: undefined }],
    ['numbers may be negative', 'errtimeout=-1\ntimeout=30', { errtimeout: -1, timeout: 30 }],
    ['CR LF line ends', 'kernel=/b.b00\r\ntimeout=1\r\n', { kernel: '/b.b00', timeout: 1 }],
  ])('%s', (_, text, expected) => {
    expect(parse(text).mboot).toMatchObject(expected);
  });

  it('splits the list at every --- and keeps the options of a module', () => {
    expect(parse('modules=a.gz  x=1   y---b.b00 --- --- c').mboot.modules).toEqual([
      { file: 'a.gz', options: 'x=1 y' },
      { file: 'b.b00', options: '' },
      { file: 'c', options: '' },
    ]);
  });

  it('reports what a loader passes over', () => {
    const { findings } = parse('nonsense\nfoo=1\ntimeout=soon\nmodules=a --- --- b\nti=x\n');
    expect(findings.map(({ line, code }) => [line, code])).toEqual([
      [1, 'no-equals-sign'],
      [2, 'unknown-key'],
      [3, 'not-a-number'],
      [4, 'empty-list-item'],
      [5, 'abbreviated-key'],
    ]);
  });

  it('numbers are those that an int holds', () => {
    const updated = (text: string) => parse(`build=x\nupdated=${text}\n`);
    expect(updated('1000000000').safeboot.updated).toBe(1_000_000_000);
    expect(updated('2147483647').safeboot.updated).toBe(2_147_483_647);
    expect(updated('-2147483647').safeboot.updated).toBe(-2_147_483_647);
    expect(updated('2147483648').findings.map(({ code }) => code)).toEqual(['not-a-number']);
    expect(updated('99999999999').findings.map(({ code }) => code)).toEqual(['not-a-number']);
  });

  it('puts bootstate first and changes only its digit', () => {
    const bytes = writeBootCfg({
      build: 'x',
      updated: 3,
      bootstate: 1,
      kernel: '/b.b00',
      modules: [{ file: '/k', options: 'o' }],
    });
    expect(fromUtf8(bytes)).toBe('bootstate=1\nkernel=/b.b00\nmodules=/k o\nbuild=x\nupdated=3\n');
    const dirty = withBootState(bytes, 2);
    expect(fromUtf8(dirty ?? new Uint8Array(0))).toBe(fromUtf8(bytes).replace('bootstate=1', 'bootstate=2'));
    expect(withBootState(utf8(`${'#'.repeat(600)}\nbootstate=0\n`), 3)).toBeUndefined();
  });

  it('resolves paths against prefix, else against its own directory', () => {
    expect(resolveModulePath('/b.b00', 'x')).toBe('/b.b00');
    expect(resolveModulePath('b.b00', 'efi/boot')).toBe('efi/boot/b.b00');
    expect(resolveModulePath('b.b00', undefined)).toBe('/b.b00');
  });

  it('survives any input', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { mboot, safeboot } = parse(text);
        expect(Number.isInteger(mboot.timeout) && Number.isInteger(safeboot.updated)).toBe(true);
      }),
    );
    expect(() => parseBootCfg(new Uint8Array((1 << 20) + 1))).toThrow(InputError);
    expect(() => parse(`modules=${'a---'.repeat(3000)}`)).toThrow(InputError);
  });

  it('reads back what it writes', () => {
    const word = fc.stringMatching(/^[a-z0-9_./=]{1,12}$/);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), word, fc.nat(1000), (files, title, updated) => {
        const modules = files.map((file) => ({ file, options: '' }));
        const bytes = writeBootCfg({ title, modules, updated });
        const back = parseBootCfg(bytes);
        expect(back.mboot.modules).toEqual(modules);
        expect(back.mboot.title).toBe(title);
        expect(equalBytes(writeBootCfg({ title, modules, updated: back.safeboot.updated }), bytes)).toBe(true);
      }),
    );
  });
});

describe('command line', () => {
  it('joins kernelopt, loader arguments and BOOTIF with single spaces', () => {
    const sources = { kernelopt: 'a  b', loaderArguments: ['bootUUID=00'], bootInterface: 'AA:bb:CC:dd:EE:ff' };
    expect(assembleKernelOptions(sources)).toBe('a b bootUUID=00 BOOTIF=01-aa-bb-cc-dd-ee-ff');
    expect(assembleKernelOptions({ ...sources, noBootif: true })).toBe('a b bootUUID=00');
    expect(assembleKernelOptions({ ...sources, kernelopt: 'BOOTIF=01-00' })).toBe('BOOTIF=01-00 bootUUID=00');
    expect(assembleKernelOptions({ ...sources, edited: ' only  this ' })).toBe('only this');
  });

  // Facts, esxi-measured-boot §20: digests of the texts in two real reports, and a computed one.
  it.each([
    [
      'vmbTrustedBoot=true tboot=0x0x101a000 no-auto-partition',
      '772753050c0a140bdfbf92e306b9793d',
      'sha1',
      '2213253cbdf7a0d8b3709e971e6beb7ea6a81a92',
    ],
    [
      'vmbTrustedBoot=true tboot=0x0x101a000 no-auto-partition',
      '7283225de1512d0ae1f696eb510fe1c5',
      'sha1',
      '735b7a5314a5dea3649f6340f2755a946e2eea05',
    ],
    [
      '',
      '00112233445566778899aabbccddeeff',
      'sha256',
      '19407d8560ab3208246b836f867a6c6404a1c914e53e0f57e9a293561ef5ef75',
    ],
  ] as const)('has the digest of a reported command line (%s, %s)', (kernelopt, uuid, algorithm, digest) => {
    const options = assembleKernelOptions({ kernelopt, loaderArguments: [`bootUUID=${uuid}`] });
    expect(toHex(hash(algorithm, utf8(commandLine('/b.b00', options))))).toBe(digest);
  });

  it('is the bare file name without options, and at most 4096 bytes with its NUL', () => {
    expect(commandLine('/b.b00', '')).toBe('/b.b00');
    expect(commandLine('/b.b00', 'x'.repeat(4096 - 8)).length).toBe(4095);
    expect(() => commandLine('/b.b00', 'x'.repeat(4096 - 7))).toThrow(InputError);
  });
});

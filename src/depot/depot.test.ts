import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesSource, openZip, writeZip, type ZipInput } from '../archive/index.ts';
import { fromUtf8, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { buildVib, rewriteVib, type Vib, vibId } from '../vib/index.ts';
import { vibFromSource } from '../vib/vib-source.ts';
import { imageVibs, type OfflineBundle, openBundle, writeBundle } from './index.ts';

const vib = (name: string, acceptanceLevel = 'partner'): Uint8Array =>
  buildVib({
    descriptor: { type: 'bootbank', name, version: '1.0-1', vendor: 'ACME', acceptanceLevel, softwareTags: ['driver'] },
    payloads: [{ name: name.slice(0, 16), type: 'vgz', files: [{ name: `opt/${name}/file`, data: utf8(name) }] }],
  });
const VIBS = [vib('one'), vib('two', 'certified'), vib('three')];
const id = (name: string): string => `ACME_bootbank_${name}_1.0-1`;

const BUNDLE = {
  release: '8.0.3',
  vendor: { name: 'ACME', code: 'ACM' },
  timestamp: '2024-06-25T00:00:00.000000+00:00',
  vibs: VIBS.map((bytes) => () => bytes),
};
const PROFILES = [
  { name: 'small', vibIds: [id('two')] },
  { name: 'large', vibIds: [id('one'), id('two')] },
];
const open = (bytes: Uint8Array): OfflineBundle => openBundle(bytesSource(bytes));

/** The files of an archive with some replaced (or left out where the change gives nothing). */
function changed(bytes: Uint8Array, change: (name: string, data: Uint8Array) => Uint8Array | undefined): Uint8Array {
  const zip = openZip(bytesSource(bytes));
  const files = [...zip.entries.keys()].flatMap((name): ZipInput[] => {
    const data = change(name, zip.read(name));
    return data === undefined ? [] : [{ name, data }];
  });
  return writeZip(files);
}
const inMetadata = (bytes: Uint8Array, change: (name: string, text: string) => string | undefined): Uint8Array =>
  changed(bytes, (name, data) => {
    if (name !== 'metadata.zip') return data;
    return changed(data, (inner, xml) => {
      const text = change(inner, fromUtf8(xml));
      return text === undefined ? undefined : utf8(text);
    });
  });

describe('offline bundles', () => {
  const bytes = writeBundle({ ...BUNDLE, profiles: PROFILES });

  it('round trip: VIBs byte for byte, profiles, bulletin', () => {
    const bundle = open(bytes);
    expect(bundle.findings).toEqual([]);
    expect(bundle.vendors).toEqual([{ name: 'ACME', code: 'ACM', index: 'vendor-index.xml' }]);
    expect([...bundle.vibs.keys()].toSorted()).toEqual(['one', 'three', 'two'].map(id));
    expect(bundle.profiles.map(({ name, acceptanceLevel }) => [name, acceptanceLevel])).toEqual([
      ['small', 'certified'],
      ['large', 'partner'],
    ]);
    expect(bundle.bulletins[0]?.vibIds.length).toBe(3);
    expect(rewriteVib(bundle.openVib(id('one')))).toEqual(VIBS[0]);
    expect(rewriteVib(bundle.openVib(id('two'), { lazy: true }))).toEqual(VIBS[1]);
    expect(writeBundle({ ...BUNDLE, profiles: PROFILES })).toEqual(bytes);
  });

  it('has the layout of published bundles', () => {
    const zip = openZip(bytesSource(bytes));
    expect([...zip.entries.keys()].slice(0, 4)).toEqual([
      'index.xml',
      'vendor-index.xml',
      'metadata.zip',
      `vib20/one/${id('one')}.vib`,
    ]);
    const index = fromUtf8(zip.read('index.xml'));
    expect(index).toContain(
      '<vendorList><vendor><name>ACME</name><code>ACM</code><indexfile>vendor-index.xml</indexfile>',
    );
    const metadata = openZip(bytesSource(zip.read('metadata.zip')));
    const name = [...metadata.entries.keys()].find((each) => each.startsWith('vibs/one-')) ?? '';
    expect(fromUtf8(metadata.read(name))).toMatch(
      /<\/software-tags><relative-path>vib20\/one\/.*<\/relative-path><packed-size>\d+<\/packed-size><checksum checksum-type="sha-256">[0-9a-f]{64}</,
    );
  });

  it('names the parts of the metadata that nothing is made from', () => {
    const zip = openZip(bytesSource(bytes));
    const metadata = openZip(bytesSource(zip.read('metadata.zip')));
    const more = ['baseimages/a.json', 'baseimages/b.json', 'addons/', 'addons/c.json', 'notes.txt'];
    const entries = [
      ...[...metadata.entries.keys()].map((name) => ({ name, data: metadata.read(name) })),
      ...more.map((name) => ({ name, data: utf8(name.endsWith('/') ? '' : 'x') })),
    ];
    const { unusedParts, findings } = open(
      changed(bytes, (name, data) => (name === 'metadata.zip' ? writeZip(entries) : data)),
    );
    expect(unusedParts).toEqual([
      { name: 'baseimages/', files: 2 },
      { name: 'addons/', files: 1 },
      { name: 'notes.txt', files: 1 },
    ]);
    expect(findings).toEqual([]);
    expect(open(bytes).unusedParts).toEqual([]);
  });

  it.each(['acceptancelevel', 'acceptanceLevel'])('reads the level of an image profile from <%s>', (element) => {
    const spelled = inMetadata(bytes, (name, xml) =>
      name.startsWith('profiles/') ? xml.replaceAll('acceptancelevel>', `${element}>`) : xml,
    );
    expect(open(spelled).profiles.map(({ acceptanceLevel }) => acceptanceLevel)).toEqual(
      open(bytes).profiles.map(({ acceptanceLevel }) => acceptanceLevel),
    );
    expect(open(spelled).profiles[0]?.acceptanceLevel).not.toBe('');
  });

  it('chooses the image: named, only one, none', () => {
    expect(imageVibs(open(bytes), 'small')).toEqual([id('two')]);
    expect(() => imageVibs(open(bytes))).toThrow('several image profiles, add #NAME to choose one: small, large');
    expect(() => imageVibs(open(bytes), 'huge')).toThrow('no image profile "huge"; the bundle has small, large');
    expect(imageVibs(open(writeBundle({ ...BUNDLE, profiles: PROFILES.slice(0, 1) })))).toEqual([id('two')]);
    expect(imageVibs(open(writeBundle(BUNDLE))).length).toBe(3);
  });

  it('is not written with a VIB twice or a profile that names no VIB', () => {
    const [first] = BUNDLE.vibs;
    if (first === undefined) throw new Error('no VIB');
    expect(() => writeBundle({ ...BUNDLE, vibs: [first, first] })).toThrow('appears twice');
    expect(() => writeBundle({ ...BUNDLE, profiles: [{ name: 'x', vibIds: ['none'] }] })).toThrow('no VIB none');
  });

  it('finds VIBs that are missing, not listed, or only named by a profile', () => {
    const missing = open(changed(bytes, (name, data) => (name.includes('/two/') ? undefined : data)));
    expect(missing.findings).toEqual([
      { code: 'vib-file-missing', where: `vib20/two/${id('two')}.vib`, message: `file of VIB ${id('two')}` },
    ]);
    expect(() => missing.openVib(id('two'))).toThrow('no such file in the archive');
    const unlisted = open(inMetadata(bytes, (name, xml) => (name.startsWith('vibs/two') ? undefined : xml)));
    expect(unlisted.findings.map(({ code }) => code)).toEqual([
      'vib-not-listed',
      'profile-vib-missing',
      'profile-vib-missing',
    ]);
    expect(() => imageVibs(unlisted, 'small')).toThrow(InputError);
  });

  it('compares size, checksum and id of a VIB with the metadata', () => {
    const other = changed(bytes, (name, data) => {
      if (!name.includes('/one/')) return data;
      const out = data.slice();
      out[out.length - 20] = (out[out.length - 20] ?? 0) ^ 1;
      return out;
    });
    expect(() => open(other).openVib(id('one'))).toThrow(/SHA-256 is [0-9a-f]{64}, the metadata say/);
    const shorter = changed(bytes, (name, data) => (name.includes('/one/') ? data.subarray(0, 100) : data));
    expect(() => open(shorter).openVib(id('one'))).toThrow('100 bytes, the metadata say');
    const swapped = inMetadata(bytes, (name, xml) =>
      name.startsWith('vibs/one') ? xml.replace('<name>one</name>', '<name>uno</name>') : xml,
    );
    expect(() => open(swapped).openVib(id('uno'))).toThrow(`holds VIB ${id('one')}`);
  });

  /** The bundle with the files of `move` in the vendor's folder. */
  const inFolder = (
    input: Uint8Array,
    folder: string,
    move: (name: string) => boolean,
  ): { name: string; data: Uint8Array }[] => {
    const zip = openZip(bytesSource(input));
    return [...zip.entries.keys()].map((name) => {
      const data = zip.read(name);
      if (name !== 'index.xml') return { name: move(name) ? `${folder}/${name}` : name, data };
      return { name, data: utf8(fromUtf8(data).replace('<relativePath/>', `<relativePath>${folder}</relativePath>`)) };
    });
  };

  it('finds the VIBs in the folder of their vendor, or else from the root of the bundle', () => {
    const inside = writeZip(inFolder(bytes, 'acme', () => true));
    const rooted = writeZip(inFolder(bytes, 'acme', (name) => !name.startsWith('vib20/')));
    for (const [input, prefix] of [
      [inside, 'acme/'],
      [rooted, ''],
    ] as const) {
      const bundle = open(input);
      expect(bundle.vendors[0]?.index).toBe('acme/vendor-index.xml');
      expect(bundle.findings).toEqual([]);
      expect(bundle.vibs.get(id('one'))?.path).toBe(`${prefix}vib20/one/${id('one')}.vib`);
      expect(rewriteVib(bundle.openVib(id('one')))).toEqual(VIBS[0]);
    }
    const nowhere = open(writeZip(inFolder(bytes, 'acme', () => true).filter(({ name }) => !name.includes('/two/'))));
    expect(nowhere.findings).toEqual([
      { code: 'vib-file-missing', where: `acme/vib20/two/${id('two')}.vib`, message: `file of VIB ${id('two')}` },
    ]);
  });

  it('takes one VIB from two vendors, each with its own file', () => {
    const both = (second: Uint8Array): Uint8Array => {
      const [a, b] = ['a', 'b'].map((each) => inFolder(each === 'a' ? bytes : second, each, () => true));
      const texts = [a, b].map((files) => fromUtf8(files?.find(({ name }) => name === 'index.xml')?.data ?? utf8('')));
      const vendor = /<vendor>.*<\/vendor>/s.exec(texts[1] ?? '')?.[0] ?? '';
      const index = utf8((texts[0] ?? '').replace('</vendorList>', `${vendor}</vendorList>`));
      const rest = [...(a ?? []), ...(b ?? [])].filter(({ name }) => name !== 'index.xml');
      return writeZip([{ name: 'index.xml', data: index }, ...rest]);
    };
    const unprofiled = writeBundle(BUNDLE);
    const codes = (input: Uint8Array) => open(input).findings.map(({ code }) => code);
    const twice = both(unprofiled);
    expect(open(twice).vendors.map(({ index }) => index)).toEqual(['a/vendor-index.xml', 'b/vendor-index.xml']);
    expect(codes(twice)).toEqual([]);
    const other = inMetadata(unprofiled, (name, xml) =>
      name.startsWith('vibs/one') ? xml.replace(/(sha-256">)[0-9a-f]{4}/, '$10000') : xml,
    );
    expect(codes(both(other))).toEqual(['duplicate-vib']);
  });

  it('knows an image profile by its content, whatever its name ends in', () => {
    const renamed = changed(bytes, (name, data) => {
      if (name !== 'metadata.zip') return data;
      const zip = openZip(bytesSource(data));
      const files = [...zip.entries.keys()].map((inner) => ({
        name: inner.startsWith('profiles/') ? inner.replace(/\.xml$/, '') : inner,
        data: zip.read(inner),
      }));
      return writeZip([...files, { name: 'profiles/notes.txt', data: utf8('no XML') }]);
    });
    expect(open(renamed).profiles).toEqual(open(bytes).profiles);
    expect(open(renamed).findings).toEqual([]);
  });

  it('says what is missing or unreadable', () => {
    expect(() => open(writeZip([{ name: 'x', data: utf8('y') }]))).toThrow('the archive is no offline bundle');
    expect(() => open(changed(bytes, (n, d) => (n === 'metadata.zip' ? undefined : d)))).toThrow('metadata.zip');
    const broken = open(inMetadata(bytes, (name, xml) => (name.startsWith('profiles/small') ? '<a' : xml)));
    expect(broken.findings[0]).toMatchObject({ code: 'unreadable', where: 'profiles/small.xml' });
  });

  it('hostile changes give only InputErrors', () => {
    const use = (input: Uint8Array): void => {
      try {
        const bundle = open(input);
        for (const each of bundle.vibs.keys()) bundle.openVib(each, { lazy: true });
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    };
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const input = bytes.slice();
        input[at] = value;
        use(input);
      }),
      { numRuns: 150 },
    );
    fc.assert(fc.property(fc.nat(bytes.length - 1), (length) => use(bytes.subarray(0, length))));
  });
});

describe('vibFromSource', () => {
  const [bytes = new Uint8Array(0)] = VIBS;

  it('reads payloads only when they are taken', () => {
    const reads: number[] = [];
    const source = {
      size: bytes.length,
      read: (at: number, length: number) => {
        reads.push(length);
        return bytes.subarray(at, at + length);
      },
    };
    const opened: Vib = vibFromSource(source);
    expect(vibId(opened.descriptor)).toBe(id('one'));
    const size = opened.descriptor.payloads[0]?.size ?? 0;
    expect(reads).not.toContain(size);
    expect(opened.payloads[0]?.data.length).toBe(size);
    expect(reads.at(-1)).toBe(size);
    expect(rewriteVib(opened)).toEqual(bytes);
  });

  it('refuses what readVib refuses', () => {
    const use = (input: Uint8Array) => () => vibFromSource(bytesSource(input));
    expect(use(utf8('nothing'))).toThrow(FormatError);
    expect(use(bytes.subarray(0, bytes.length - 1))).toThrow('too early');
    expect(use(bytes.subarray(0, 8))).toThrow('descriptor.xml: member is missing');
    expect(use(new Uint8Array([...bytes, ...bytes.subarray(8)]))).toThrow('member descriptor.xml appears twice');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const input = bytes.slice();
        input[at] = value;
        try {
          for (const { data } of vibFromSource(bytesSource(input)).payloads) expect(data).toBeInstanceOf(Uint8Array);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});

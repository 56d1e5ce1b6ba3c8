import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, partner, recipe, trust, vib } from '../../test/support/vibs.ts';
import { fromUtf8, toHex, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { writeAr } from './ar.ts';
import { editDescriptor, parseDescriptor, vibId, writeDescriptor } from './descriptor.ts';
import { verifyVib } from './verify.ts';
import { buildVib, readVib, rewriteVib, type VibRecipe } from './vib.ts';

describe('descriptor', () => {
  // The documented one-line form with every element, made up; values as real descriptors have them.
  const TEXT =
    '<vib version="5.0"><type>bootbank</type><name>x</name><version>1.0-1</version><vendor>THX</vendor><summary>s</summary>' +
    '<description>d &amp; e</description><release-date>2020-11-01T10:00:00.123456+00:00</release-date>' +
    '<urls><url key="KB">http://kb/1</url></urls><relationships><depends><constraint name="vmkapi_2_6_0_0"/>' +
    '<constraint name="a" relation="&gt;=" version="1.0"/></depends><conflicts/><replaces/><provides/><compatibleWith/>' +
    '</relationships><software-tags><tag>module</tag></software-tags><system-requires>' +
    '<maintenance-mode install="false">true</maintenance-mode><swPlatform locale="" version="7.*" productLineID="embeddedEsx"/>' +
    '<hwplatform vendor="ACME"/></system-requires><file-list><file>a/b</file></file-list>' +
    '<acceptance-level>community</acceptance-level><live-install-allowed>true</live-install-allowed>' +
    '<live-remove-allowed>false</live-remove-allowed><cimom-restart>false</cimom-restart><stateless-ready>true</stateless-ready>' +
    '<overlay>false</overlay><novel kind="1"><part/></novel><payloads><payload name="x" type="vgz" size="12" boot-order="3">' +
    '<checksum checksum-type="sha-256" verify-process="gunzip">00ff</checksum><checksum checksum-type="md-7">aa</checksum>' +
    '</payload></payloads></vib>';
  const descriptor = parseDescriptor(utf8(TEXT));

  it('reads every element and writes the same bytes', () => {
    expect(fromUtf8(writeDescriptor(descriptor))).toBe(TEXT);
    expect(descriptor).toMatchObject({
      schemaVersion: '5.0',
      description: 'd & e',
      urls: [{ key: 'KB', url: 'http://kb/1' }],
      relationships: {
        depends: [{ name: 'vmkapi_2_6_0_0' }, { name: 'a', relation: '>=', version: '1.0' }],
        replaces: [],
      },
      softwareTags: ['module'],
      systemRequires: {
        maintenanceMode: true,
        maintenanceModeInstall: false,
        swPlatforms: [{ locale: '', version: '7.*', productLineID: 'embeddedEsx' }],
        hwPlatforms: [{ vendor: 'ACME' }],
      },
      fileList: ['a/b'],
      acceptanceLevel: 'community',
      liveInstallAllowed: true,
      overlay: false,
      payloads: [{ name: 'x', type: 'vgz', size: 12, attributes: { 'boot-order': '3' } }],
      unknownElements: ['novel'],
    });
    expect(descriptor.payloads[0]?.checksums).toEqual([
      { type: 'sha-256', verifyProcess: 'gunzip', value: '00ff' },
      { type: 'md-7', value: 'aa' },
    ]);
    expect(vibId(descriptor)).toBe('THX_bootbank_x_1.0-1');
  });

  it('changes only what is edited', () => {
    const edited = editDescriptor(descriptor, { acceptanceLevel: 'partner', payloads: descriptor.payloads });
    expect(fromUtf8(writeDescriptor(edited))).toBe(TEXT.replace('>community<', '>partner<'));
    const grown = editDescriptor(
      parseDescriptor(utf8(TEXT.replace('<urls><url key="KB">http://kb/1</url></urls>', ''))),
      {
        urls: descriptor.urls,
      },
    );
    expect(fromUtf8(writeDescriptor(grown))).toBe(TEXT);
  });

  it.each([
    [
      'an external entity',
      `<!DOCTYPE vib [<!ENTITY x SYSTEM "file:///etc/passwd">]>${TEXT}`,
      'document type declaration',
    ],
    ['another root', '<bulletin/>', 'expected <vib>'],
    ['a missing name', TEXT.replace('<name>x</name>', ''), 'descriptor.xml.name: is missing'],
    ['an empty vendor', TEXT.replace('THX', ''), 'descriptor.xml.vendor: is empty'],
    [
      'two levels',
      TEXT.replace('<overlay>', '<acceptance-level>certified</acceptance-level><overlay>'),
      'appears twice',
    ],
    ['a size that is no number', TEXT.replace('size="12"', 'size="-1"'), 'is not a number of bytes'],
    ['a checksum that is not hexadecimal', TEXT.replace('00ff', 'zz'), 'checksum[0]: "zz" is not hexadecimal'],
    ['a flag that is neither', TEXT.replace('<overlay>false', '<overlay>maybe'), 'neither true nor false'],
    ['a payload without type', TEXT.replace(' type="vgz"', ''), 'payload[0]@type: is missing'],
    [
      'two payloads of one name',
      TEXT.replace('</payloads>', '<payload name="x" type="v" size="1"/></payloads>'),
      'twice',
    ],
    ['truncation', TEXT.slice(0, 900), 'unclosed tag'],
  ])('refuses %s', (_, text, problem) => {
    expect(() => parseDescriptor(utf8(text))).toThrow(problem);
    expect(() => parseDescriptor(utf8(text))).toThrow(FormatError);
  });

  it('has a size limit', () => {
    expect(() => parseDescriptor(utf8(TEXT), 100)).toThrow('the limit is 100');
    expect(() => readVib(bytes, { maxDescriptor: 100 })).toThrow('the limit is 100');
  });
});

describe('building', () => {
  it('computes sizes, checksums and the file list', () => {
    const { payloads, fileList } = vib.descriptor;
    const data = vib.payloads[2]?.data ?? new Uint8Array(0);
    expect(fileList).toEqual(['usr/lib/vmware/vmkmod/nvmetest', 'etc/conf']);
    expect(payloads[2]).toEqual({
      name: 'k',
      type: 'boot',
      size: data.length,
      checksums: [
        { type: 'sha-256', verifyProcess: 'gunzip', value: toHex(hash('sha256', utf8('raw boot module'))) },
        { type: 'sha-256', value: toHex(hash('sha256', data)) },
        { type: 'sha-1', verifyProcess: 'gunzip', value: toHex(hash('sha1', utf8('raw boot module'))) },
      ],
    });
    expect(vib.members.map((member) => member.name)).toEqual(['descriptor.xml', 'sig.pkcs7', 'nvmetest', 'conf', 'k']);
    expect(vib.members.every(({ mtime, uid, gid }) => mtime === '0' && uid === '0' && gid === '0')).toBe(true);
  });

  it('gives the same bytes every time and after reading', () => {
    expect(toHex(hash('sha256', buildVib(recipe, partner)))).toBe(toHex(hash('sha256', bytes)));
    expect(toHex(hash('sha256', rewriteVib(vib)))).toBe(toHex(hash('sha256', bytes)));
    expect(toHex(writeDescriptor(vib.descriptor))).toBe(toHex(vib.descriptorBytes));
    expect(readVib(buildVib(recipe)).signature).toHaveLength(0);
  });

  it('refuses recipes that make no VIB', () => {
    const make = (payloads: VibRecipe['payloads']) => () => buildVib({ ...recipe, payloads });
    expect(make([{ name: 'a', type: 'boot', files: [] }])).toThrow('only vgz and tgz');
    expect(make([{ name: 'a-name-longer-than-16', type: 'boot', content: utf8('x') }])).toThrow(InputError);
    const twice = { name: 'a', type: 'boot', content: utf8('x') };
    expect(make([twice, twice])).toThrow('appears twice');
  });
});

describe('reading hostile files', () => {
  it('gives only a FormatError for damage', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, flip, cut) => {
          const bad = cut ? bytes.subarray(0, at) : bytes.slice();
          if (!cut) bad[at] = (bad[at] ?? 0) ^ flip;
          try {
            // Whatever was changed, a check must not say yes (the archive's own header fields are not protected by anything).
            const report = await verifyVib(readVib(bad), trust);
            if (report.ok) expect(toHex(readVib(bad).descriptorBytes)).toBe(toHex(vib.descriptorBytes));
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('refuses repeated members and a missing descriptor', () => {
    const twice = [...vib.members, { name: 'k', data: utf8('other') }];
    expect(() => readVib(writeAr(twice))).toThrow('member k appears twice');
    expect(() => readVib(writeAr(vib.members.slice(1)))).toThrow('VIB.descriptor.xml: member is missing');
    expect(() => readVib(bytes.subarray(0, 300))).toThrow('ar.member[0].data');
  });
});

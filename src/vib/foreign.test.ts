/**
 * VIBs as other people's tools write them. The shapes are those of public build scripts for community packages (GNU `ar r`,
 * Python and shell writers, vibauthor); every byte here is made by this file. What a host takes must be read, written back
 * byte for byte, and what is unusual reported.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromUtf8, latin1, toHex, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { encodePem } from '../crypto/pem.ts';
import { readAr } from './ar.ts';
import { editDescriptor, parseDescriptor, vibId, writeDescriptor } from './descriptor.ts';
import { extractVib } from './extract.ts';
import { gzip } from './gzip.ts';
import { inspectVib, renderInspect } from './report.ts';
import { writeUstar } from './ustar.ts';
import { verifyVib } from './verify.ts';
import { readVib, rewriteVib, signVib } from './vib.ts';

const MAGIC = latin1('!<arch>\n');
const hex = (algorithm: 'sha1' | 'sha256', data: Uint8Array): string => toHex(hash(algorithm, data));

/** One header: fields padded on the right unless they are padded already. */
function header(name: string, size: number | string, mode = '100644', owner = '0', time = '0'): Uint8Array {
  const fields = [name.padEnd(16), time.padEnd(12), owner.padEnd(6), owner.padEnd(6), mode.padEnd(8)];
  return latin1(`${fields.join('')}${String(size).padEnd(10)}\`\n`);
}

/** A member with the usual line feed after data of odd length. */
const member = (name: string, data: Uint8Array, mode?: string, owner?: string, time?: string): Uint8Array =>
  concat(header(name, data.length, mode, owner, time), data, latin1(data.length % 2 === 1 ? '\n' : ''));

const TAR = writeUstar([{ name: 'opt/demo/hello', mode: 0o755, data: utf8('hello\n') }]);
const PAYLOAD = gzip(TAR);

/** What the shell scripts write: pretty-printed, release date to the second, an empty element on two lines. */
const descriptorXml = (payload: string, extra = ''): string => `<vib version="5.0">
  <type>bootbank</type>
  <name>demo-tool</name>
  <version>1.0.0-0.0.1</version>
  <vendor>somebody</vendor>
  <summary>Demo</summary>
  <description>Demo</description>
  <release-date>2021-05-01T10:11:12</release-date>
  <urls>
    <url key="website">https://example.test/demo</url>
  </urls>
  <relationships>
    <depends>
    </depends>
    <conflicts/>
    <replaces/>
    <provides/>
    <compatibleWith/>
  </relationships>
  <software-tags>
  </software-tags>
  <system-requires>
    <maintenance-mode>false</maintenance-mode>${extra}
  </system-requires>
  <file-list>
    <file>opt/demo/hello</file>
  </file-list>
  <acceptance-level>community</acceptance-level>
  <live-install-allowed>true</live-install-allowed>
  <live-remove-allowed>true</live-remove-allowed>
  <cimom-restart>false</cimom-restart>
  <stateless-ready>true</stateless-ready>
  <overlay>false</overlay>
  <payloads>
    ${payload}
  </payloads>
</vib>
`;

const payloadXml = (
  name: string,
  data = PAYLOAD,
  content = TAR,
): string => `<payload name="${name}" type="tgz" size="${data.length}">
        <checksum checksum-type="sha-256">${hex('sha256', data)}</checksum>
        <checksum checksum-type="sha-256" verify-process="gunzip">${hex('sha256', content)}</checksum>
        <checksum checksum-type="sha-1" verify-process="gunzip">${hex('sha1', content)}</checksum>
    </payload>`;

const XML = utf8(descriptorXml(payloadXml('payload1')));
const NONE = new Uint8Array(0);
const ODD = XML.length % 2 === 1 ? XML : utf8(`${fromUtf8(XML)} `);

const codes = async (bytes: Uint8Array): Promise<string[]> => {
  const report = await verifyVib(readVib(bytes), { roots: [], time: 'ignore' });
  return report.findings.map(({ code }) => code);
};

/** GNU `ar r` with a payload whose name needs the table of long names, and macOS `ar` with names before the data. */
const LONG_NAME = 'a-payload-with-a-long-name';
const LONG_XML = utf8(descriptorXml(payloadXml(LONG_NAME)));
const gnuTable = latin1(`${LONG_NAME}/\n`);
const bsd = (name: string, data: Uint8Array): Uint8Array => {
  const padded = latin1(name.padEnd(Math.ceil(name.length / 4) * 4, '\0'));
  return member(`#1/${padded.length}`, concat(padded, data));
};

const SHAPES: readonly (readonly [string, Uint8Array, readonly string[]])[] = [
  [
    'GNU ar: slashes behind names, times, owners',
    concat(
      MAGIC,
      member('descriptor.xml/', XML, '100644', '1000', '1619863872'),
      member('sig.pkcs7/', NONE, '100644', '1000', '1619863872'),
      member('payload1/', PAYLOAD, '100600', '1000', '1619863872'),
    ),
    ['member-form', 'member-form', 'member-form'],
  ],
  [
    'GNU ar: a table of long names',
    concat(
      MAGIC,
      concat(header('//', gnuTable.length, '', ''), gnuTable, latin1(gnuTable.length % 2 ? '\n' : '')),
      member('descriptor.xml/', LONG_XML),
      member('sig.pkcs7/', NONE),
      member('/0', PAYLOAD),
    ),
    ['member-form', 'member-form', 'member-form'],
  ],
  [
    'BSD ar: names before the data, a table of symbols first',
    concat(
      MAGIC,
      bsd('__.SYMDEF SORTED', new Uint8Array(8)),
      bsd('descriptor.xml', XML),
      bsd('sig.pkcs7', NONE),
      bsd('payload1', PAYLOAD),
    ),
    ['member-form', 'member-form', 'member-form'],
  ],
  [
    'a GNU table of symbols that holds nothing',
    concat(
      MAGIC,
      member('/', new Uint8Array(4)),
      member('descriptor.xml/', XML),
      member('sig.pkcs7/', NONE),
      member('payload1/', PAYLOAD),
    ),
    ['member-form', 'member-form', 'member-form'],
  ],
  [
    'a Python script: mode 0o0',
    concat(
      MAGIC,
      member('descriptor.xml', XML, '0o0'),
      member('sig.pkcs7', NONE, '0o0'),
      member('payload1', PAYLOAD, '0o0'),
    ),
    [],
  ],
  [
    'numbers on the right of their fields, NUL instead of spaces',
    concat(
      MAGIC,
      header('descriptor.xml\0\0', String(XML.length).padStart(10), '644\0\0\0\0\0'),
      XML,
      latin1(XML.length % 2 ? '\n' : ''),
      member('sig.pkcs7', NONE),
      member('payload1', PAYLOAD),
    ),
    [],
  ],
  [
    'padding with a NUL',
    concat(
      MAGIC,
      header('descriptor.xml', ODD.length),
      ODD,
      latin1('\0'),
      member('sig.pkcs7', NONE),
      member('payload1', PAYLOAD),
    ),
    ['member-form'],
  ],
  [
    'no padding at all',
    concat(MAGIC, header('descriptor.xml', ODD.length), ODD, member('sig.pkcs7', NONE), member('payload1', PAYLOAD)),
    ['member-form'],
  ],
  [
    'line feeds behind the last member',
    concat(
      MAGIC,
      member('descriptor.xml', XML),
      member('sig.pkcs7', NONE),
      member('payload1', PAYLOAD),
      latin1('\n\n\n'),
    ),
    ['member-form'],
  ],
  [
    'payloads before the signature',
    concat(MAGIC, member('descriptor.xml', XML), member('payload1', PAYLOAD), member('sig.pkcs7', NONE)),
    ['member-order'],
  ],
];

describe.each(SHAPES)('%s', (_, bytes, findings) => {
  const vib = readVib(bytes);

  it('is read, and what is unusual is reported', async () => {
    expect(vibId(vib.descriptor)).toBe('somebody_bootbank_demo-tool_1.0.0-0.0.1');
    expect(
      extractVib(vib)
        .files.map(({ path, data }) => [path, fromUtf8(data)])
        .filter(([, text]) => text !== ''),
    ).toEqual([['opt/demo/hello', 'hello\n']]);
    expect(await codes(bytes)).toEqual(findings);
    const { oddities } = inspectVib(vib);
    expect(oddities).toHaveLength(findings.filter((code) => code === 'member-form').length);
    expect(renderInspect(inspectVib(vib)).match(/^Unusual form /gm) ?? []).toHaveLength(oddities.length);
  });

  it('is written back byte for byte', () => {
    expect(toHex(rewriteVib(vib))).toBe(toHex(bytes));
    expect(toHex(writeDescriptor(vib.descriptor))).toBe(toHex(vib.descriptorBytes));
  });

  it('keeps everything but the signature when that is replaced', () => {
    const at = vib.members.findIndex(({ name }) => name === 'sig.pkcs7');
    const members = vib.members.map((each, i) => (i === at ? { ...each, data: utf8('not a signature') } : each));
    const changed = readVib(rewriteVib({ ...vib, members }));
    expect(fromUtf8(changed.signature ?? NONE)).toBe('not a signature');
    for (const [i, each] of changed.members.entries()) {
      const was = vib.members[i];
      expect([each.name, each.mtime, each.uid, each.mode]).toEqual([was?.name, was?.mtime, was?.uid, was?.mode]);
      if (i !== at) expect(toHex(each.data)).toBe(toHex(was?.data ?? NONE));
    }
    expect(toHex(signVib(changed, []))).toBe(toHex(bytes));
  });
});

describe('whatever can be read', () => {
  const changes = fc.array(fc.tuple(fc.nat(1 << 16), fc.nat(255)), { minLength: 1, maxLength: 3 });

  it.each(SHAPES.map(([name, bytes]) => [name, bytes] as const))('is written back byte for byte: %s', (_, bytes) => {
    fc.assert(
      fc.property(changes, (list) => {
        const input = bytes.slice();
        for (const [at, value] of list) input[at % input.length] = value;
        try {
          const vib = readVib(input);
          expect(toHex(rewriteVib(vib))).toBe(toHex(input));
          expect(toHex(writeDescriptor(vib.descriptor))).toBe(toHex(vib.descriptorBytes));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('ar archives that are refused', () => {
  it.each([
    ['a name with a slash inside', concat(MAGIC, member('a/b', NONE)), '"a/b" is not a plain file name'],
    [
      'a long name that leads outside',
      concat(MAGIC, member('//', latin1('../../etc/x/\n')), member('/0', NONE)),
      'is not a plain file name',
    ],
    ['a BSD name that leads outside', concat(MAGIC, bsd('../evil', NONE)), 'is not a plain file name'],
    ['garbage behind the last member', concat(MAGIC, member('a', NONE), latin1('garbage!')), 'ar.member[1]'],
    ['a member larger than the archive', concat(MAGIC, header('a', 99_999_999)), 'needs 99999999 bytes'],
  ])('%s', (_, bytes, message) => {
    expect(() => readAr(bytes)).toThrow(message);
    expect(() => readAr(bytes)).toThrow(FormatError);
  });
});

describe('descriptors of other authors', () => {
  const parse = (text: string) => parseDescriptor(utf8(text));
  const base = descriptorXml(payloadXml('payload1'));

  it.each([
    [
      'an XML declaration and comments',
      `<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- made by hand -->\n${base.replace('<name>', '<!-- a --><name>')}<!-- end -->\n`,
    ],
    ['a byte order mark', `\ufeff${base}`],
    [
      'single quotes, spaces in tags, empty elements in full',
      base.replaceAll('"', "'").replace('<conflicts/>', '<conflicts ></conflicts >'),
    ],
    ['tabs', base.replaceAll('  ', '\t')],
    ['CDATA and character references', base.replace('<summary>Demo', '<summary><![CDATA[a & b]]>&#233;&apos;')],
    ['a default namespace', base.replace('<vib ', '<vib xmlns="http://example.test/vib" ')],
    [
      'line breaks around values',
      base.replace('<name>demo-tool<', '<name>\n    demo-tool\n  <').replace('>community<', '>\n community <'),
    ],
  ])('%s: read, and written back as it was', (_, text) => {
    const descriptor = parse(text);
    expect([descriptor.name, descriptor.acceptanceLevel]).toEqual(['demo-tool', 'community']);
    expect(descriptor.unknownElements).toEqual([]);
    expect(toHex(writeDescriptor(descriptor))).toBe(toHex(utf8(text)));
    const edited = editDescriptor(descriptor, { vendor: 'another' });
    expect(fromUtf8(writeDescriptor(edited))).toBe(text.replace(/^\ufeff/, '').replace('>somebody<', '>another<'));
  });

  it('an element that was missing goes to its place, on a line of its own', () => {
    const text = base.replace('  <stateless-ready>true</stateless-ready>\n', '');
    expect(fromUtf8(writeDescriptor(editDescriptor(parse(text), { statelessReady: true })))).toBe(base);
  });

  it('ISO 8859-1 by its declaration, UTF-16 by its byte order mark', () => {
    const text = base.replace('<vendor>somebody', '<vendor>\u00e9diteur');
    const latin = concat(latin1('<?xml version="1.0" encoding="ISO-8859-1"?>\n'), latin1(text));
    expect(parseDescriptor(latin).vendor).toBe('\u00e9diteur');
    expect(toHex(writeDescriptor(parseDescriptor(latin)))).toBe(toHex(latin));
    const wide = new Uint8Array([
      0xff,
      0xfe,
      ...[...text].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8]),
    ]);
    expect(parseDescriptor(wide).vendor).toBe('\u00e9diteur');
    expect(() => parseDescriptor(latin1(text))).toThrow('document is not UTF-8');
    expect(() => parseDescriptor(concat(latin1('<?xml version="1.0" encoding="EBCDIC-CP-FR"?>'), utf8(base)))).toThrow(
      'encoding EBCDIC-CP-FR is not supported',
    );
  });

  it('reports elements and attributes that it does not know, at any depth', () => {
    const text = base
      .replace('<provides/>', '<provides><name>x</name></provides><requires><constraint name="y"/></requires>')
      .replace('<overlay>', '<config-schema id="a"><inner/></config-schema><overlay>')
      .replace('<maintenance-mode>', '<maintenance-mode odd="1">')
      .replace('<payload ', '<payload install-size="9" boot-order="3" colour="red" ');
    const descriptor = parse(text);
    expect(descriptor.unknownElements).toEqual([
      'relationships/provides/name',
      'relationships/requires',
      'system-requires/maintenance-mode@odd',
      'config-schema',
      'payloads/payload@colour',
    ]);
    expect(descriptor.payloads[0]?.attributes).toEqual({ 'install-size': '9', 'boot-order': '3', colour: 'red' });
    expect(fromUtf8(writeDescriptor(descriptor))).toBe(text);
  });

  it.each(['5.0', '5.2', '6.7', '8.0', ''])('schema version "%s" is shown, whatever it is', (version) => {
    const text = base.replace('version="5.0"', version === '' ? '' : `version="${version}"`);
    expect(parse(text).schemaVersion).toBe(version);
  });

  it('platforms under either name', () => {
    const platform = 'version="7.*" locale="" productLineID="embeddedEsx"';
    const text = descriptorXml(
      payloadXml('payload1'),
      `\n    <softwarePlatform ${platform} />\n    <hardwarePlatform vendor="ACME"/>`,
    );
    expect(parse(text).systemRequires).toEqual({
      maintenanceMode: false,
      swPlatforms: [{ version: '7.*', locale: '', productLineID: 'embeddedEsx' }],
      hwPlatforms: [{ vendor: 'ACME' }],
    });
  });

  it.each<[string, { maintenanceMode: boolean; maintenanceModeInstall?: boolean }]>([
    ['on-install="true" on-remove="false"/>', { maintenanceMode: false, maintenanceModeInstall: true }],
    ['on-install="false" on-remove="true"/>', { maintenanceMode: true, maintenanceModeInstall: false }],
    ['on-install="true"/>', { maintenanceMode: false, maintenanceModeInstall: true }],
    ['on-remove="true">false</maintenance-mode>', { maintenanceMode: true }],
    ['install="false" remove="true"/>', { maintenanceMode: true, maintenanceModeInstall: false }],
    ['install="false">true</maintenance-mode>', { maintenanceMode: true, maintenanceModeInstall: false }],
  ])('maintenance mode by attributes: %s', (rest, expected) => {
    const descriptor = parse(base.replace('<maintenance-mode>false</maintenance-mode>', `<maintenance-mode ${rest}`));
    expect(descriptor.systemRequires).toEqual({ ...expected, swPlatforms: [], hwPlatforms: [] });
    expect(descriptor.unknownElements).toEqual([]);
    const edited = editDescriptor(descriptor, { systemRequires: descriptor.systemRequires });
    expect(edited.systemRequires).toEqual(descriptor.systemRequires);
  });

  it('a maintenance mode that is neither true nor false is refused', () => {
    const text = base.replace('<maintenance-mode>false</maintenance-mode>', '<maintenance-mode on-remove="maybe"/>');
    expect(() => parse(text)).toThrow('system-requires.maintenance-mode@on-remove: "maybe" is neither true nor false');
  });

  it('a payload without a size is read and reported', async () => {
    const text = descriptorXml(payloadXml('payload1').replace(/ size="\d+"/, ''));
    const bytes = concat(
      MAGIC,
      member('descriptor.xml', utf8(text)),
      member('sig.pkcs7', NONE),
      member('payload1', PAYLOAD),
    );
    expect(await codes(bytes)).toEqual(['size-missing']);
    expect(renderInspect(inspectVib(readVib(bytes)))).toMatch(/payload1 +tgz +- +sha-256/);
  });
});

describe('a signature in PEM', () => {
  it('is told from DER by its first line', async () => {
    const pem = utf8(encodePem('PKCS7', utf8('no CMS')));
    const bytes = concat(MAGIC, member('descriptor.xml', XML), member('sig.pkcs7', pem), member('payload1', PAYLOAD));
    expect(await codes(bytes)).toContain('signature-unreadable');
    expect(inspectVib(readVib(bytes)).signature.status).toBe('unreadable');
  });
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8, toHex, utf8 } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { EKU_OID } from '../crypto/asn1-oids.ts';
import { createSignedData } from '../crypto/cms.ts';
import { hash } from '../crypto/hash.ts';
import { decodePrivateKeyPem, publicOf } from '../crypto/keys.ts';
import { type Certificate, parseCertificate, parseCertificatesPem } from '../crypto/x509.ts';
import {
  basicConstraints,
  certificatePolicies,
  createCertificate,
  extendedKeyUsage,
  keyUsage,
} from '../crypto/x509-build.ts';
import { writeAr } from './ar.ts';
import { editDescriptor, parseDescriptor, vibId, writeDescriptor } from './descriptor.ts';
import { extractMembers, extractVib } from './extract.ts';
import { VIB_FINDINGS } from './findings.ts';
import { gzip } from './gzip.ts';
import { LEVEL_POLICY } from './level-policy.ts';
import { inspectVib, listVib, listVibFiles, renderInspect, renderList, renderVerify } from './report.ts';
import { type VibVerifyOptions, verifyVib } from './verify.ts';
import { buildVib, readVib, rewriteVib, signVib, type Vib, type VibRecipe, type VibSigner, writeVib } from './vib.ts';

const file = (name: string): Uint8Array => new Uint8Array(readFileSync(`test/fixtures/crypto/${name}`));
const rsaKey = decodePrivateKeyPem(file('rsa.key.pem'));
const ecKey = decodePrivateKeyPem(file('ec.key.pem'));
const START = Date.UTC(2026, 0, 1);
const END = Date.UTC(2036, 0, 1);
const ANY_POLICY = '2.5.29.32.0';

interface CertificateOptions {
  readonly policies?: readonly string[];
  readonly ca?: boolean;
  readonly issuer?: string;
  readonly usages?: readonly string[];
}

/** A certificate: CAs have the RSA key, signers the EC key. */
function certificate(
  name: string,
  { policies = [], ca = false, issuer = 'Root', usages = [] }: CertificateOptions = {},
) {
  const key = ca ? rsaKey : ecKey;
  const der = createCertificate(
    {
      serial: BigInt(`0x${toHex(utf8(name))}`),
      subject: [
        ['O', `${name} Org`],
        ['CN', name],
      ],
      issuer: [
        ['O', `${issuer} Org`],
        ['CN', issuer],
      ],
      notBefore: START,
      notAfter: END,
      publicKey: publicOf(key),
      hash: 'sha256',
      extensions: [
        basicConstraints(ca),
        keyUsage([ca ? 'keyCertSign' : 'digitalSignature']),
        ...(policies.length > 0 ? [certificatePolicies(policies)] : []),
        ...(usages.length > 0 ? [extendedKeyUsage(usages)] : []),
      ],
    },
    rsaKey,
  );
  return parseCertificate(der);
}

const root = certificate('Root', { ca: true });
const signerOf = (leaf: Certificate, chain: readonly Certificate[] = []): VibSigner => ({
  certificate: leaf,
  key: ecKey,
  hash: 'sha256',
  chain,
});
const partner = signerOf(certificate('Partner', { policies: [LEVEL_POLICY.PartnerSupported] }));
const certified = signerOf(
  certificate('Certified', { policies: [LEVEL_POLICY.VMwareCertified, LEVEL_POLICY.VMwareAccepted] }),
);

const recipe: VibRecipe = {
  descriptor: {
    type: 'bootbank',
    name: 'nvme-test',
    version: '1.0-1OEM.800.1.0.1',
    vendor: 'TST',
    summary: 'A <driver> & more',
    acceptanceLevel: 'partner',
    releaseDate: '2026-01-01T00:00:00.000000+00:00',
    softwareTags: ['driver', 'module'],
    relationships: {
      depends: [{ name: 'vmkapi_2_6_0_0' }, { name: 'esx-base', relation: '>=', version: '8.0.0' }],
      conflicts: [],
      replaces: [],
      provides: [],
      compatibleWith: [],
    },
  },
  payloads: [
    {
      name: 'nvmetest',
      type: 'vgz',
      attributes: { 'install-size': '5000' },
      files: [
        { name: 'usr', type: 'directory' },
        { name: 'usr/lib/vmware/vmkmod/nvmetest', type: 'shared', mode: 0o555, data: new Uint8Array(5000).fill(7) },
      ],
    },
    { name: 'conf', type: 'tgz', files: [{ name: 'etc/conf', data: utf8('x') }] },
    { name: 'k', type: 'boot', content: utf8('raw boot module') },
  ],
};
const bytes = buildVib(recipe, partner);
const vib = readVib(bytes);
const trust: VibVerifyOptions = { roots: [root], time: START + 1000 };

/** Codes of the findings. */
const codes = async (target: Vib | Uint8Array, options: Partial<VibVerifyOptions> = {}): Promise<string[]> => {
  const report = await verifyVib(target instanceof Uint8Array ? readVib(target) : target, { ...trust, ...options });
  expect(report.ok).toBe(!report.findings.some((f) => VIB_FINDINGS[f.code][0] === 'error'));
  return report.findings.map((finding) => finding.code);
};

/** The VIB with its descriptor's text changed, signed again so that only that change shows. */
function withDescriptor(change: (text: string) => string): Vib {
  const text = change(fromUtf8(vib.descriptorBytes));
  return readVib(signVib(readVib(writeVib({ ...vib, descriptorBytes: utf8(text) })), partner));
}

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

describe('verifying payloads', () => {
  const members = (
    change: (list: Vib['members']) => readonly { name: string; data: Uint8Array }[],
  ): Promise<string[]> => codes(writeAr(change(vib.members)));
  const replaced = (name: string, data: Uint8Array): Promise<string[]> =>
    members((list) => list.map((member) => (member.name === name ? { ...member, data } : member)));

  it('finds nothing wrong with a good VIB', async () => {
    const report = await verifyVib(vib, trust);
    expect(report).toMatchObject({
      ok: true,
      id: 'TST_bootbank_nvme-test_1.0-1OEM.800.1.0.1',
      signature: { status: 'valid', provider: 'Partner Org', grantedLevel: 'PartnerSupported' },
      level: { claimed: 'PartnerSupported', allowed: 'PartnerSupported', ok: true },
      findings: [],
    });
    expect(report.payloads.every((p) => p.ok && p.checksums.length === 3 && p.checksums.every((c) => c.ok))).toBe(true);
    expect(report.signature.signers[0]?.path).toEqual(['CN=Partner,O=Partner Org', 'CN=Root,O=Root Org']);
  });

  it.each<[string, () => Promise<string[]>, string[]]>([
    [
      'another payload of the same size',
      () => {
        const data = vib.payloads[2]?.data.slice() ?? new Uint8Array(0);
        // The name of the operating system in the gzip header: the content stays, the member differs.
        data[9] = 0x55;
        return replaced('k', data);
      },
      ['checksum-mismatch'],
    ],
    [
      'other content',
      () => replaced('k', gzip(utf8('evil boot module'))),
      ['payload-size', ...Array(3).fill('checksum-mismatch')],
    ],
    [
      'a damaged payload',
      () => replaced('k', (vib.payloads[2]?.data ?? bytes).subarray(0, 25)),
      ['payload-size', 'payload-damaged', 'checksum-mismatch'],
    ],
    ['a missing payload', () => members((list) => list.filter((m) => m.name !== 'k')), ['payload-missing']],
    [
      'a payload nobody declared',
      () => members((list) => [...list, { name: 'extra', data: utf8('x') }]),
      ['payload-undeclared'],
    ],
    ['another order', () => members((list) => [...list.slice(0, 3), ...list.slice(3).reverse()]), ['member-order']],
    [
      'no signature member',
      () => members((list) => list.filter((m) => m.name !== 'sig.pkcs7')),
      ['member-missing', 'level-unsigned'],
    ],
    [
      'an unknown checksum',
      () => codes(withDescriptor((t) => t.replaceAll('checksum-type="sha-1"', 'checksum-type="crc"'))),
      Array(3).fill('checksum-unknown'),
    ],
    [
      'an unknown verify-process',
      () => codes(withDescriptor((t) => t.replace('verify-process="gunzip"', 'verify-process="bunzip"'))),
      ['checksum-unknown'],
    ],
    [
      'no checksum',
      () => codes(withDescriptor((t) => t.replaceAll(/<checksum.*?<\/checksum>/g, ''))),
      Array(3).fill('checksum-missing'),
    ],
    [
      'a file that is not listed',
      () => codes(withDescriptor((t) => t.replace('<file>etc/conf</file>', ''))),
      ['file-unlisted'],
    ],
    [
      'a file that is not there',
      () => codes(withDescriptor((t) => t.replace('<file>etc/conf</file>', '$&<file>b</file>'))),
      ['file-absent'],
    ],
    [
      'an unknown element',
      () => codes(withDescriptor((t) => t.replace('<payloads>', '<novel/><payloads>'))),
      ['descriptor-unknown'],
    ],
    ['an unknown level', () => codes(withDescriptor((t) => t.replace('>partner<', '>supreme<'))), ['level-unknown']],
  ])('reports %s', async (_, run, expected) => {
    expect(await run()).toEqual(expected);
  });

  it('reports bombs and archives that lead outside', async () => {
    const make = (payload: VibRecipe['payloads'][number]) => buildVib({ ...recipe, payloads: [payload] }, partner);
    // Zeros, and enough noise to stay below the ratio at which no reader would take it.
    const hardly = new Uint8Array(4 << 20);
    for (let i = 0; i < 3000; i++) hardly[i] = (i * i * 31 + (i >> 3)) & 0xff;
    const zeros = make({ name: 'z', type: 'boot', content: hardly });
    expect(await codes(zeros, { limits: { maxRatio: 500 } })).toEqual(['payload-damaged']);
    const files = [
      { name: '../x', data: utf8('x') },
      { name: 'l', type: 'symlink' as const, linkName: '/etc/passwd' },
    ];
    const evil = make({ name: 'e', type: 'vgz', files });
    expect(await codes(evil)).toEqual(['unsafe-path', 'link']);
    const { files: written, findings } = extractVib(readVib(evil));
    expect([written.length, findings.map((f) => f.code)]).toEqual([0, ['unsafe-path', 'link']]);
    expect(
      await codes(make({ name: 'n', type: 'vgz', data: gzip(new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])) })),
    ).toEqual(['nested-compression', 'payload-damaged']);
    expect(await codes(make({ name: 'n', type: 'boot', data: utf8('plain') }))).toEqual([]);
  });
});

describe('verifying signatures and levels', () => {
  const claim = (level: string, signers: VibSigner | VibSigner[], options: Partial<VibVerifyOptions> = {}) =>
    codes(buildVib({ ...recipe, descriptor: { ...recipe.descriptor, acceptanceLevel: level } }, signers), options);
  const sub = certificate('Sub', { ca: true, policies: [LEVEL_POLICY.PartnerSupported] });
  const open = certificate('Open', { ca: true, policies: [ANY_POLICY] });
  const below = (issuer: string) =>
    certificate('Below', { issuer, policies: [LEVEL_POLICY.VMwareCertified, LEVEL_POLICY.PartnerSupported] });

  it.each<[string, () => Promise<string[]>, string[]]>([
    ['an unsigned community VIB', () => claim('community', []), []],
    ['an unsigned partner VIB', () => claim('partner', []), ['level-unsigned']],
    ['a certified VIB of a certified signer', () => claim('certified', certified), []],
    ['an accepted VIB of a certified signer', () => claim('accepted', certified), []],
    ['a certified VIB of a partner', () => claim('certified', partner), ['level-not-granted']],
    ['a certified VIB of a partner and the certified signer', () => claim('certified', [partner, certified]), []],
    ['a signer without a level', () => claim('partner', signerOf(certificate('Nobody'))), ['level-not-granted']],
    ['a partner below a CA for partners', () => claim('partner', signerOf(below('Sub'), [sub])), []],
    [
      'a certified signer made by a CA for partners',
      () => claim('certified', signerOf(below('Sub'), [sub])),
      ['level-not-granted'],
    ],
    ['a certified signer made by a CA for any level', () => claim('certified', signerOf(below('Open'), [open])), []],
    [
      'a missing intermediate',
      () => claim('partner', signerOf(below('Sub'))),
      ['chain-issuer-unknown', 'level-not-granted'],
    ],
    ['an intermediate the verifier has', () => claim('partner', signerOf(below('Sub')), { intermediates: [sub] }), []],
    [
      'an unknown root',
      () => claim('partner', { ...partner, chain: [root] }, { roots: [sub] }),
      ['chain-untrusted-root', 'level-not-granted'],
    ],
    [
      'an expired signer',
      () => claim('partner', partner, { time: END + 1000 }),
      ['chain-expired', 'level-not-granted'],
    ],
    [
      'a signer of the future',
      () => claim('partner', partner, { time: START - 1000 }),
      ['chain-not-yet-valid', 'level-not-granted'],
    ],
    ['a time that does not matter', () => claim('partner', partner, { time: 'ignore' }), []],
    [
      'a TLS certificate',
      () => claim('community', signerOf(certificate('Web', { usages: [EKU_OID.serverAuth] }))),
      ['chain-extended-key-usage'],
    ],
    [
      'the key of another certificate',
      () => claim('partner', { ...partner, key: rsaKey }),
      ['signature-bad', 'level-not-granted'],
    ],
  ])('%s', async (_, run, expected) => {
    expect(await run()).toEqual(expected);
  });

  it.each<[string, Uint8Array, string[]]>([
    [
      'another descriptor',
      createSignedData({ content: utf8('<vib/>'), signers: [partner] }),
      ['signature-other-content', 'level-not-granted'],
    ],
    [
      'another content type',
      createSignedData({ content: vib.descriptorBytes, contentType: '1.2.3', signers: [partner] }),
      ['signature-attributes', 'level-not-granted'],
    ],
    [
      'no signer',
      createSignedData({ content: vib.descriptorBytes, signers: [] }),
      ['signature-empty', 'level-not-granted'],
    ],
    ['MD5', file('md5.p7'), ['signature-weak-digest', 'level-not-granted']],
    ['no certificate', file('rsa-pss-keyid-nocerts.p7'), ['signature-no-certificate', 'level-not-granted']],
    ['garbage', utf8('garbage'), ['signature-unreadable', 'level-not-granted']],
  ])('a signature over %s', async (_, data, expected) => {
    const members = vib.members.map((member) => (member.name === 'sig.pkcs7' ? { ...member, data } : member));
    expect(await codes(writeAr(members))).toEqual(expected);
  });

  it('reads signatures made by openssl', async () => {
    const content = file('content.txt');
    const [fixtureRoot] = parseCertificatesPem(file('root.pem'));
    if (fixtureRoot === undefined) throw new Error('no root');
    const other = { ...vib, descriptorBytes: content, signature: file('rsa-sha256.p7') };
    const report = await verifyVib(other, { roots: [fixtureRoot], time: fixtureRoot.notBefore + 60_000 });
    expect(report.signature).toMatchObject({ status: 'valid', provider: 'Fixture', grantedLevel: undefined });
  });

  it('a changed descriptor breaks the signature', async () => {
    const text = fromUtf8(vib.descriptorBytes).replace('A &lt;driver', 'B &lt;driver');
    expect(await codes(writeVib({ ...vib, descriptorBytes: utf8(text) }))).toEqual([
      'signature-other-content',
      'level-not-granted',
    ]);
  });
});

describe('reports', () => {
  it('inspect, list and verify as data and text', async () => {
    const info = inspectVib(vib);
    expect(info).toMatchObject({
      level: 'PartnerSupported',
      files: 2,
      signature: { status: 'signed', signers: ['CN=Partner,O=Partner Org'] },
    });
    expect(JSON.parse(JSON.stringify(info)).payloads).toHaveLength(3);
    const page = renderInspect(info);
    expect(page).toContain('Acceptance level  PartnerSupported\n');
    expect(page).toMatch(/depends +esx-base >= 8\.0\.0\n/);
    expect(page).toMatch(/Payload nvmetest +install-size=5000\n/);
    expect(page).toMatch(/nvmetest +vgz +\d+ +sha-256\/gunzip, sha-256, sha-1\/gunzip\n/);
    const list = listVib(vib);
    expect(await listVibFiles(vib)).toEqual(list);
    expect(list.map((entry) => `${entry.payload}:${entry.path}:${entry.size}`)).toEqual([
      'nvmetest:usr:0',
      'nvmetest:usr/lib/vmware/vmkmod/nvmetest:5000',
      'conf:etc/conf:1',
      'k:k:15',
    ]);
    expect(renderList(list)).toContain('nvmetest  shared     0555  5000   usr/lib/vmware/vmkmod/nvmetest\n');
    const good = renderVerify(await verifyVib(vib, trust));
    expect(good.split('\n')[0]).toBe('TST_bootbank_nvme-test_1.0-1OEM.800.1.0.1: OK');
    const bad = renderVerify(await verifyVib(vib, { ...trust, roots: [] }));
    expect(bad).toContain(': NOT OK\n');
    expect(bad).toMatch(/error +chain-issuer-unknown +CN=Partner,O=Partner Org +issuer/);
  });

  it('keeps control characters of a descriptor off the terminal', () => {
    const hostile = withDescriptor((t) => t.replace('A &lt;driver', 'A &#x9b;31m\n&#x85;driver'));
    expect(renderInspect(inspectVib(hostile))).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('extracts members and files', () => {
    expect(extractMembers(vib).map((each) => each.path)).toEqual(vib.members.map((member) => member.name));
    expect(
      extractVib(vib).files.map(({ path, mode, directory, data }) => [path, mode, directory, data.length]),
    ).toEqual([
      ['usr', 0o755, true, 0],
      ['usr/lib/vmware/vmkmod/nvmetest', 0o555, false, 5000],
      ['etc/conf', 0o644, false, 1],
      ['k', 0o644, false, 15],
    ]);
  });
});

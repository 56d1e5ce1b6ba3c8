import { describe, expect, it } from 'vitest';
import {
  ANY_POLICY,
  bytes,
  certificate,
  certified,
  codes,
  END,
  file,
  partner,
  recipe,
  root,
  rsaKey,
  START,
  signerOf,
  trust,
  vib,
  withDescriptor,
} from '../../test/support/vibs.ts';
import { fromHex, fromUtf8, toHex, utf8 } from '../bytes/bytes.ts';
import { EKU_OID } from '../crypto/asn1-oids.ts';
import { createSignedData } from '../crypto/cms.ts';
import { hash } from '../crypto/hash.ts';
import { parseCertificate, parseCertificatesPem } from '../crypto/x509.ts';
import { writeAr } from './ar.ts';
import { extractVib } from './extract.ts';
import { gzip } from './gzip.ts';
import { LEVEL_POLICY } from './level-policy.ts';
import { revocationList } from './revocation.ts';
import { type VibVerifyOptions, verifyVib } from './verify.ts';
import { buildVib, readVib, signVib, type Vib, type VibRecipe, type VibSigner, writeVib } from './vib.ts';

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

  it('a name that is both a file and a folder is said', async () => {
    const files = [
      { name: 'opt/a', data: utf8('one') },
      { name: 'opt/a/b/c', data: utf8('two') },
    ];
    const both = buildVib({ ...recipe, payloads: [{ name: 'p', type: 'tgz', files }] }, partner);
    const { findings } = await verifyVib(readVib(both), trust);
    expect(findings).toEqual([{ code: 'file-twice', where: 'p:opt/a', message: 'is both a file and a folder' }]);
  });

  it.each<[string[], string[]]>([
    [['opt/a', 'opt/a/'], ['file-twice']],
    [['opt/a/b', 'opt/a-c', 'opt/a'], ['file-twice']],
    [['opt/a', 'opt/a-b/c', 'opt/ab', 'opt/'], []],
  ])('%j: a file and a folder of one name only where they are', async (names, expected) => {
    const files = names.map((name) =>
      name.endsWith('/') ? { name: name.slice(0, -1), type: 'directory' as const } : { name, data: utf8('x') },
    );
    expect(await codes(buildVib({ ...recipe, payloads: [{ name: 'p', type: 'tgz', files }] }, partner))).toEqual(
      expected,
    );
  });

  it('a file that two payloads hold is said', async () => {
    const files = [{ name: 'opt/f', data: utf8('one') }];
    const payloads = ['d1', 'd2'].map((name) => ({ name, type: 'tgz', files }));
    const { findings } = await verifyVib(readVib(buildVib({ ...recipe, payloads }, partner)), trust);
    expect(findings).toEqual([{ code: 'file-twice', where: 'd2:opt/f', message: 'held by payload d1 too' }]);
  });

  it('a file that an archive holds twice, under any spelling, is said; a folder may come twice', async () => {
    const files = [
      { name: 'opt', type: 'directory' as const },
      { name: 'opt/a', data: utf8('one') },
      { name: './opt//a', data: utf8('two') },
      { name: 'opt', type: 'directory' as const },
    ];
    const twice = buildVib({ ...recipe, payloads: [{ name: 'p', type: 'tgz', files }] }, partner);
    const { findings, ok } = await verifyVib(readVib(twice), trust);
    expect([ok, findings.map(({ code, where }) => [code, where])]).toEqual([true, [['file-twice', 'p:opt/a']]]);
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
    ['SHA3-256', file('sha3-256.p7'), ['signature-unsupported-digest', 'level-not-granted']],
    ['a curve not known here', file('secp256k1.p7'), ['signature-unsupported-algorithm', 'level-not-granted']],
    ['no certificate', file('rsa-pss-keyid-nocerts.p7'), ['signature-no-certificate', 'level-not-granted']],
    ['garbage', utf8('garbage'), ['signature-unreadable', 'level-not-granted']],
  ])('a signature over %s', async (_, data, expected) => {
    const members = vib.members.map((member) => (member.name === 'sig.pkcs7' ? { ...member, data } : member));
    expect(await codes(writeAr(members))).toEqual(expected);
  });

  it('names the digest that is not supported', async () => {
    const report = await verifyVib({ ...vib, signature: file('sha3-256.p7') }, trust);
    expect(report.signature.status).toBe('invalid');
    expect(report.findings[0]?.message).toBe('rsaEncryption (digest sha3-256): unsupported digest');
  });

  it('a certificate that is signed in a way that is not supported has no weak digest for that', async () => {
    // sha256WithRSAEncryption and RSA with SHA3-256, both OIDs of nine bytes.
    const der = toHex(partner.certificate.der).replaceAll('2a864886f70d01010b', '60864801650304030e');
    const signer = signerOf(parseCertificate(fromHex(der)));
    expect(await codes(readVib(signVib(vib, signer)))).toEqual(['chain-unsupported-algorithm', 'level-not-granted']);
  });

  it('warns of a short RSA key in the chain, which takes nothing from the signature', async () => {
    const [weak] = parseCertificatesPem(file('rsa1024-root.pem'));
    if (weak === undefined) throw new Error('no root');
    const other = { ...vib, descriptorBytes: file('content.txt'), signature: file('rsa1024-root.p7') };
    const report = await verifyVib(other, { roots: [weak], time: weak.notBefore + 60_000 });
    expect(report.signature.status).toBe('valid');
    expect(report.findings.filter(({ code }) => code === 'chain-weak-key')).toEqual([
      { code: 'chain-weak-key', where: weak.subject.text, message: 'RSA key of 1024 bits' },
    ]);
  });

  it('finds the certificate that a signature by openssl does not carry among those of the checker', async () => {
    const [fixtureRoot] = parseCertificatesPem(file('root.pem'));
    const [signer] = parseCertificatesPem(file('rsa.pem'));
    const [between] = parseCertificatesPem(file('sub.pem'));
    if (fixtureRoot === undefined || signer === undefined || between === undefined) throw new Error('no certificates');
    const other = { ...vib, descriptorBytes: file('content.txt'), signature: file('rsa-pss-keyid-nocerts.p7') };
    const time = fixtureRoot.notBefore + 60_000;
    const report = await verifyVib(other, { roots: [fixtureRoot], intermediates: [signer, between], time });
    expect(report.signature).toMatchObject({ status: 'valid', signer: signer.subject.text });
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

  it('one trusted signer is enough: what another one lacks is a warning', async () => {
    const stranger = signerOf(certificate('Stranger', { issuer: 'Nobody' }));
    const both = readVib(signVib(vib, [partner, stranger]));
    const report = await verifyVib(both, trust);
    expect([report.ok, report.signature.status]).toEqual([true, 'valid']);
    expect(report.findings.map(({ code }) => code)).toEqual(['signer-without-path']);
    expect(report.findings[0]?.message).toMatch(/^issuer unknown: /);
    expect(await codes(readVib(signVib(vib, [stranger])))).toContain('chain-issuer-unknown');
  });
});

describe('several paths to a root', () => {
  const { PartnerSupported: three, CommunitySupported: four } = LEVEL_POLICY;
  const lesser = certificate('Int', { ca: true, policies: [four] });
  const better = certificate('Int', { ca: true, policies: [three] });
  const leaf = certificate('Leaf', { issuer: 'Int', policies: [three, four] });
  const signed = readVib(signVib(vib, signerOf(leaf)));
  const print = ({ der }: typeof lesser): string => toHex(hash('sha256', der));

  it.each([
    ['one way', [lesser, better]],
    ['the other way', [better, lesser]],
  ])('their order, which nobody signs, decides nothing: %s', async (_, intermediates) => {
    const report = await verifyVib(signed, { ...trust, intermediates });
    expect(report.signature).toMatchObject({ status: 'valid', grantedLevel: 'PartnerSupported' });
    const without = async (...revoked: (typeof lesser)[]) =>
      (await verifyVib(signed, { ...trust, intermediates, revoked: revocationList(revoked.map(print)) })).signature;
    expect(await without(lesser)).toMatchObject({ status: 'valid', grantedLevel: 'PartnerSupported' });
    expect(await without(better)).toMatchObject({ status: 'valid', grantedLevel: 'CommunitySupported' });
    expect(await without(lesser, better)).toMatchObject({ status: 'untrusted', grantedLevel: undefined });
    expect(await codes(signed, { intermediates, revoked: revocationList([print(lesser), print(better)]) })).toEqual([
      'chain-revoked',
      'level-not-granted',
    ]);
  });
});

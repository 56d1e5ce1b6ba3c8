/**
 * Everything that can be wrong with a package or an image, one row each, through the command line: unusable input is one line
 * and exit code 2, a bad package one line per finding and exit code 1.
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { primitives } from '#primitives';
import { readSigners } from '../../sim/node/signers.ts';
import { writeZip } from '../../src/archive/index.ts';
import { concat, fromUtf8, latin1, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodePrivateKeyPem, publicOf } from '../../src/crypto/keys.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import { type Certificate, parseCertificate } from '../../src/crypto/x509.ts';
import { basicConstraints, certificatePolicies, createCertificate, keyUsage } from '../../src/crypto/x509-build.ts';
import { writeBundle } from '../../src/depot/index.ts';
import {
  buildVib,
  editDescriptor,
  gzip,
  LEVEL_POLICY,
  readVib,
  signVib,
  type VibRecipe,
  type VibSigner,
  writeDescriptor,
  writeUstar,
  writeVib,
} from '../../src/vib/index.ts';
import { esxsimHere, ROOT, tempFolder } from './cli.ts';

const folder = tempFolder();
const samples = join(ROOT, 'vib-samples', 'esxi-8.0');
const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(join(ROOT, 'test/fixtures/crypto', name)));
const partner = testSigner();

/** The signer for partner VIBs of the test PKI. */
function testSigner(): VibSigner {
  const [signer] = readSigners({ keys: [], certificates: [], chain: [], testSigners: ['partner'], hash: 'sha256' });
  if (signer === undefined) throw new Error('no test signer');
  return signer;
}

const descriptor = { type: 'bootbank', name: 'bad', version: '1.0-1', vendor: 'ACME', acceptanceLevel: 'partner' };
const FILES = [{ name: 'opt/bad/file', data: utf8('content') }];
const build = (payloads: VibRecipe['payloads'], signer: VibSigner = partner): Uint8Array =>
  buildVib({ descriptor: { ...descriptor, fileList: ['opt/bad/file'] }, payloads }, signer);
const good = build([{ name: 'bad', type: 'tgz', files: FILES }]);
const goodVib = readVib(good);

function header(name: string, size: number | string): Uint8Array {
  return latin1(
    `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'0'.padEnd(8)}${String(size).padEnd(10)}\`\n`,
  );
}
const member = (name: string, data: Uint8Array, size: number | string = data.length): Uint8Array =>
  concat(header(name, size), data, latin1(data.length % 2 === 1 ? '\n' : ''));
const archive = (...members: Uint8Array[]): Uint8Array => concat(latin1('!<arch>\n'), ...members);
const xml = member('descriptor.xml', goodVib.descriptorBytes);
const signature = member('sig.pkcs7', goodVib.signature ?? new Uint8Array(0));
const payload = member('bad', goodVib.payloads[0]?.data ?? new Uint8Array(0));

/** The VIB with its descriptor's text changed and signed again, so that only that change shows. */
function edited(change: (text: string) => string): Uint8Array {
  const descriptorBytes = utf8(change(fromUtf8(goodVib.descriptorBytes)));
  return signVib(readVib(writeVib({ ...goodVib, descriptorBytes })), partner);
}

/** A signed VIB whose payload is these bytes, whatever they are: only the checksum of the member is stated. */
function packed(type: string, data: Uint8Array): Uint8Array {
  const checksums = [{ type: 'sha-256', value: toHex(hash('sha256', data)) }];
  const payloads = [{ name: 'bad', type, size: data.length, checksums }];
  const descriptorBytes = writeDescriptor(editDescriptor(goodVib.descriptor, { payloads }));
  return signVib(
    readVib(writeVib({ descriptorBytes, signature: undefined, payloads: [{ name: 'bad', type, data }] })),
    partner,
  );
}
const BOMB = packed('boot', gzip(new Uint8Array(40 << 20)));

const withPayload = (files: Parameters<typeof writeUstar>[0]): Uint8Array => packed('tgz', gzip(writeUstar(files)));

/** A PKI made for one row: a root that signs a signer for partner VIBs. */
const rsaKey = decodePrivateKeyPem(fixture('rsa.key.pem'));
const ecKey = decodePrivateKeyPem(fixture('ec.key.pem'));
interface Dates {
  readonly from?: number;
  readonly to?: number;
  readonly hash?: 'sha1' | 'sha256';
}
function certificate(
  name: string,
  issuer: string,
  { from = 2020, to = 2040, hash: digest = 'sha256' }: Dates = {},
): Certificate {
  const ca = name === issuer;
  const der = createCertificate(
    {
      serial: ca ? 1n : 2n,
      subject: [['CN', name]],
      issuer: [['CN', issuer]],
      notBefore: Date.UTC(from, 0),
      notAfter: Date.UTC(to, 0),
      publicKey: publicOf(ca ? rsaKey : ecKey),
      hash: digest,
      extensions: [
        basicConstraints(ca),
        keyUsage([ca ? 'keyCertSign' : 'digitalSignature']),
        ...(ca ? [] : [certificatePolicies([LEVEL_POLICY.PartnerSupported])]),
      ],
    },
    rsaKey,
  );
  return parseCertificate(der);
}
const root = certificate('root', 'root');
writeFileSync(join(folder, 'root.pem'), encodePem('CERTIFICATE', root.der));
const signedBy = (dates: Dates, chain: readonly Certificate[] = []): Uint8Array =>
  signVib(goodVib, { certificate: certificate('signer', 'root', dates), key: ecKey, hash: 'sha256', chain });
const ROOT_OPTION = ['--root', join(folder, 'root.pem')];

/** A ZIP archive of one deflated file that says nothing true about its size. */
function zipBomb(name: string, size: number): Uint8Array {
  const body = deflateRawSync(new Uint8Array(size), { level: 9 });
  const view = (length: number) => new DataView(new ArrayBuffer(length));
  const fields = (v: DataView, at: number): void => {
    v.setUint16(at, 20, true);
    v.setUint16(at + 4, 8, true);
    v.setUint32(at + 10, primitives.crc32(new Uint8Array(size)), true);
    v.setUint32(at + 14, body.length, true);
    v.setUint32(at + 18, size, true);
    v.setUint16(at + 22, name.length, true);
  };
  const [local, central, end] = [view(30), view(46), view(22)];
  local.setUint32(0, 0x04034b50, true);
  fields(local, 4);
  central.setUint32(0, 0x02014b50, true);
  fields(central, 6);
  const offset = 30 + name.length + body.length;
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, 1, true);
  end.setUint16(10, 1, true);
  end.setUint32(12, 46 + name.length, true);
  end.setUint32(16, offset, true);
  const bytes = (v: DataView): Uint8Array => new Uint8Array(v.buffer);
  return concat(bytes(local), latin1(name), body, bytes(central), latin1(name), bytes(end));
}

/** A ZIP archive whose second file has another name of the same length, or another mode. */
function zipWith(change: (bytes: Buffer) => void): Uint8Array {
  const data = utf8('x');
  const bytes = Buffer.from(
    writeZip([
      { name: 'index.xml', data },
      { name: 'vib20/a.vib', data },
    ]),
  );
  change(bytes);
  return new Uint8Array(bytes);
}
const renamed = (to: string) =>
  zipWith((bytes) => {
    for (let at = bytes.indexOf('vib20/a.vib'); at >= 0; at = bytes.indexOf('vib20/a.vib', at + 1)) bytes.write(to, at);
  });

/** A ZIP archive that holds one name twice. */
function twice(): Uint8Array {
  const data = utf8('x');
  const bytes = Buffer.from(writeZip(['index.xml', 'indez.xml'].map((name) => ({ name, data }))));
  for (let at = bytes.indexOf('indez'); at >= 0; at = bytes.indexOf('indez')) bytes.write('index', at);
  return new Uint8Array(bytes);
}

let files = 0;
function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, `${++files}-${name}`);
  writeFileSync(path, bytes);
  return path;
}

const bundle = writeBundle({
  release: '8.0.3',
  vendor: { name: 'x', code: 'X' },
  timestamp: '2024-01-01T00:00:00.000000+00:00',
  profiles: [{ name: 'p', vibIds: ['ACME_bootbank_bad_1.0-1'] }],
  vibs: [() => good],
});

describe('unusable packages: one line, exit code 2', () => {
  const entities = '<!DOCTYPE vib [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><vib>&b;</vib>';
  it.each<[string, string[], Uint8Array, RegExp]>([
    [
      'a truncated member',
      ['vib', 'verify'],
      good.subarray(0, good.length - 40),
      /ar\.member\[2\]\.data .*needs \d+ bytes, \d+ left/,
    ],
    ['a truncated header', ['vib', 'verify'], concat(good, latin1('bad2            0')), /ar\.member\[3\]/],
    [
      'an oversized member',
      ['vib', 'verify'],
      archive(xml, member('bad', utf8('x'), 2 ** 31)),
      /needs 2147483648 bytes/,
    ],
    [
      'a size that is no number',
      ['vib', 'verify'],
      archive(member('descriptor.xml', utf8('x'), '12x')),
      /"12x" is not a decimal number/,
    ],
    ['a duplicate member', ['vib', 'verify'], archive(xml, signature, payload, payload), /member bad appears twice/],
    [
      'a duplicate descriptor',
      ['vib', 'verify'],
      archive(xml, xml, signature, payload),
      /member descriptor\.xml appears twice/,
    ],
    ['a missing descriptor', ['vib', 'verify'], archive(signature, payload), /descriptor\.xml: member is missing/],
    [
      'a member name with /',
      ['vib', 'verify'],
      archive(xml, member('a/b', utf8('x'))),
      /"a\/b" is not a plain file name/,
    ],
    [
      'a member name ..',
      ['vib', 'extract', '--raw', '--out', join(folder, 'raw')],
      archive(xml, member('..', utf8('x'))),
      /"\.\." is not a plain file name/,
    ],
    [
      'XML entities',
      ['vib', 'inspect'],
      archive(member('descriptor.xml', utf8(entities))),
      /a document type declaration is not allowed/,
    ],
    [
      'a descriptor over the limit',
      ['vib', 'inspect'],
      archive(member('descriptor.xml', new Uint8Array(8 * 2 ** 20 + 1).fill(0x20))),
      /document of 8388609 bytes, the limit is 8388608/,
    ],
    [
      'a descriptor that is cut off',
      ['vib', 'inspect'],
      archive(member('descriptor.xml', goodVib.descriptorBytes.subarray(0, 300))),
      /descriptor\.xml\.line 1:\d+: unclosed tag/,
    ],
    ['a payload that is no gzip', ['vib', 'list'], packed('tgz', utf8('plain')), /payload\.bad: type tgz but not gzip/],
    [
      'a gzip bomb, unpacked',
      ['vib', 'extract', '--out', join(folder, 'bomb')],
      BOMB,
      /decompresses to more than the limit of \d+ bytes \(1000 times/,
    ],
    ['a gzip bomb, listed', ['vib', 'list'], BOMB, /decompresses to more than the limit/],
    [
      'a zip with a path that leads outside',
      ['image', 'inspect'],
      renamed('../x0/a.vib'),
      /"\.\.\/x0\/a\.vib" leads outside/,
    ],
    ['a zip with an absolute path', ['image', 'inspect'], renamed('/ib20/a.vib'), /"\/ib20\/a\.vib" is absolute/],
    ['a zip with a name twice', ['image', 'inspect'], twice(), /index\.xml appears twice/],
    ['a zip bomb by its ratio', ['image', 'inspect'], zipBomb('index.xml', 30 << 20), /index\.xml: .*1000 times/],
    [
      'a bundle that is cut off',
      ['image', 'inspect'],
      bundle.subarray(0, bundle.length - 30),
      /no end of central directory record/,
    ],
    [
      'an image of neither kind',
      ['image', 'inspect'],
      utf8('nothing'.repeat(6000)),
      /neither a VIB .*, an offline bundle/,
    ],
  ])('%s', async (name, command, bytes, message) => {
    const path = file(`${name.replace(/\W+/g, '-')}`, bytes);
    const run = await esxsimHere(...command.slice(0, 2), path, ...command.slice(2));
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    expect(run.stderr).toContain(path);
    expect(run.stderr.trimEnd().split('\n').length).toBe(1);
    expect(run.stderr).not.toMatch(/internal error|\n\s+at /);
  });

  it('a zip with a symbolic link', async () => {
    const bytes = zipWith((b) => {
      const central = b.indexOf(Buffer.from([0x50, 0x4b, 1, 2]), b.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 1);
      b.writeUInt32LE((0o120777 << 16) >>> 0, central + 38);
    });
    expect((await esxsimHere('image', 'inspect', file('link.zip', bytes))).stderr).toMatch(
      /vib20\/a\.vib is a symbolic link/,
    );
  });

  it('limits can be moved, in both directions', async () => {
    const bomb = file('bomb.vib', BOMB);
    expect((await esxsimHere('vib', 'list', bomb, '--max-ratio', '2000')).code).toBe(0);
    expect((await esxsimHere('vib', 'list', bomb, '--max-ratio', '2000', '--max-size', '1000000')).stderr).toMatch(
      /limit of 1000000 bytes/,
    );
    const zip = file('small.zip', bundle);
    expect((await esxsimHere('image', 'inspect', zip)).code).toBe(0);
    expect((await esxsimHere('image', 'inspect', zip, '--max-size', '100')).stderr).toMatch(/the limit is 100/);
    expect((await esxsimHere('vib', 'list', bomb, '--max-ratio', '0')).stderr).toMatch(
      /--max-ratio: "0" is not a positive number/,
    );
  });
});

describe('bad packages: a line for each finding, exit code 1', () => {
  const ten = { from: 2020, to: 2022 };
  it.each<[string, Uint8Array, string, string[]]>([
    ['a missing signature member', archive(xml, payload), 'member-missing', []],
    [
      'a payload that the descriptor does not name',
      archive(xml, signature, payload, member('other', utf8('x'))),
      'payload-undeclared',
      [],
    ],
    ['a payload that is not there', archive(xml, signature), 'payload-missing', []],
    ['a payload of another size', archive(xml, signature, member('bad', utf8('shorter'))), 'payload-size', []],
    ['another payload', archive(xml, signature, member('bad', gzip(utf8('other')))), 'checksum-mismatch', []],
    ['a payload that is damaged', packed('tgz', gzip(utf8('x'.repeat(999))).subarray(0, 15)), 'payload-damaged', []],
    ['a gzip bomb', BOMB, 'payload-damaged', []],
    [
      'only checksums of unknown types',
      edited((t) => t.replaceAll(/checksum-type="[^"]*"/g, 'checksum-type="crc-7"')),
      'checksum-missing',
      [],
    ],
    ['a path that leads outside', withPayload([{ name: '../etc/x', data: utf8('x') }]), 'unsafe-path', []],
    ['an absolute path', withPayload([{ name: '/etc/x', data: utf8('x') }]), 'unsafe-path', []],
    ['an unknown level', edited((t) => t.replace('>partner<', '>supreme<')), 'level-unknown', []],
    ['a level without a signature', signVib(goodVib, []), 'level-unsigned', []],
    ['a level over the signature', edited((t) => t.replace('>partner<', '>certified<')), 'level-not-granted', []],
    [
      'a signature over another descriptor',
      writeVib({ ...goodVib, descriptorBytes: utf8(fromUtf8(goodVib.descriptorBytes).replace('1.0-1', '1.0-2')) }),
      'signature-other-content',
      [],
    ],
    [
      'a signature that is no CMS',
      archive(xml, member('sig.pkcs7', utf8('nonsense')), payload),
      'signature-unreadable',
      [],
    ],
    [
      'a signature with MD5',
      archive(xml, member('sig.pkcs7', fixture('md5.p7')), payload),
      'signature-weak-digest',
      [],
    ],
    [
      'a signature with SHA3-256',
      archive(xml, member('sig.pkcs7', fixture('sha3-256.p7')), payload),
      'signature-unsupported-digest',
      [],
    ],
    ['a signature with SHA-1', signVib(goodVib, { ...partner, hash: 'sha1' }), 'signature-weak-digest', []],
    ['a certificate signed with SHA-1', signedBy({ hash: 'sha1' }), 'chain-weak-digest', ROOT_OPTION],
    ['an expired certificate', signedBy(ten), 'chain-expired', ROOT_OPTION],
    ['a certificate that is not yet valid', signedBy({ from: 2035 }), 'chain-not-yet-valid', ROOT_OPTION],
    ['a self-signed root that nobody trusts', signedBy({}, [root]), 'chain-untrusted-root', []],
    ['an issuer that nobody knows', signedBy({}), 'chain-issuer-unknown', []],
  ])('%s', async (name, bytes, code, options) => {
    const path = file(`${name.replace(/\W+/g, '-')}.vib`, bytes);
    const run = await esxsimHere('vib', 'verify', path, ...options);
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 1, stderr: '' });
    const line = run.stdout.split('\n').find((each) => each.includes(` ${code} `));
    expect(line, run.stdout).toMatch(new RegExp(`^  error +${code} +\\S`));
    expect(run.stdout).toMatch(/: NOT OK$/m);
  });

  it.each<[string, Uint8Array, string, number]>([
    [
      'one checksum of an unknown type',
      edited((t) => t.replace('<checksum ', '<checksum checksum-type="crc-7">00</checksum><checksum ')),
      'checksum-unknown',
      0,
    ],
    [
      'SHA-1 as the only checksum',
      edited((t) => t.replaceAll(/<checksum checksum-type="sha-256"[^<]*<\/checksum>/g, '')),
      'checksum-weak',
      0,
    ],
    ['a symbolic link', withPayload([{ name: 'opt/l', type: 'symlink', linkName: '/etc/passwd' }]), 'link', 0],
    ['a device', withPayload([{ name: 'opt/d', type: 'character' }]), 'special-file', 0],
    ['an unknown element', edited((t) => t.replace('<payloads>', '<novel/><payloads>')), 'descriptor-unknown', 0],
  ])('a warning: %s', async (name, bytes, code, exit) => {
    const run = await esxsimHere('vib', 'verify', file(`${name.replace(/\W+/g, '-')}.vib`, bytes));
    expect(run.stdout).toMatch(new RegExp(`^  warning +${code} +\\S`, 'm'));
    expect(run.code).toBe(exit);
  });

  it('nothing that leads outside is unpacked, links are left out', async () => {
    const evil = file('evil.vib', withPayload([{ name: '../evil', data: utf8('x') }]));
    const out = join(folder, 'evil');
    const run = await esxsimHere('vib', 'extract', evil, '--out', out);
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/error {2}unsafe-path {2}bad:\.\.\/evil {2}path leads outside with \.\./);
    expect(readdirSync(folder)).not.toContain('evil');
  });
});

describe('packages at an installation: one line, exit code 2', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['damaged', archive(xml, signature, member('bad', gzip(utf8('other')))), /VIB ACME_bootbank_bad_1\.0-1: bad: /],
    ['unsigned', signVib(goodVib, []), /claims PartnerSupported, but is not signed/],
    [
      'over its level',
      edited((t) => t.replace('>partner<', '>certified<')),
      /claims VMwareCertified, but is signed for PartnerSupported/,
    ],
  ])('%s', async (name, bytes, message) => {
    const path = file(`${name}.vib`, bytes);
    const run = await esxsimHere(
      'image',
      'build',
      '--vib',
      samples,
      '--vib',
      path,
      '--out',
      join(folder, `disk-${name}`),
    );
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    expect(run.stderr.trimEnd().split('\n').length).toBe(1);
  });
});

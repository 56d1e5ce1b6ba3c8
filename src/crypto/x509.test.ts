import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { EKU_OID } from './asn1-oids.ts';
import { decodePrivateKeyPem, type PrivateKey, publicOf } from './keys.ts';
import type { HashName } from './primitives.ts';
import { type Certificate, hasPublicKey, nameAttribute, parseCertificate, parseCertificatesPem } from './x509.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  createCertificate,
  extendedKeyUsage,
  keyUsage,
  rawExtension,
  subjectAltName,
  subjectKeyIdentifier,
} from './x509-build.ts';
import { type ChainOptions, verifyChain } from './x509-verify.ts';

const file = (name: string): string => readFileSync(`test/fixtures/crypto/${name}`, 'utf8');
const fixture = (name: string): Certificate => {
  const [certificate] = parseCertificatesPem(file(`${name}.pem`));
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
};
const rsaKey = decodePrivateKeyPem(file('rsa.key.pem'));
const ecKey = decodePrivateKeyPem(file('ec.key.pem'));
const [root, sub, rsa, ec] = ['root', 'sub', 'rsa', 'ec'].map(fixture);
if (!root || !sub || !rsa || !ec) throw new Error('fixtures');

describe('certificates made by openssl', () => {
  it('show what openssl x509 -text shows', () => {
    // `openssl x509 -noout -subject -nameopt RFC2253 -serial`
    expect(rsa.subject.text).toBe('CN=RSA Signer,OU=Signer \\\\\\\\\\"R\\\\\\\\\\",O=Fixture');
    expect(rsa.issuer.text).toBe('CN=Fixture Signing CA,O=Fixture\\, Inc.,C=US');
    expect(toHex(rsa.serial)).toBe('2001');
    expect(nameAttribute(rsa.issuer, 'O')).toBe('Fixture, Inc.');
    expect(rsa.version).toBe(3);
    expect(rsa.signatureAlgorithm).toMatchObject({ scheme: 'rsa-pkcs1', hash: 'sha256' });
    expect(rsa.basicConstraints).toEqual({ ca: false });
    expect(sub.basicConstraints).toEqual({ ca: true, pathLength: 0 });
    expect(rsa.keyUsage).toEqual(['digitalSignature']);
    expect(root.keyUsage).toEqual(['keyCertSign', 'cRLSign']);
    expect(rsa.extendedKeyUsage).toEqual([EKU_OID.codeSigning]);
    expect(rsa.policies).toEqual(['1.2.3.4']);
    expect(rsa.subjectAltNames).toMatchObject([
      { kind: 'dns', value: 'esx.example' },
      { kind: 'ip', value: '192.0.2.7' },
      { kind: 'ip', value: '2001:db8:0:0:0:0:0:7' },
      { kind: 'directory', name: { text: 'CN=inner' } },
    ]);
    expect(toHex(ec.subjectKeyIdentifier ?? new Uint8Array(0))).toBe('af7efdd35ed537cfd1127c9f44a0aaadca76cb01');
    expect(ec.authorityKeyIdentifier).toEqual(sub.subjectKeyIdentifier);
    expect(ec.unknownCritical).toEqual(['1.2.3.4.5']);
    expect(hasPublicKey(rsa, publicOf(rsaKey))).toBe(true);
    expect(hasPublicKey(rsa, publicOf(ecKey))).toBe(false);
  });

  it('damaged give only a FormatError', () => {
    fc.assert(
      fc.property(fc.nat(rsa.der.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
        const bad = cut ? rsa.der.subarray(0, at) : rsa.der.slice();
        if (!cut) bad[at] = (bad[at] ?? 0) ^ flip;
        try {
          parseCertificate(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 400 },
    );
    expect(() => parseCertificate(concat(rsa.der, new Uint8Array(1)))).toThrow('left over');
    expect(() => parseCertificate(new Uint8Array(70_000))).toThrow('the limit is');
  });
});

const YEAR = 365 * 86_400_000;
const START = Date.UTC(2026, 0, 1);

interface Made {
  readonly subject: string;
  readonly issuer?: string;
  readonly key?: PrivateKey;
  readonly issuerKey?: PrivateKey;
  readonly hash?: HashName;
  readonly extensions?: Parameters<typeof createCertificate>[0]['extensions'];
  readonly from?: number;
}

function make({
  subject,
  issuer = subject,
  key = rsaKey,
  issuerKey = key,
  hash = 'sha256',
  from = START,
  ...rest
}: Made) {
  const der = createCertificate(
    {
      serial: 1n,
      subject: [['CN', subject]],
      issuer: [['CN', issuer]],
      notBefore: from,
      notAfter: from + YEAR,
      publicKey: publicOf(key),
      extensions: rest.extensions ?? [basicConstraints(false)],
      hash,
    },
    issuerKey,
  );
  return parseCertificate(der);
}

describe('createCertificate', () => {
  it('writes every field so that it reads back', () => {
    const made = make({
      subject: 'Leaf',
      issuer: 'Root',
      key: ecKey,
      issuerKey: rsaKey,
      hash: 'sha512',
      extensions: [
        basicConstraints(true, 2),
        keyUsage(['keyCertSign', 'decipherOnly']),
        extendedKeyUsage([EKU_OID.serverAuth], true),
        subjectKeyIdentifier(publicOf(ecKey)),
        authorityKeyIdentifier(new Uint8Array([1, 2])),
        subjectAltName([
          { kind: 'dns', value: 'h' },
          { kind: 'ip', value: '::1' },
          { kind: 'directory', name: [['2.23.133.2.1', 'id:494E5443']] },
        ]),
        certificatePolicies(['1.2.3', '2.5.29.32.0']),
        rawExtension('1.2.3.4', fromHex('0500')),
      ],
    });
    expect(made).toMatchObject({
      basicConstraints: { ca: true, pathLength: 2 },
      keyUsage: ['keyCertSign', 'decipherOnly'],
      extendedKeyUsage: [EKU_OID.serverAuth],
      policies: ['1.2.3', '2.5.29.32.0'],
      notBefore: START,
      notAfter: START + YEAR,
      publicKey: publicOf(ecKey),
      unknownCritical: [],
    });
    // openssl computes the same identifier for the fixture's key.
    expect(made.subjectKeyIdentifier).toEqual(ec.subjectKeyIdentifier);
    expect(made.subjectAltNames?.[2]).toMatchObject({ name: { text: '2.23.133.2.1=id:494E5443' } });
    expect(toHex(make({ subject: 'A' }).der)).toBe(toHex(make({ subject: 'A' }).der));
  });

  it('refuses names it cannot write', () => {
    expect(() => subjectAltName([{ kind: 'ip', value: '1.2.3.400' }])).toThrow(TypeError);
    expect(() => subjectAltName([{ kind: 'ip', value: '1::2::3' }])).toThrow(TypeError);
  });
});

describe('verifyChain', () => {
  const ca = [basicConstraints(true), keyUsage(['keyCertSign'])];
  const top = make({ subject: 'Top', extensions: ca });
  const code = (
    leaf: Certificate,
    between: Certificate[],
    roots: Certificate[],
    options: Partial<ChainOptions> = {},
  ) => {
    const result = verifyChain(leaf, between, roots, { time: START + 1000, ...options });
    return result.ok ? result.path.map((c) => c.subject.text).join(' < ') : result.code;
  };
  const time = rsa.notBefore;

  it('finds the path of a chain made by openssl', () => {
    const usage = { keyUsage: 'digitalSignature', extendedKeyUsage: EKU_OID.codeSigning } as const;
    const result = verifyChain(rsa, [ec, sub], [root], { time, usage });
    expect(result.ok && result.path.map((c) => nameAttribute(c.subject, 'CN'))).toEqual([
      'RSA Signer',
      'Fixture Signing CA',
      'Fixture Root',
    ]);
    expect(code(root, [], [root], { time })).toBe('CN=Fixture Root,O=Fixture\\, Inc.,C=US');
  });

  it.each<[string, () => string]>([
    ['issuer-unknown', () => code(rsa, [], [root], { time })],
    ['untrusted-root', () => code(rsa, [sub, root], [top], { time })],
    ['critical-extension', () => code(ec, [sub], [root], { time })],
    ['expired', () => code(rsa, [sub], [root], { time: rsa.notAfter + 1000 })],
    ['not-yet-valid', () => code(rsa, [sub], [root], { time: START })],
    ['key-usage', () => code(rsa, [sub], [root], { time, usage: { keyUsage: 'keyAgreement' } })],
    ['extended-key-usage', () => code(rsa, [sub], [root], { time, usage: { extendedKeyUsage: EKU_OID.serverAuth } })],
    ['bad-signature', () => code(make({ subject: 'L', issuer: 'Top', key: ecKey }), [], [top])],
    ['weak-digest', () => code(make({ subject: 'L', issuer: 'Top', hash: 'sha1' }), [], [top])],
    ['not-a-ca', () => code(make({ subject: 'L', issuer: 'T' }), [], [make({ subject: 'T' })])],
    [
      'key-usage',
      () => {
        const t = make({ subject: 'T', extensions: [basicConstraints(true), keyUsage(['digitalSignature'])] });
        return code(make({ subject: 'L', issuer: 'T' }), [], [t]);
      },
    ],
    [
      'path-length',
      () => {
        const t = make({ subject: 'T', extensions: [basicConstraints(true, 0)] });
        const m = make({ subject: 'M', issuer: 'T', extensions: ca });
        return code(make({ subject: 'L', issuer: 'M' }), [m], [t]);
      },
    ],
    [
      'too-deep',
      () => {
        const chain = Array.from({ length: 12 }, (_, i) =>
          make({ subject: `C${i}`, issuer: `C${i + 1}`, extensions: ca }),
        );
        return code(make({ subject: 'L', issuer: 'C0' }), chain, [top]);
      },
    ],
  ])('refuses with %s', (expected, run) => {
    expect(run()).toBe(expected);
  });

  it('allows what it is told to allow', () => {
    const weak = make({ subject: 'L', issuer: 'Top', hash: 'sha1' });
    expect(code(weak, [], [top], { allowSha1: true })).toBe('CN=L < CN=Top');
    expect(code(ec, [sub], [root], { time, allowedCritical: ['1.2.3.4.5'] })).toContain('EC Signer');
    expect(code(rsa, [sub], [root], { time: 'ignore' })).toContain('RSA Signer');
  });

  it('ends on loops and crowds of look-alikes', () => {
    const a = make({ subject: 'A', issuer: 'B', extensions: ca });
    const b = make({ subject: 'B', issuer: 'A', extensions: ca });
    expect(code(make({ subject: 'L', issuer: 'A' }), [a, b], [top])).toBe('issuer-unknown');
    const crowd = Array.from({ length: 60 }, (_, i) =>
      make({ subject: 'X', issuer: 'X', from: START - i, extensions: ca }),
    );
    expect(['too-deep', 'untrusted-root']).toContain(code(make({ subject: 'L', issuer: 'X' }), crowd, [top]));
  });
});

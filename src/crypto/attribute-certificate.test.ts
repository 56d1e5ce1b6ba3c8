import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fromLatin1, toHex } from '../bytes/bytes.ts';
import { type Asn1Value, inside, integerOf, oidOf, openAsn1, TAG } from './asn1.ts';
import { derUtf8 } from './asn1-write.ts';
import { createAttributeCertificate } from './attribute-certificate.ts';
import { decodePrivateKeyPem } from './keys.ts';
import { authorityKeyIdentifier } from './x509-build.ts';

const children = (value: Asn1Value | undefined): readonly Asn1Value[] =>
  value === undefined ? [] : inside(value, 'test').list('children', 20);

const pem = {
  rsa: generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey,
  ec: generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey,
};

describe.each(['rsa', 'ec'] as const)('an attribute certificate signed with a key of kind %s', (kind) => {
  const key = decodePrivateKeyPem(pem[kind]);
  const der = createAttributeCertificate(
    {
      serial: 0x1234n,
      holder: { issuer: [['CN', 'who issued']], serial: 77n },
      issuer: [['CN', 'who says so']],
      notBefore: Date.UTC(2020, 0, 2, 3, 4, 5),
      notAfter: Date.UTC(2051, 11, 31),
      attributes: [{ oid: '1.2.3.4', value: derUtf8('fact') }],
      extensions: [authorityKeyIdentifier(key)],
      hash: 'sha256',
    },
    key,
  );
  const [info, algorithm, signature] = children(openAsn1(der, 'test', 4096).any('certificate'));

  it('has the fields of RFC 5755, 4.1 in their order', () => {
    const [version, holder, issuer, signed, serial, validity, attributes, extensions, ...rest] = children(info);
    expect(rest).toEqual([]);
    expect([version, serial].map((value) => value && integerOf(value, 'test', 'number'))).toEqual([1n, 0x1234n]);
    expect(signed?.raw).toEqual(algorithm?.raw);

    const [base] = children(holder);
    const [names, holderSerial] = children(base);
    // baseCertificateID [0]: GeneralNames with one directoryName [4], and the serial number.
    expect([base?.tag, names?.tag, children(names)[0]?.tag]).toEqual([0xa0, TAG.SEQUENCE, 0xa4]);
    expect(holderSerial && integerOf(holderSerial, 'test', 'serial')).toBe(77n);
    // V2Form [0]: issuerName.
    expect([issuer?.tag, children(children(issuer)[0])[0]?.tag]).toEqual([0xa0, 0xa4]);

    const times = children(validity).map(({ tag, content }) => [tag, fromLatin1(content)]);
    expect(times).toEqual([
      [TAG.GENERALIZED_TIME, '20200102030405Z'],
      [TAG.GENERALIZED_TIME, '20511231000000Z'],
    ]);

    const [type, values] = children(children(attributes)[0]);
    expect(type && oidOf(type, 'test', 'type')).toBe('1.2.3.4');
    expect([values?.tag, toHex(values?.content ?? new Uint8Array(0))]).toEqual([TAG.SET, toHex(derUtf8('fact'))]);
    const [extension] = children(extensions);
    const [id] = children(extension);
    expect(id && oidOf(id, 'test', 'id')).toBe('2.5.29.35');
  });

  it('carries a signature over its content', () => {
    const publicKey = createPublicKey(createPrivateKey(pem[kind]));
    const bits = signature?.content.subarray(1) ?? new Uint8Array(0);
    expect(verify('sha256', info?.raw ?? new Uint8Array(0), publicKey, bits)).toBe(true);
    expect(verify('sha256', info?.content ?? new Uint8Array(0), publicKey, bits)).toBe(false);
  });
});

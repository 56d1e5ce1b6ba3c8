import { readFileSync } from 'node:fs';
import * as asn1js from 'asn1js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, fromUtf8, toHex, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { CMS_OID } from './asn1-oids.ts';
import { derUtf8 } from './asn1-write.ts';
import { type CmsSignerInput, createSignedData, parseSignedData, verifySignedData } from './cms.ts';
import { decodePrivateKeyPem } from './keys.ts';
import { parseCertificatesPem } from './x509.ts';

const file = (name: string): Uint8Array => new Uint8Array(readFileSync(`test/fixtures/crypto/${name}`));
const certificate = (name: string) => {
  const [found] = parseCertificatesPem(file(`${name}.pem`));
  if (found === undefined) throw new Error('no certificate');
  return found;
};
const rsa = certificate('rsa');
const ec = certificate('ec');
const content = file('content.txt');
const rsaSigner: CmsSignerInput = { certificate: rsa, key: decodePrivateKeyPem(file('rsa.key.pem')), hash: 'sha256' };
const ecSigner: CmsSignerInput = { certificate: ec, key: decodePrivateKeyPem(file('ec.key.pem')), hash: 'sha384' };

/** `name: problem` of every signer. */
function problems(bytes: Uint8Array, options: Parameters<typeof verifySignedData>[1] = {}): string[] {
  const { signers } = verifySignedData(bytes, options);
  return signers.map((s) => `${s.certificate?.subject.attributes.at(-1)?.value ?? s.identifier}: ${s.problem ?? 'ok'}`);
}

describe('signatures made by openssl', () => {
  it.each([
    ['rsa-sha256.p7', ['RSA Signer: ok'], 'RSA Signer: bad-digest'],
    ['ec-sha384.p7', ['EC Signer: ok'], 'EC Signer: bad-digest'],
    ['rsa-pss-keyid-nocerts.p7', ['RSA Signer: ok'], 'RSA Signer: bad-digest'],
    ['attached-ber-two-signers.p7', ['EC Signer: ok', 'RSA Signer: ok'], 'EC Signer: bad-digest'],
    ['noattr.p7', ['RSA Signer: ok'], 'RSA Signer: bad-signature'],
  ])('%s verifies, and fails for other content', (name, expected, other) => {
    expect(problems(file(name), { content, certificates: [rsa] }).sort()).toEqual(expected);
    expect(problems(file(name), { content: utf8('other'), certificates: [rsa] }).sort()[0]).toBe(other);
  });

  it('refuses MD5 as weak, and says of others that they are not supported', () => {
    expect(problems(file('md5.p7'), { content })).toEqual(['RSA Signer: weak-digest']);
    expect(problems(file('sha3-256.p7'), { content })).toEqual(['RSA Signer: unsupported-digest']);
    expect(parseSignedData(file('sha3-256.p7')).signers[0]?.digestOid).toBe('2.16.840.1.101.3.4.2.8');
    // The signature alone by an algorithm that nobody knows, whose OID is as long as the one it replaces.
    const made = toHex(createSignedData({ content, signers: [{ ...ecSigner, hash: 'sha256' }] }));
    const at = made.lastIndexOf('06082a8648ce3d040302');
    const bytes = fromHex(`${made.slice(0, at)}06082b06010401828d05${made.slice(at + 20)}`);
    expect(problems(bytes, { content })).toEqual(['EC Signer: unsupported-algorithm']);
  });

  it('reads carried content, certificates, times', () => {
    const data = verifySignedData(file('attached-ber-two-signers.p7'));
    expect(fromUtf8(data.content ?? new Uint8Array(0))).toBe(fromUtf8(content));
    expect(data.signers.every((signer) => signer.ok && signer.signingTime !== undefined)).toBe(true);
    expect(data.contentType).toBe(CMS_OID.data);
    expect(parseSignedData(file('rsa-sha256.p7')).certificates).toHaveLength(2);
    expect(problems(file('rsa-pss-keyid-nocerts.p7'), { content })[0]).toMatch(/^key [0-9a-f]{40}: no-certificate$/);
    expect(() => verifySignedData(file('rsa-sha256.p7'))).toThrow('no content is given');
  });

  it('damaged give only a FormatError', () => {
    const bytes = file('attached-ber-two-signers.p7');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
        const bad = cut ? bytes.subarray(0, at) : bytes.slice();
        if (!cut) bad[at] = (bad[at] ?? 0) ^ flip;
        try {
          verifySignedData(bad, { content });
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { numRuns: 300 },
    );
    expect(() => parseSignedData(concat(file('rsa-sha256.p7'), new Uint8Array(1)))).toThrow('left over');
  });
});

describe('createSignedData', () => {
  it('is deterministic and verifies, detached, with several signers and more certificates', () => {
    const input = { content, signers: [{ ...rsaSigner, signingTime: Date.UTC(2026, 0, 1) }, ecSigner] };
    const bytes = createSignedData({ ...input, certificates: [certificate('sub'), rsa] });
    expect(toHex(createSignedData({ ...input, certificates: [rsa, certificate('sub')] }))).toBe(toHex(bytes));
    expect(problems(bytes, { content }).sort()).toEqual(['EC Signer: ok', 'RSA Signer: ok']);
    expect(problems(bytes, { content: utf8('x') }).sort()).toEqual(['EC Signer: bad-digest', 'RSA Signer: bad-digest']);
    const parsed = parseSignedData(bytes);
    expect(parsed.content).toBeUndefined();
    expect(parsed.certificates).toHaveLength(3);
    expect(parsed.signers.map((s) => s.signingTime)).toContain(Date.UTC(2026, 0, 1));
    expect(asn1js.fromBER(bytes).offset).toBe(bytes.length);
  });

  it('carries content of another type, and DER as PKCS #7 does', () => {
    const octets = createSignedData({ content, contentType: '1.2.3.4', encapsulation: 'octets', signers: [ecSigner] });
    expect(problems(octets)).toEqual(['EC Signer: ok']);
    expect(parseSignedData(octets).contentType).toBe('1.2.3.4');
    const value = fromHex('3003020105');
    const bytes = createSignedData({
      content: value,
      contentType: '1.2.3.5',
      encapsulation: 'der',
      signers: [rsaSigner],
    });
    // What `openssl smime -verify` wants as detached content: the value without tag and length.
    expect(problems(bytes, { content: fromHex('020105') })).toEqual(['RSA Signer: ok']);
    expect(problems(bytes)).toEqual(['RSA Signer: ok']);
    expect(toHex(parseSignedData(bytes).content ?? new Uint8Array(0))).toBe('020105');
  });

  it('carries further signed attributes', () => {
    const attributes = [{ oid: '1.2.3.9', values: [derUtf8('note')] }];
    const bytes = createSignedData({ content, signers: [{ ...rsaSigner, attributes }] });
    const [signer] = verifySignedData(bytes, { content }).signers;
    expect(signer?.ok).toBe(true);
    expect(signer?.signedAttributes?.find((a) => a.oid === '1.2.3.9')?.values).toEqual([derUtf8('note')]);
  });

  it('is refused where the key is not that of the certificate', () => {
    const bytes = createSignedData({ content, signers: [{ ...rsaSigner, certificate: certificate('sub') }] });
    expect(problems(bytes, { content })).toEqual(['Fixture Signing CA: bad-signature']);
  });

  it('checks what the caller has, not what the signature carries', () => {
    const bytes = createSignedData({ content, encapsulation: 'octets', signers: [rsaSigner] });
    expect(problems(bytes, { content: utf8('descriptor') })).toEqual(['RSA Signer: bad-digest']);
  });
});

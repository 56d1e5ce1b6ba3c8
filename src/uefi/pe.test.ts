/** PE images, Authenticode and the Secure Boot decision. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { decodePrivateKeyPem } from '../crypto/keys.ts';
import { decodePem } from '../crypto/pem.ts';
import { type Certificate, parseCertificate } from '../crypto/x509.ts';
import { peImageHash, readPeSignatures, signPe } from './authenticode.ts';
import { guid } from './guid.ts';
import { findPeSection, parsePe, SUBSYSTEM } from './pe.ts';
import { writePe } from './pe-write.ts';
import { verifyImage } from './secure-boot.ts';
import { certificateDatabase, digestDatabase, parseSignatureDatabase } from './signature-list.ts';

const pki = (name: string): Uint8Array => readFileSync(new URL(`../../vib-samples/pki/${name}`, import.meta.url));
const certificate = (name: string): Certificate =>
  parseCertificate(decodePem(pki(`${name}.crt.pem`))[0]?.bytes ?? new Uint8Array(0));
const signer = {
  certificate: certificate('sb-db-bootloader'),
  key: decodePrivateKeyPem(pki('sb-db-bootloader.key.pem')),
};

const code = new Uint8Array(3000).fill(0xc3);
const image = writePe({ subsystem: 'application', sections: [{ name: '.text', kind: 'code', data: code }] });
const signed = signPe(image, signer);

const owner = guid('00112233-4455-6677-8899-aabbccddeeff');
const certificates = (...names: string[]) =>
  parseSignatureDatabase(
    certificateDatabase(
      owner,
      names.map((name) => certificate(name).der),
    ),
  );
const digests = (...list: Uint8Array[]) => parseSignatureDatabase(digestDatabase(owner, list));
const digest = peImageHash(parsePe(image), 'sha256');

describe('PE32+', () => {
  it('reads back what it writes', () => {
    const parsed = parsePe(image);
    expect(parsed).toMatchObject({ machine: 0x8664, subsystem: SUBSYSTEM.application, certificates: { size: 0 } });
    expect(findPeSection(parsed, '.text')?.data).toEqual(code);
    expect(parsed.entryPoint).toBe(findPeSection(parsed, '.text')?.virtualAddress);
    expect(parsed.sections.map(({ name }) => name)).toEqual(['.text', '.reloc']);
  });

  it.each([
    ['not MZ', 0, 0, /e_magic/],
    ['not PE', 128, 0, /Signature/],
    ['not PE32+', 152, 1, /Magic/],
    ['raw data outside the file', 392 + 18, 0xff, /SizeOfRawData/],
    ['sections over the headers', 392 + 21, 0, /starts at/],
  ] as const)('refuses %s', (_, at, value, message) => {
    const bad = image.slice();
    bad[at] = value;
    expect(() => parsePe(bad)).toThrow(message);
  });

  it('gives only InputErrors on damaged files', () => {
    const flips = fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const database = certificates('sb-db-ca');
    fc.assert(
      fc.property(fc.constantFrom(image, signed), flips, fc.nat(4000), (bytes, changes, cut) => {
        const bad = bytes.slice(0, Math.max(1, bytes.length - cut));
        for (const [at, value] of changes) bad[at % bad.length] = value;
        try {
          verifyImage(parsePe(bad), database);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('Authenticode', () => {
  it('has the hash that osslsigncode computes for this image', () => {
    expect(toHex(digest)).toBe('cf945debdf96cd7c3dc8bdd83a5ef6743f01ae1397648b23677873d632d6a2df');
    expect(peImageHash(parsePe(signed), 'sha256')).toEqual(digest);
  });

  it('writes the checksum that osslsigncode computes', () => {
    const { checksumOffset } = parsePe(signed);
    expect(new DataView(signed.buffer).getUint32(checksumOffset, true)).toBe(0x000101f5);
  });

  it('embeds signatures that read back; a second one keeps the first', () => {
    const [entry] = readPeSignatures(parsePe(signed));
    if (entry?.ok !== true) throw new Error('no signature');
    expect(entry.signature).toMatchObject({ digest, hash: 'sha256', digestOk: true });
    expect(entry.signature.signers.map(({ ok }) => ok)).toEqual([true]);
    const twice = readPeSignatures(parsePe(signPe(signed, { ...signer, hash: 'sha512' })));
    expect(twice.map((each) => each.ok && each.signature.digestOk && each.signature.hash)).toEqual([
      'sha256',
      'sha512',
    ]);
  });

  it('hashes padding of an image whose size is no multiple of eight', () => {
    const odd = new Uint8Array([...image, 1, 2, 3]);
    expect(verifyImage(parsePe(signPe(odd, signer)), certificates('sb-db-ca')).ok).toBe(true);
  });
});

describe('Secure Boot decision', () => {
  it('names the db entry that allowed the image', () => {
    const db = certificates('sb-db-unrelated-ca', 'sb-db-ca');
    expect(verifyImage(parsePe(signed), db)).toEqual({ ok: true, digest, authority: db[1] });
    const leaf = certificates('sb-db-bootloader');
    expect(verifyImage(parsePe(signed), leaf)).toEqual({ ok: true, digest, authority: leaf[0] });
    const byDigest = digests(digest);
    expect(verifyImage(parsePe(image), byDigest)).toEqual({ ok: true, digest, authority: byDigest[0] });
  });

  const changed = signed.slice();
  changed[600] = 0;
  const unreadable = signed.slice();
  unreadable[parsePe(signed).certificates.offset + 8] = 0;

  it.each([
    ['unsigned image', image, certificates('sb-db-ca'), [], 'not-signed'],
    ['signer not in db', signed, certificates('sb-db-unrelated-ca'), [], 'not-authorized'],
    ['empty db', signed, [], [], 'not-authorized'],
    ['changed image', changed, certificates('sb-db-ca'), [], 'bad-signature'],
    ['damaged signature', unreadable, certificates('sb-db-ca'), [], 'bad-signature'],
    ['digest in dbx', signed, certificates('sb-db-ca'), digests(digest), 'digest-forbidden'],
    ['signer in dbx', signed, certificates('sb-db-ca'), certificates('sb-db-bootloader'), 'certificate-forbidden'],
    ['issuer in dbx', signed, certificates('sb-db-ca'), certificates('sb-db-ca'), 'certificate-forbidden'],
    ['digest in db and dbx', image, digests(digest), digests(digest), 'digest-forbidden'],
  ] as const)('%s: %s', (_, bytes, db, dbx, expected) => {
    expect(verifyImage(parsePe(bytes), db, dbx)).toMatchObject({ ok: false, code: expected });
  });
});

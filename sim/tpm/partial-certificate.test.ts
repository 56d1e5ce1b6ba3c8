import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { primitives } from '#primitives';
import { fromHex, utf8 } from '../../src/bytes/bytes.ts';
import * as W from '../../src/crypto/asn1-write.ts';
import { hash } from '../../src/crypto/hash.ts';
import { hasPublicKey, parseCertificate } from '../../src/crypto/x509.ts';
import * as T from '../../src/tpm2/index.ts';
import { type TestTpm, testTpm } from '../../test/support/tpm.ts';
import { createPrimary } from './identity.ts';
import { checkExtensions, readPartialCertificate } from './partial-certificate.ts';
import { deriveEcKey, KeyStream } from './primary-keys.ts';
import { Refusal } from './refusal.ts';

const { COMMANDS: C, TPM_RH: RH, TPMA_OBJECT: O } = T;
const EMPTY = new Uint8Array(0);
const name = (text: string) => W.derSequence(W.derSetOf(W.derSequence(W.derOid('2.5.4.3'), W.derUtf8(text))));
const VALIDITY = W.derSequence(W.derTime(1_577_836_800_000), W.derTime(4_102_444_800_000));
const extension = (oid: string, value: Uint8Array) => W.derSequence(W.derOid(oid), W.derOctets(value));
const attributes = extension('2.23.133.10.1.1.1', W.derBits(fromHex('00040072')));
const parts = [name('Issuer'), VALIDITY, name('Subject')] as const;
const partial = (...extensions: Uint8Array[]) => W.derSequence(...parts, W.derContext(3, W.derSequence(...extensions)));
const usage = (...bits: number[]) => extension('2.5.29.15', W.derNamedBits(bits));
const check = (bytes: Uint8Array, objectAttributes: number) =>
  checkExtensions(readPartialCertificate(bytes), objectAttributes, 'objectHandle');

describe('partial certificates (Part 3, 18.8)', () => {
  it('have three or four parts before the extensions', () => {
    const algorithm = W.derSequence(W.derOid('1.2.3'));
    const [issuer, validity, subject] = parts;
    const extensions = W.derContext(3, W.derSequence());
    const three = { signature: undefined, issuer, validity, subject, extensions };
    expect(readPartialCertificate(partial())).toEqual(three);
    const four = W.derSequence(algorithm, ...parts, extensions);
    expect(readPartialCertificate(four)).toEqual({ ...three, signature: algorithm });
  });

  // Bits of keyUsage: RFC 5280, 4.2.1.3; what each needs: Part 2, TPMA_X509_KEY_USAGE.
  it.each([
    [[0], O.sign],
    [[5, 6], O.sign],
    [[2], O.decrypt],
    [[3], O.decrypt],
    [[4], O.decrypt | O.restricted],
    [[7], O.decrypt],
    [[8], O.decrypt],
    [[1], O.fixedTPM],
  ])('key usage %j needs attributes 0x%x', (bits, needed) => {
    expect(() => check(partial(usage(...bits)), needed)).not.toThrow();
    expect(() => check(partial(usage(...bits)), 0xffff_ffff & ~needed)).toThrow(Refusal);
    expect(() => check(partial(), needed)).toThrow(Refusal);
  });

  it('say the attributes of the key as they are', () => {
    expect(() => check(partial(attributes, usage(0)), 0x0004_0072)).not.toThrow();
    const wrong = () => check(partial(attributes, usage(0)), 0x0004_0070);
    expect(wrong).toThrow(expect.objectContaining({ rc: T.TPM_RC.ATTRIBUTES, field: 'objectHandle' }));
  });

  it('changed anywhere are read or refused', () => {
    const good = partial(attributes, usage(0));
    const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(changes, fc.nat(good.length), (list, size) => {
        const bytes = good.slice(0, size);
        for (const [at, value] of list) if (at < size) bytes[at] = value;
        try {
          check(bytes, 0x0004_0072);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});

describe('TPM2_CertifyX509 (Part 3, 18.8)', () => {
  let tpm: TestTpm;
  let objectHandle: number;
  beforeAll(async () => {
    tpm = await testTpm();
    ({ objectHandle } = await createPrimary(tpm.client, RH.ENDORSEMENT, T.AK_ECC_P256));
  });
  const certify = (signHandle: number) =>
    tpm.client.call(C.CertifyX509, {
      objectHandle,
      signHandle,
      reserved: EMPTY,
      inScheme: { scheme: T.TPM_ALG.NULL },
      partialCertificate: partial(usage(0)),
    });

  it('adds version, serial number, algorithm and key; the signature is over the whole', async () => {
    const { addedToCertificate: added, tbsDigest, signature } = await certify(objectHandle);
    if (signature.sigAlg !== T.TPM_ALG.ECDSA) throw new TypeError('not ECDSA');
    const size = (added[1] ?? 0) < 0x80 ? 2 : 3;
    const serialEnd = size + 5 + 2 + (added[size + 6] ?? 0);
    const algorithm = W.derSequence(W.derOid('1.2.840.10045.4.3.2'));
    expect(added.subarray(serialEnd, serialEnd + algorithm.length)).toEqual(algorithm);
    const tbs = W.derSequence(
      added.subarray(size, serialEnd + algorithm.length),
      ...parts,
      added.subarray(serialEnd + algorithm.length),
      W.derContext(3, W.derSequence(usage(0))),
    );
    const value = W.derSequence(W.derInteger(signature.signatureR), W.derInteger(signature.signatureS));
    const certificate = parseCertificate(W.derSequence(tbs, algorithm, W.derBits(value)));
    expect(tbsDigest).toEqual(hash('sha256', tbs));
    const publicArea = (await tpm.client.call(C.ReadPublic, { objectHandle })).outPublic;
    const key = T.x509KeyOf(publicArea);
    expect(hasPublicKey(certificate, key)).toBe(true);
    const { signatureR, signatureS } = signature;
    expect(key.kind === 'ec' && primitives.ecdsaVerifyDigest(key, hash('sha256', tbs), signatureR, signatureS)).toBe(
      true,
    );
  });

  it('needs a signing key with a Name', async () => {
    await expect(certify(RH.NULL)).rejects.toMatchObject({ rc: 'KEY' });
    const key = deriveEcKey(new KeyStream(utf8('test'), 'PRIMARY KEY', EMPTY), 'P-256');
    const base = T.AK_ECC_P256;
    if (base.type !== T.TPM_ALG.ECC) throw new TypeError('not an ECC template');
    const nameless = await tpm.client.call(C.LoadExternal, {
      inPrivate: { sensitiveType: T.TPM_ALG.ECC, authValue: EMPTY, seedValue: EMPTY, sensitive: key.d },
      inPublic: {
        ...base,
        nameAlg: T.TPM_ALG.NULL,
        objectAttributes: O.userWithAuth | O.noDA | O.sign,
        unique: { x: key.x, y: key.y },
      },
      hierarchy: RH.NULL,
    });
    await expect(certify(nameless.objectHandle)).rejects.toMatchObject({ rc: 'KEY' });
  });
});

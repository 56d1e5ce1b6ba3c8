import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { CURVE_OID, KEY_OID } from './asn1-oids.ts';
import { derBits, derInteger, derNull, derOid, derSequence } from './asn1-write.ts';
import { hash } from './hash.ts';
import {
  decodePkcs8,
  decodePrivateKeyPem,
  decodePublicKeyPem,
  decodeSpki,
  encodePkcs8,
  encodePrivateKeyPem,
  encodePublicKeyPem,
  encodeSpki,
  type PrivateKey,
  publicOf,
  signatureAlgorithmOf,
  signMessage,
  verifyMessage,
} from './keys.ts';
import { decodePem, encodePem } from './pem.ts';
import { signPss } from './rsa.ts';

const file = (name: string): string => readFileSync(`test/fixtures/crypto/${name}`, 'utf8');
const rsa = decodePrivateKeyPem(file('rsa.key.pem'));
const ec = decodePrivateKeyPem(file('ec.key.pem'));
const cases: [string, PrivateKey][] = [
  ['rsa', rsa],
  ['ec', ec],
];

describe.each(cases)('%s keys made by openssl', (name, key) => {
  it('are written back to the same bytes', () => {
    expect(encodePrivateKeyPem(key)).toBe(file(`${name}.key.pem`));
    expect(encodePublicKeyPem(publicOf(key))).toBe(file(`${name}.pub.pem`));
    expect(decodePublicKeyPem(file(`${name}.pub.pem`))).toEqual(publicOf(key));
  });

  it('are the same in their old encoding', () => {
    expect(decodePrivateKeyPem(file(name === 'rsa' ? 'rsa.pkcs1.pem' : 'ec.sec1.pem'))).toEqual(key);
  });

  it('sign what verifies, and nothing else', () => {
    const algorithm = signatureAlgorithmOf(key.kind, 'sha384');
    const message = utf8('message');
    const signature = signMessage(key, 'sha384', message);
    expect(toHex(signMessage(key, 'sha384', message))).toBe(toHex(signature));
    expect(verifyMessage(publicOf(key), algorithm, message, signature)).toBe(true);
    expect(verifyMessage(publicOf(key), algorithm, utf8('other'), signature)).toBe(false);
    const other = publicOf(key.kind === 'rsa' ? ec : rsa);
    expect(verifyMessage(other, algorithm, message, signature)).toBe(false);
    expect(verifyMessage(publicOf(key), { scheme: 'other', name: 'md5', oid: '1' }, message, signature)).toBe(false);
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = signature.slice();
        bad[at] = (bad[at] ?? 0) ^ flip;
        // Only the encoding of an ECDSA signature could change without changing its numbers; DER leaves no room for that.
        expect(verifyMessage(publicOf(key), algorithm, message, bad)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  it('damaged give only a FormatError', () => {
    for (const [read, bytes] of [
      [decodePkcs8, encodePkcs8(key)],
      [decodeSpki, encodeSpki(publicOf(key))],
    ] as const) {
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
          const bad = cut ? bytes.subarray(0, at) : bytes.slice();
          if (!cut) bad[at] = (bad[at] ?? 0) ^ flip;
          try {
            read(bad);
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        }),
      );
    }
  });
});

describe('key encodings', () => {
  it('reads the key of RFC 6979, A.2.5 from its scalar', () => {
    const d = fromHex('C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721');
    const algorithm = derSequence(derOid(KEY_OID.ecPublicKey), derOid(CURVE_OID['P-256']));
    const body = derSequence(derInteger(1), new Uint8Array([4, 32, ...d]));
    const key = decodePkcs8(derSequence(derInteger(0), algorithm, new Uint8Array([4, body.length, ...body])));
    if (key.kind !== 'ec') throw new Error('not an EC key');
    expect(toHex(key.x)).toBe('60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6');
    // The same section's signature of "sample" with SHA-256.
    expect(toHex(signMessage(key, 'sha256', utf8('sample')))).toBe(
      '3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716' +
        '022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
    );
  });

  it('takes RSA keys under the PSS and OAEP identifiers, for that use alone', () => {
    if (rsa.kind !== 'rsa') throw new Error('not an RSA key');
    const bits = derBits(derSequence(derInteger(rsa.n), derInteger(rsa.e)));
    const message = utf8('sample');
    const pkcs1 = signMessage(rsa, 'sha256', message);
    const pss = signPss(rsa, 'sha256', hash('sha256', message), new Uint8Array(32));
    const verdicts = [
      [KEY_OID.rsaEncryption, true, true],
      [KEY_OID.rsassaPss, false, true],
      [KEY_OID.rsaesOaep, false, false],
    ] as const;
    for (const [oid, byPkcs1, byPss] of verdicts) {
      const key = decodeSpki(derSequence(derSequence(derOid(oid), derNull()), bits));
      expect(key).toMatchObject(publicOf(rsa));
      expect(verifyMessage(key, { scheme: 'rsa-pkcs1', hash: 'sha256', oid: '' }, message, pkcs1)).toBe(byPkcs1);
      expect(verifyMessage(key, { scheme: 'rsa-pss', hash: 'sha256', oid: '' }, message, pss)).toBe(byPss);
    }
  });

  it('refuses other algorithms, curves, points and mismatched parts', () => {
    const spki = (oid: string, parameters: Uint8Array, bits: Uint8Array) =>
      derSequence(derSequence(derOid(oid), parameters), derBits(bits));
    const off = new Uint8Array(65).fill(4);
    expect(() => decodeSpki(spki('1.3.101.112', derNull(), off))).toThrow('key algorithm 1.3.101.112 is not supported');
    expect(() => decodeSpki(spki(KEY_OID.ecPublicKey, derOid('1.3.132.0.10'), off))).toThrow('curve 1.3.132.0.10');
    expect(() => decodeSpki(spki(KEY_OID.ecPublicKey, derOid(CURVE_OID['P-256']), off))).toThrow('uncompressed point');
    if (rsa.kind !== 'rsa') throw new Error('not an RSA key');
    expect(() => decodePkcs8(encodePkcs8({ ...rsa, p: rsa.q }))).toThrow('do not multiply');
    expect(() => decodeSpki(encodeSpki({ ...publicOf(rsa), kind: 'rsa', n: rsa.n, e: 4 }))).toThrow('no RSA key');
  });
});

describe('PEM', () => {
  it('reads several blocks and skips what lies between', () => {
    const text = `note\n${encodePem('A', utf8('one'))}more\r\n${encodePem('B C', new Uint8Array(100))}`;
    expect(decodePem(text).map((block) => [block.label, block.bytes.length])).toEqual([
      ['A', 3],
      ['B C', 100],
    ]);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(64);
  });

  it.each([
    ['-----BEGIN A-----\nAAAA\n', 'has no end'],
    ['-----BEGIN A-----\nAAAA\n-----END B-----\n', 'unexpected end of B'],
    ['-----BEGIN A-----\n-----BEGIN A-----\n', 'has no end'],
    ['-----BEGIN A-----\n*\n-----END A-----\n', 'is not base64'],
    ['-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----\n', 'encrypted keys are not read'],
  ])('refuses %j', (text, problem) => {
    expect(() => decodePem(text)).toThrow(problem);
    expect(() => decodePem(text)).toThrow(FormatError);
  });

  it('says what is missing', () => {
    expect(() => decodePrivateKeyPem(file('rsa.pem'))).toThrow('no unencrypted private key');
    expect(() => decodePublicKeyPem(file('rsa.pem'))).toThrow('no public key');
  });
});

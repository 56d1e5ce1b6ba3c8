/** Object identifiers of keys, digests, signatures, names, extensions and CMS, each with the document that assigns it. */
import type { CurveName, HashName, OidCurveName } from './primitives.ts';

/** RFC 8017 appendix C, RFC 5480 2.1. */
export const KEY_OID = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  rsaesOaep: '1.2.840.113549.1.1.7',
  rsassaPss: '1.2.840.113549.1.1.10',
  ecPublicKey: '1.2.840.10045.2.1',
} as const;

/** RFC 5480, 2.1.1.1; SM2: GM/T 0006. */
export const CURVE_OID: Readonly<Record<OidCurveName, string>> = {
  'P-192': '1.2.840.10045.3.1.1',
  'P-224': '1.3.132.0.33',
  'P-256': '1.2.840.10045.3.1.7',
  'P-384': '1.3.132.0.34',
  'P-521': '1.3.132.0.35',
  'SM2 P-256': '1.2.156.10197.1.301',
};

/** Whether a curve has an object identifier. */
export const hasCurveOid = (curve: CurveName): curve is OidCurveName => Object.hasOwn(CURVE_OID, curve);

/** RFC 3279, 2.1 and RFC 5754, 2. */
export const HASH_OID: Readonly<Record<HashName, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};

/** RSASSA-PKCS1-v1_5 with a digest: RFC 8017 appendix C. */
export const RSA_SIGNATURE_OID: Readonly<Record<HashName, string>> = {
  sha1: '1.2.840.113549.1.1.5',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
};

/** ECDSA with a digest: RFC 5758, 3.2. */
export const ECDSA_SIGNATURE_OID: Readonly<Record<HashName, string>> = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
};

/** Digests, and signatures over them, for which collisions can be made: never accepted. SHA-1, which is, has its place above. */
export const WEAK_OID: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.2', 'md2'],
  ['1.2.840.113549.2.4', 'md4'],
  ['1.2.840.113549.2.5', 'md5'],
  ['1.2.840.113549.1.1.2', 'md2WithRSAEncryption'],
  ['1.2.840.113549.1.1.3', 'md4WithRSAEncryption'],
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'],
]);

/** Digests and signatures that are known by name only and not supported here (NIST CSOR; RFC 5754, 8410, 8702). */
export const UNSUPPORTED_OID: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.5', 'sha512-224'],
  ['2.16.840.1.101.3.4.2.6', 'sha512-256'],
  ['2.16.840.1.101.3.4.2.7', 'sha3-224'],
  ['2.16.840.1.101.3.4.2.8', 'sha3-256'],
  ['2.16.840.1.101.3.4.2.9', 'sha3-384'],
  ['2.16.840.1.101.3.4.2.10', 'sha3-512'],
  ['2.16.840.1.101.3.4.2.11', 'shake128'],
  ['2.16.840.1.101.3.4.2.12', 'shake256'],
  ['1.2.840.113549.1.1.14', 'sha224WithRSAEncryption'],
  ['1.2.840.10045.4.3.1', 'ecdsa-with-SHA224'],
  ['2.16.840.1.101.3.4.3.10', 'ecdsa-with-SHA3-256'],
  ['2.16.840.1.101.3.4.3.11', 'ecdsa-with-SHA3-384'],
  ['2.16.840.1.101.3.4.3.12', 'ecdsa-with-SHA3-512'],
  ['2.16.840.1.101.3.4.3.14', 'rsassa-pkcs1-v1_5-with-SHA3-256'],
  ['2.16.840.1.101.3.4.3.15', 'rsassa-pkcs1-v1_5-with-SHA3-384'],
  ['2.16.840.1.101.3.4.3.16', 'rsassa-pkcs1-v1_5-with-SHA3-512'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
  [KEY_OID.rsaEncryption, 'rsaEncryption'],
  [KEY_OID.ecPublicKey, 'ecPublicKey'],
]);

/** MGF1: RFC 8017 appendix B.2.1. */
export const MGF1_OID = '1.2.840.113549.1.1.8';

/** Attribute types of names by the short names of RFC 4514, 3 and RFC 4519. */
export const NAME_OID = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  TITLE: '2.5.4.12',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
} as const;

/** Certificate extensions: RFC 5280, 4.2. */
export const EXTENSION_OID = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Extended key usages: RFC 5280, 4.2.1.12; TCG EK Credential Profile, 3.2.16. */
export const EKU_OID = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  tcgEkCertificate: '2.23.133.8.1',
} as const;

/** Content types and signed attributes: RFC 5652, 4, 5.1 and 11. */
export const CMS_OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
} as const;

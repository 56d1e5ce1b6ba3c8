/** Reading X.509 certificates (RFC 5280). Exact bytes are kept: `tbs` is what was signed, `der` what is hashed and compared. */
import { toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import {
  type Asn1Cursor,
  type Asn1Value,
  booleanOf,
  contextPrimitive,
  contextTag,
  inside,
  openAsn1,
  TAG,
  timeOf,
} from './asn1.ts';
import { EXTENSION_OID } from './asn1-oids.ts';
import { encodeSpki, type PublicKey, readSignatureAlgorithm, readSpki, type SignatureAlgorithm } from './keys.ts';
import { decodePem } from './pem.ts';
import { type DistinguishedName, type GeneralName, readGeneralName, readName } from './x509-name.ts';

export type { DistinguishedName, GeneralName, GeneralNameInput, NameInput } from './x509-name.ts';
export { nameAttribute } from './x509-name.ts';

/** Names of the key usage bits, bit 0 first (RFC 5280, 4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

/** One key usage. */
export type KeyUsage = (typeof KEY_USAGES)[number];

/** One extension as it stands; `value` is the DER inside the OCTET STRING. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** A certificate. Times are milliseconds since 1970-01-01T00:00:00Z. */
export interface Certificate {
  readonly der: Uint8Array;
  /** TBSCertificate: the signed bytes. */
  readonly tbs: Uint8Array;
  /** 1 or 3 as written in text; the encoding holds one less. */
  readonly version: number;
  /** Content of the serial number INTEGER, big-endian, as it stands. */
  readonly serial: Uint8Array;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: PublicKey;
  /** SubjectPublicKeyInfo as it stands. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  readonly keyUsage?: readonly KeyUsage[];
  /** OIDs. */
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: Uint8Array;
  readonly subjectAltNames?: readonly GeneralName[];
  /** OIDs of certificate policies. */
  readonly policies?: readonly string[];
  /** Critical extensions that this reader does not interpret; {@link verifyChain} refuses them unless told otherwise. */
  readonly unknownCritical: readonly string[];
}

/** Largest certificate read. */
export const MAX_CERTIFICATE = 64 * 1024;
const MAX_EXTENSIONS = 64;
const MAX_NAMES = 256;

type Decoded = Partial<{
  -readonly [K in
    | 'basicConstraints'
    | 'keyUsage'
    | 'extendedKeyUsage'
    | 'subjectKeyIdentifier'
    | 'authorityKeyIdentifier'
    | 'subjectAltNames'
    | 'policies']: NonNullable<Certificate[K]>;
}>;

/** How each extension that is understood fills the certificate: one row per extension (RFC 5280, 4.2.1). */
const DECODERS: Readonly<Record<string, (value: Asn1Cursor, out: Decoded) => void>> = {
  [EXTENSION_OID.basicConstraints]: (value, out) => {
    const fields = value.enter('basicConstraints');
    const ca = fields.optional('cA', TAG.BOOLEAN);
    const isCa = ca !== undefined && booleanOf(ca, 'Certificate', 'cA');
    const length = fields.peek() === undefined ? undefined : fields.small('pathLenConstraint');
    out.basicConstraints = length === undefined ? { ca: isCa } : { ca: isCa, pathLength: length };
  },
  [EXTENSION_OID.keyUsage]: (value, out) => {
    const bits = value.take('keyUsage', TAG.BIT_STRING).content.subarray(1);
    out.keyUsage = KEY_USAGES.filter((_, i) => ((bits[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0);
  },
  [EXTENSION_OID.extendedKeyUsage]: (value, out) => {
    out.extendedKeyUsage = oids(value.enter('extKeyUsage'), 'extKeyUsage', (list) => list.oid('keyPurposeId'));
  },
  [EXTENSION_OID.subjectKeyIdentifier]: (value, out) => {
    out.subjectKeyIdentifier = value.octets('subjectKeyIdentifier');
  },
  [EXTENSION_OID.authorityKeyIdentifier]: (value, out) => {
    const id = value.enter('authorityKeyIdentifier').optional('keyIdentifier', contextPrimitive(0));
    if (id !== undefined) out.authorityKeyIdentifier = id.content;
  },
  [EXTENSION_OID.subjectAltName]: (value, out) => {
    const names = value.enter('subjectAltName').list('subjectAltName', MAX_NAMES);
    out.subjectAltNames = names.map((name) => readGeneralName(name, 'Certificate'));
  },
  [EXTENSION_OID.certificatePolicies]: (value, out) => {
    const list = value.enter('certificatePolicies');
    out.policies = oids(list, 'certificatePolicies', (each) => each.enter('policy').oid('policyIdentifier'));
  },
};

function oids(list: Asn1Cursor, field: string, next: (list: Asn1Cursor) => string): string[] {
  const out: string[] = [];
  while (list.peek() !== undefined) {
    if (out.length >= MAX_NAMES) throw list.error(field, `more than ${MAX_NAMES} entries`);
    out.push(next(list));
  }
  return out;
}

/** Reads one extension: its value and where it lies, for errors with offsets. */
function readExtension(value: Asn1Value): { extension: Extension; body: Asn1Value } {
  const fields = inside(value, 'Certificate');
  const oid = fields.oid('extnID');
  const critical = fields.optional('critical', TAG.BOOLEAN);
  const body = fields.take('extnValue', TAG.OCTET_STRING);
  fields.end();
  const isCritical = critical !== undefined && booleanOf(critical, 'Certificate', 'critical');
  return { extension: { oid, critical: isCritical, value: body.content }, body };
}

function readExtensions(field: Asn1Value | undefined): { extensions: Extension[]; decoded: Decoded } {
  const extensions: Extension[] = [];
  const decoded: Decoded = {};
  if (field === undefined) return { extensions, decoded };
  for (const value of inside(field, 'Certificate').enter('extensions').list('extensions', MAX_EXTENSIONS)) {
    const { extension, body } = readExtension(value);
    if (extensions.some((other) => other.oid === extension.oid)) {
      const problem = `extension ${extension.oid} appears twice`;
      throw new FormatError({ structure: 'Certificate', field: 'extensions', offset: value.offset, problem });
    }
    extensions.push(extension);
    DECODERS[extension.oid]?.(inside(body, 'Certificate'), decoded);
  }
  return { extensions, decoded };
}

/** Reads a certificate in DER. Bytes after it, and keys other than RSA and the NIST curves, are a {@link FormatError}. */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = openAsn1(der, 'Certificate', MAX_CERTIFICATE);
  const whole = outer.take('', TAG.SEQUENCE);
  outer.end();
  const fields = inside(whole, 'Certificate');
  const tbs = fields.take('tbsCertificate', TAG.SEQUENCE);
  const signatureAlgorithm = fields.take('signatureAlgorithm', TAG.SEQUENCE);
  const signature = fields.bits('signatureValue');
  fields.end();
  return { der: whole.raw, tbs: tbs.raw, signature, ...readTbs(tbs, signatureAlgorithm) };
}

function readTbs(tbs: Asn1Value, outerAlgorithm: Asn1Value): Omit<Certificate, 'der' | 'tbs' | 'signature'> {
  const fields = inside(tbs, 'Certificate');
  const versionField = fields.optional('version', contextTag(0));
  const version = versionField === undefined ? 1 : inside(versionField, 'Certificate').small('version', 2) + 1;
  const serial = fields.take('serialNumber', TAG.INTEGER);
  const innerAlgorithm = fields.take('signature', TAG.SEQUENCE);
  if (toHex(innerAlgorithm.raw) !== toHex(outerAlgorithm.raw)) {
    throw fields.error('signature', 'differs from signatureAlgorithm', innerAlgorithm.offset);
  }
  const issuer = readName(fields.take('issuer', TAG.SEQUENCE), 'Certificate', 'issuer');
  const validity = fields.enter('validity');
  const notBefore = timeOf(validity.take('notBefore', TAG.UTC_TIME, TAG.GENERALIZED_TIME), 'Certificate', 'notBefore');
  const notAfter = timeOf(validity.take('notAfter', TAG.UTC_TIME, TAG.GENERALIZED_TIME), 'Certificate', 'notAfter');
  const subject = readName(fields.take('subject', TAG.SEQUENCE), 'Certificate', 'subject');
  const spki = fields.take('subjectPublicKeyInfo', TAG.SEQUENCE);
  fields.optional('issuerUniqueID', contextPrimitive(1));
  fields.optional('subjectUniqueID', contextPrimitive(2));
  const { extensions, decoded } = readExtensions(fields.optional('extensions', contextTag(3)));
  fields.end();
  return {
    version,
    serial: serial.content,
    subject,
    issuer,
    notBefore,
    notAfter,
    publicKey: readSpki(spki),
    spki: spki.raw,
    signatureAlgorithm: readSignatureAlgorithm(outerAlgorithm, 'Certificate'),
    extensions,
    ...decoded,
    unknownCritical: extensions.filter((e) => e.critical && DECODERS[e.oid] === undefined).map((e) => e.oid),
  };
}

/** Every `CERTIFICATE` block of a PEM text, in order. */
export function parseCertificatesPem(text: string | Uint8Array): Certificate[] {
  const blocks = decodePem(text).filter((block) => block.label === 'CERTIFICATE');
  return blocks.map((block) => parseCertificate(block.bytes));
}

/** Whether the certificate carries this public key, whatever key identifier it is filed under. */
export function hasPublicKey(certificate: Certificate, key: PublicKey): boolean {
  return toHex(encodeSpki(certificate.publicKey)) === toHex(encodeSpki(key));
}

/** CMS SignedData (RFC 5652, 5): making it, deterministically, and checking what others made. */
import { compareBytes, equalBytes, toHex } from '../bytes/bytes.ts';
import {
  type Asn1Cursor,
  type Asn1Value,
  contextPrimitive,
  contextTag,
  inside,
  octetsOf,
  oidOf,
  openAsn1,
  TAG,
  timeOf,
} from './asn1.ts';
import { CMS_OID, HASH_OID, KEY_OID } from './asn1-oids.ts';
import {
  der,
  derContext,
  derInteger,
  derNull,
  derOctets,
  derOid,
  derSequence,
  derSetOf,
  derTime,
} from './asn1-write.ts';
import { hash } from './hash.ts';
import {
  hashOfOid,
  isWeakOid,
  type PrivateKey,
  readSignatureAlgorithm,
  type SignatureAlgorithm,
  signatureAlgorithmDer,
  signMessage,
  verifyMessage,
} from './keys.ts';
import type { HashName } from './primitives.ts';
import { type Certificate, parseCertificate } from './x509.ts';
import { readName } from './x509-name.ts';

/** An attribute; `values` are complete DER values. */
export interface CmsAttribute {
  readonly oid: string;
  readonly values: readonly Uint8Array[];
}

/** Who signs, and how. */
export interface CmsSignerInput {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
  readonly hash: HashName;
  /** Milliseconds since 1970; left out, no signing time is stated. */
  readonly signingTime?: number;
  /** Signed attributes besides contentType, messageDigest and signingTime. */
  readonly attributes?: readonly CmsAttribute[];
}

/** What goes into a SignedData. */
export interface SignedDataInput {
  /** The signed content; for `encapsulation: 'der'` one complete DER value. */
  readonly content: Uint8Array;
  /** OID of the content; id-data by default. */
  readonly contentType?: string;
  /**
   * `detached`: the content is not carried (default). `octets`: carried as an OCTET STRING (RFC 5652). `der`: carried as the
   * DER value itself and digested without its tag and length (PKCS #7 1.5, as Authenticode does).
   */
  readonly encapsulation?: 'detached' | 'octets' | 'der';
  readonly signers: readonly CmsSignerInput[];
  /** Certificates to carry besides those of the signers, e.g. intermediates. */
  readonly certificates?: readonly Certificate[];
}

/** Largest SignedData read. */
const MAX_SIGNED_DATA = 64 * 1024 * 1024;
const MAX_CERTIFICATES = 64;
const MAX_SIGNERS = 16;
const MAX_ATTRIBUTES = 64;

const encodeAttribute = ({ oid, values }: CmsAttribute): Uint8Array => derSequence(derOid(oid), derSetOf(...values));

function contentOf(bytes: Uint8Array): Uint8Array {
  return openAsn1(bytes, 'content', MAX_SIGNED_DATA).any('').content;
}

function signerInfo(signer: CmsSignerInput, contentType: string, digested: Uint8Array, oldForm: boolean): Uint8Array {
  const { certificate, key, signingTime } = signer;
  const attributes: CmsAttribute[] = [
    { oid: CMS_OID.contentType, values: [derOid(contentType)] },
    { oid: CMS_OID.messageDigest, values: [derOctets(hash(signer.hash, digested))] },
    ...(signer.attributes ?? []),
  ];
  if (signingTime !== undefined) attributes.push({ oid: CMS_OID.signingTime, values: [derTime(signingTime)] });
  const encoded = attributes.map(encodeAttribute).sort(compareBytes);
  const signature = signMessage(key, signer.hash, der(TAG.SET, ...encoded));
  const sid = derSequence(certificate.issuer.der, der(TAG.INTEGER, certificate.serial));
  const rsa = derSequence(derOid(KEY_OID.rsaEncryption), derNull());
  return derSequence(
    derInteger(1),
    sid,
    digestAlgorithm(signer.hash, oldForm),
    derContext(0, ...encoded),
    key.kind === 'rsa' ? rsa : signatureAlgorithmDer('ec', signer.hash),
    derOctets(signature),
  );
}

/** AlgorithmIdentifier of a hash: parameters absent (RFC 5754, 2), or NULL as PKCS #7 readers of old expect. */
function digestAlgorithm(name: HashName, oldForm: boolean): Uint8Array {
  return oldForm ? derSequence(derOid(HASH_OID[name]), derNull()) : derSequence(derOid(HASH_OID[name]));
}

/** DER of a ContentInfo holding SignedData, with signed attributes; the same input gives the same bytes. */
export function createSignedData(input: SignedDataInput): Uint8Array {
  const { content, contentType = CMS_OID.data, encapsulation = 'detached', signers } = input;
  const oldForm = encapsulation === 'der';
  const digested = oldForm ? contentOf(content) : content;
  const carried = { detached: [], octets: [derContext(0, derOctets(content))], der: [derContext(0, content)] };
  const hashes = [...new Set(signers.map((signer) => signer.hash))];
  const certificates = new Map<string, Uint8Array>();
  for (const { der: bytes } of [...signers.map((s) => s.certificate), ...(input.certificates ?? [])]) {
    certificates.set(toHex(bytes), bytes);
  }
  // Version 1 for plain data and PKCS #7, 3 for other content types (RFC 5652, 5.1).
  const version = contentType === CMS_OID.data || oldForm ? 1 : 3;
  const signedData = derSequence(
    derInteger(version),
    derSetOf(...hashes.map((name) => digestAlgorithm(name, oldForm))),
    derSequence(derOid(contentType), ...carried[encapsulation]),
    derContext(0, ...[...certificates.values()].sort(compareBytes)),
    derSetOf(...signers.map((signer) => signerInfo(signer, contentType, digested, oldForm))),
  );
  return derSequence(derOid(CMS_OID.signedData), derContext(0, signedData));
}

/** One signer, read but not checked. */
export interface CmsSigner {
  /** The certificate the signer names, where it is carried or given. */
  readonly certificate: Certificate | undefined;
  /** Issuer and serial number, or key identifier, as text. */
  readonly identifier: string;
  /** undefined where the digest is one that is never accepted: too weak (MD5), or not supported (SHA-3). */
  readonly hash: HashName | undefined;
  /** The digest as the signature names it. */
  readonly digestOid: string;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly signedAttributes: readonly CmsAttribute[] | undefined;
  /** The bytes the signature covers where there are signed attributes. */
  readonly signedBytes: Uint8Array | undefined;
  readonly messageDigest: Uint8Array | undefined;
  readonly contentType: string | undefined;
  readonly signingTime: number | undefined;
}

/** A SignedData, read but not checked. */
export interface SignedData {
  readonly contentType: string;
  /** The bytes the digest covers; undefined where the signature is detached. */
  readonly content: Uint8Array | undefined;
  readonly certificates: readonly Certificate[];
  /** Why carried certificates could not be read (attribute certificates, unsupported keys). */
  readonly unreadableCertificates: readonly string[];
  readonly signers: readonly CmsSigner[];
}

/** What checking one signer gave. The chain is a matter of its own: `verifyChain`. */
export interface CmsSignerCheck extends CmsSigner {
  /** The content has the digest the signer stated (or signed directly). */
  readonly digestOk: boolean;
  /** The signature is by the key of {@link CmsSigner.certificate}. */
  readonly signatureOk: boolean;
  readonly ok: boolean;
  /** Why `ok` is false. */
  readonly problem: CmsProblem | undefined;
}

/** Why a signature is refused. The unsupported ones cannot be checked here, which says nothing about them. */
export type CmsProblem =
  | 'no-certificate'
  | 'weak-digest'
  | 'unsupported-digest'
  | 'unsupported-algorithm'
  | 'bad-attributes'
  | 'bad-digest'
  | 'bad-signature';

/** A SignedData with every signer checked. */
export interface VerifiedSignedData extends Omit<SignedData, 'signers'> {
  readonly signers: readonly CmsSignerCheck[];
}

const STRUCTURE = 'SignedData';

function readContent(field: Asn1Value | undefined): Uint8Array | undefined {
  if (field === undefined) return undefined;
  const value = inside(field, STRUCTURE).any('eContent');
  const isOctets = value.tag === TAG.OCTET_STRING || value.tag === (TAG.OCTET_STRING | 0x20);
  return isOctets ? octetsOf(value, STRUCTURE, 'eContent') : value.content;
}

function readCertificates(field: Asn1Value | undefined, extra: readonly Certificate[]) {
  const certificates: Certificate[] = [...extra];
  const unreadable: string[] = [];
  if (field === undefined) return { certificates, unreadable };
  for (const value of inside(field, STRUCTURE).list('certificates', MAX_CERTIFICATES)) {
    try {
      certificates.push(parseCertificate(value.raw));
    } catch (error) {
      unreadable.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { certificates, unreadable };
}

function readAttributes(field: Asn1Value): CmsAttribute[] {
  return inside(field, STRUCTURE)
    .list('signedAttrs', MAX_ATTRIBUTES)
    .map((value) => {
      const fields = inside(value, STRUCTURE);
      const oid = fields.oid('signedAttrs.attrType');
      const values = fields.enter('signedAttrs.attrValues', TAG.SET).list('signedAttrs.attrValues', MAX_ATTRIBUTES);
      return { oid, values: values.map((v) => v.raw) };
    });
}

/** The single value of an attribute that must occur once with one value (RFC 5652, 11); undefined otherwise. */
function single(attributes: readonly CmsAttribute[] | undefined, oid: string): Asn1Value | undefined {
  const found = attributes?.filter((attribute) => attribute.oid === oid) ?? [];
  const [value, ...more] = found.flatMap((attribute) => attribute.values);
  if (value === undefined || more.length > 0 || found.length !== 1) return undefined;
  return openAsn1(value, STRUCTURE, MAX_SIGNED_DATA).any('signedAttrs.attrValues');
}

/** SignerIdentifier (RFC 5652, 5.3): its text and the certificate it names. */
function readIdentifier(fields: Asn1Cursor, certificates: readonly Certificate[]) {
  const keyId = fields.optional('sid', contextPrimitive(0));
  if (keyId !== undefined) {
    const certificate = certificates.find((c) =>
      equalBytes(c.subjectKeyIdentifier ?? new Uint8Array(0), keyId.content),
    );
    return { identifier: `key ${toHex(keyId.content)}`, certificate };
  }
  const sid = fields.enter('sid');
  const issuer = readName(sid.take('issuer', TAG.SEQUENCE), STRUCTURE, 'sid.issuer');
  const serial = sid.take('serialNumber', TAG.INTEGER).content;
  const certificate = certificates.find((c) => equalBytes(c.issuer.der, issuer.der) && equalBytes(c.serial, serial));
  return { identifier: `serial ${toHex(serial)} of ${issuer.text}`, certificate };
}

function readSigner(value: Asn1Value, certificates: readonly Certificate[]): CmsSigner {
  const fields = inside(value, STRUCTURE);
  fields.small('signerInfo.version', 3);
  const { identifier, certificate } = readIdentifier(fields, certificates);
  const digestOid = fields.enter('digestAlgorithm').oid('algorithm');
  const digest = hashOfOid(digestOid);
  const attributesField = fields.optional('signedAttrs', contextTag(0));
  const algorithm = readSignatureAlgorithm(fields.take('signatureAlgorithm', TAG.SEQUENCE), STRUCTURE, digest);
  const signature = fields.octets('signature');
  const attributes = attributesField && readAttributes(attributesField);
  const type = single(attributes, CMS_OID.contentType);
  const message = single(attributes, CMS_OID.messageDigest);
  const time = single(attributes, CMS_OID.signingTime);
  return {
    certificate,
    identifier,
    hash: digest,
    digestOid,
    algorithm,
    signature,
    signedAttributes: attributes,
    // The signature covers the attributes as a SET OF, not under their [0] tag (RFC 5652, 5.4).
    signedBytes: attributesField && der(TAG.SET, attributesField.content),
    messageDigest: message?.tag === TAG.OCTET_STRING ? message.content : undefined,
    contentType: type?.tag === TAG.OID ? oidOf(type, STRUCTURE, 'contentType') : undefined,
    signingTime: time && timeOf(time, STRUCTURE, 'signingTime'),
  };
}

/**
 * Reads DER or BER of a ContentInfo with SignedData. `certificates` are searched too, for signatures that carry none.
 * Bytes after it are a {@link FormatError}.
 */
export function parseSignedData(bytes: Uint8Array, certificates: readonly Certificate[] = []): SignedData {
  const outer = openAsn1(bytes, 'ContentInfo', MAX_SIGNED_DATA);
  const info = outer.enter('');
  outer.end();
  const type = info.oid('contentType');
  if (type !== CMS_OID.signedData) throw info.error('contentType', `expected signedData, found ${type}`);
  const fields = info.enter('content', contextTag(0)).enter('content', TAG.SEQUENCE, STRUCTURE);
  fields.small('version', 5);
  fields.take('digestAlgorithms', TAG.SET);
  const encap = fields.enter('encapContentInfo');
  const contentType = encap.oid('eContentType');
  const content = readContent(encap.optional('eContent', contextTag(0)));
  const carried = readCertificates(fields.optional('certificates', contextTag(0)), certificates);
  fields.optional('crls', contextTag(1));
  const infos = inside(fields.take('signerInfos', TAG.SET), STRUCTURE).list('signerInfos', MAX_SIGNERS);
  fields.end();
  return {
    contentType,
    content,
    certificates: carried.certificates,
    unreadableCertificates: carried.unreadable,
    signers: infos.map((value) => readSigner(value, carried.certificates)),
  };
}

/** Why a signature by these algorithms cannot be checked. */
function refusedAlgorithm({ hash: name, digestOid, algorithm }: CmsSigner): CmsProblem {
  const weak = isWeakOid(digestOid) || (algorithm.scheme === 'other' && (algorithm.weak || name === 'sha1'));
  if (weak) return 'weak-digest';
  return name === undefined ? 'unsupported-digest' : 'unsupported-algorithm';
}

function checkSigner(signer: CmsSigner, contentType: string, content: Uint8Array): CmsSignerCheck {
  const { certificate, hash: name, algorithm, signedAttributes, signedBytes } = signer;
  const result = (digestOk: boolean, signatureOk: boolean, problem: CmsSignerCheck['problem']): CmsSignerCheck => ({
    ...signer,
    digestOk,
    signatureOk,
    ok: problem === undefined,
    problem,
  });
  if (name === undefined || algorithm.scheme === 'other') return result(false, false, refusedAlgorithm(signer));
  const covered = signedBytes ?? content;
  const signatureOk =
    certificate !== undefined && verifyMessage(certificate.publicKey, algorithm, covered, signer.signature);
  // Without signed attributes the signature covers the content itself; allowed for plain data only (RFC 5652, 5.3).
  const direct = signedAttributes === undefined;
  const attributesOk = direct
    ? contentType === CMS_OID.data
    : signer.contentType === contentType && signer.messageDigest !== undefined && algorithm.hash === name;
  const stated = signer.messageDigest;
  const digestOk = direct ? signatureOk : stated !== undefined && equalBytes(hash(name, content), stated);
  if (certificate === undefined) return result(digestOk, false, 'no-certificate');
  if (!attributesOk) return result(digestOk, signatureOk, 'bad-attributes');
  if (!signatureOk) return result(digestOk, false, 'bad-signature');
  return result(digestOk, signatureOk, digestOk ? undefined : 'bad-digest');
}

/**
 * Reads a SignedData and checks every signer's digest and signature. `content` is the signed content of a detached
 * signature; for a carried one it may be left out, and where given it must be what was signed. An input without any content to check is a {@link FormatError}.
 */
export function verifySignedData(
  bytes: Uint8Array,
  options: { readonly content?: Uint8Array; readonly certificates?: readonly Certificate[] } = {},
): VerifiedSignedData {
  const parsed = parseSignedData(bytes, options.certificates);
  // Content that the caller has in hand is what must be signed, whatever else the signature carries.
  const content = options.content ?? parsed.content;
  if (content === undefined) {
    throw openAsn1(bytes, STRUCTURE, bytes.length).error(
      'eContent',
      'the signature is detached and no content is given',
    );
  }
  return { ...parsed, signers: parsed.signers.map((signer) => checkSigner(signer, parsed.contentType, content)) };
}

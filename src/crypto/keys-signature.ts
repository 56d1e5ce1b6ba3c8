/** Signature algorithms as certificates and CMS name them, and signing and verifying with them. */
import { concat } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { Asn1Cursor, type Asn1Value, contextTag, inside, TAG } from './asn1.ts';
import {
  ECDSA_SIGNATURE_OID,
  HASH_OID,
  KEY_OID,
  MGF1_OID,
  RSA_SIGNATURE_OID,
  UNSUPPORTED_OID,
  WEAK_OID,
} from './asn1-oids.ts';
import { derInteger, derNull, derOid, derSequence } from './asn1-write.ts';
import { signEcdsa, verifyEcdsa } from './ecdsa.ts';
import { HASH_NAMES, hash } from './hash.ts';
import type { EcPrivateKey, EcPublicKey, HashName, RsaPrivateKey, RsaPublicKey, X509CurveName } from './primitives.ts';
import { signPkcs1, verifyPkcs1, verifyPss } from './rsa.ts';

/** Any public key handled here. */
export type PublicKey = RsaPublicKey | EcPublicKey<X509CurveName>;
/** Any private key handled here. */
export type PrivateKey = RsaPrivateKey | EcPrivateKey<X509CurveName>;

/**
 * How a signature was made. `other` stands for algorithms that are never accepted, with their name or OID: `weak` ones, known to
 * rest on a digest for which collisions can be made, and ones that are not supported here.
 */
export type SignatureAlgorithm =
  | { readonly scheme: 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa'; readonly hash: HashName; readonly oid: string }
  | { readonly scheme: 'other'; readonly name: string; readonly oid: string; readonly weak?: true };

const HASH_OF_OID = new Map(HASH_NAMES.map((name) => [HASH_OID[name], name]));

const FIXED = new Map<string, SignatureAlgorithm>(
  HASH_NAMES.flatMap((name): [string, SignatureAlgorithm][] => [
    [RSA_SIGNATURE_OID[name], { scheme: 'rsa-pkcs1', hash: name, oid: RSA_SIGNATURE_OID[name] }],
    [ECDSA_SIGNATURE_OID[name], { scheme: 'ecdsa', hash: name, oid: ECDSA_SIGNATURE_OID[name] }],
  ]),
);

/** The hash an OID stands for; undefined for hashes that are never accepted. */
export function hashOfOid(oid: string): HashName | undefined {
  return HASH_OF_OID.get(oid);
}

/** Name of a digest or signature algorithm, for messages; the OID itself where it is not known. */
export function algorithmName(oid: string): string {
  return HASH_OF_OID.get(oid) ?? WEAK_OID.get(oid) ?? UNSUPPORTED_OID.get(oid) ?? oid;
}

/** Whether an OID is that of a digest, or of a signature over one, that is too weak to be supported (MD2, MD4, MD5). */
export const isWeakOid = (oid: string): boolean => WEAK_OID.has(oid);

const other = (oid: string, name: string, weak: boolean): SignatureAlgorithm =>
  weak ? { scheme: 'other', name, oid, weak } : { scheme: 'other', name, oid };

/** Parameters of RSASSA-PSS (RFC 4055, 3.1): only the form with one hash for message and mask is used in practice. */
function readPss(parameters: Asn1Value | undefined, structure: string): SignatureAlgorithm {
  const oid = KEY_OID.rsassaPss;
  const fields = parameters?.tag === TAG.SEQUENCE ? inside(parameters, structure) : undefined;
  const hashField = fields?.optional('hashAlgorithm', contextTag(0));
  // What is left out is SHA-1.
  if (fields === undefined || hashField === undefined) return other(oid, 'RSASSA-PSS with sha1', true);
  const hashOid = inside(hashField, structure).enter('hashAlgorithm').oid('algorithm');
  const name = hashOfOid(hashOid);
  const maskField = fields.optional('maskGenAlgorithm', contextTag(1));
  if (name === undefined || maskField === undefined) {
    return other(oid, `RSASSA-PSS with ${algorithmName(hashOid)}`, isWeakOid(hashOid));
  }
  const mask = inside(maskField, structure).enter('maskGenAlgorithm');
  const isMgf1 = mask.oid('algorithm') === MGF1_OID;
  const maskHash = hashOfOid(mask.enter('parameters').oid('algorithm'));
  return isMgf1 && maskHash === name
    ? { scheme: 'rsa-pss', hash: name, oid }
    : other(oid, `RSASSA-PSS with ${name} and another mask`, false);
}

/**
 * Reads an AlgorithmIdentifier (RFC 5280, 4.1.1.2) of a signature. CMS names the bare key algorithm and takes the hash from
 * elsewhere: pass it as `digest`.
 */
export function readSignatureAlgorithm(value: Asn1Value, structure: string, digest?: HashName): SignatureAlgorithm {
  const cursor = inside(value, structure);
  const oid = cursor.oid('signatureAlgorithm');
  const fixed = FIXED.get(oid);
  if (fixed !== undefined) return fixed;
  if (oid === KEY_OID.rsassaPss) {
    return readPss(cursor.peek() === undefined ? undefined : cursor.any('parameters'), structure);
  }
  if (digest !== undefined && oid === KEY_OID.rsaEncryption) return { scheme: 'rsa-pkcs1', hash: digest, oid };
  if (digest !== undefined && oid === KEY_OID.ecPublicKey) return { scheme: 'ecdsa', hash: digest, oid };
  return other(oid, algorithmName(oid), isWeakOid(oid));
}

/** AlgorithmIdentifier of the signatures that {@link signMessage} makes with this kind of key. */
export function signatureAlgorithmDer(kind: PublicKey['kind'], name: HashName): Uint8Array {
  return kind === 'rsa'
    ? derSequence(derOid(RSA_SIGNATURE_OID[name]), derNull())
    : derSequence(derOid(ECDSA_SIGNATURE_OID[name]));
}

/** The algorithm that {@link signMessage} uses with this kind of key. */
export function signatureAlgorithmOf(kind: PublicKey['kind'], name: HashName): SignatureAlgorithm {
  return kind === 'rsa'
    ? { scheme: 'rsa-pkcs1', hash: name, oid: RSA_SIGNATURE_OID[name] }
    : { scheme: 'ecdsa', hash: name, oid: ECDSA_SIGNATURE_OID[name] };
}

/** Signs a message: RSASSA-PKCS1-v1_5, or deterministic ECDSA (RFC 6979) as the DER of ECDSA-Sig-Value (RFC 3279, 2.2.3). */
export function signMessage(key: PrivateKey, name: HashName, message: Uint8Array): Uint8Array {
  const digest = hash(name, message);
  if (key.kind === 'rsa') return signPkcs1(key, name, digest);
  const { r, s } = signEcdsa(key, name, digest);
  return derSequence(derInteger(r), derInteger(s));
}

/**
 * Whether `signature` signs the message. False, never an error, for a damaged signature, a key of another kind or for another
 * use, or an algorithm that is not accepted.
 */
export function verifyMessage(
  key: PublicKey,
  algorithm: SignatureAlgorithm,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (algorithm.scheme === 'other') return false;
  if (key.kind === 'ec') return algorithm.scheme === 'ecdsa' && verifyDerEcdsa(key, algorithm.hash, message, signature);
  const digest = hash(algorithm.hash, message);
  if (key.only !== undefined && (key.only !== 'RSASSA-PSS' || algorithm.scheme !== 'rsa-pss')) return false;
  if (algorithm.scheme === 'rsa-pkcs1') return verifyPkcs1(key, algorithm.hash, digest, signature);
  return algorithm.scheme === 'rsa-pss' && verifyPss(key, algorithm.hash, digest, signature);
}

function verifyDerEcdsa(key: EcPublicKey, name: HashName, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const outer = new Asn1Cursor(signature, 'ECDSA-Sig-Value');
    const fields = outer.enter('');
    outer.end();
    const r = fields.unsigned('r');
    const s = fields.unsigned('s');
    fields.end();
    return verifyEcdsa(key, name, message, { r: leastBytes(r, key), s: leastBytes(s, key) });
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** The number padded to the curve's size; longer numbers stay as they are and fail the check. */
function leastBytes(value: Uint8Array, key: EcPublicKey): Uint8Array {
  return value.length >= key.x.length ? value : concat(new Uint8Array(key.x.length - value.length), value);
}

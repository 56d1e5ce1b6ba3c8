/** Signature algorithms as certificates and CMS name them, and signing and verifying with them. */
import { concat } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { Asn1Cursor, type Asn1Value, contextTag, inside, TAG } from './asn1.ts';
import { ECDSA_SIGNATURE_OID, HASH_OID, KEY_OID, MGF1_OID, REFUSED_OID, RSA_SIGNATURE_OID } from './asn1-oids.ts';
import { derInteger, derNull, derOid, derSequence } from './asn1-write.ts';
import { signEcdsa, verifyEcdsa } from './ecdsa.ts';
import { HASH_NAMES, hash } from './hash.ts';
import type { EcPrivateKey, EcPublicKey, HashName, RsaPrivateKey, RsaPublicKey } from './primitives.ts';
import { signPkcs1, verifyPkcs1, verifyPss } from './rsa.ts';

/** Any public key handled here. */
export type PublicKey = RsaPublicKey | EcPublicKey;
/** Any private key handled here. */
export type PrivateKey = RsaPrivateKey | EcPrivateKey;

/** How a signature was made. `other` stands for algorithms that are never accepted, with their name or OID. */
export type SignatureAlgorithm =
  | { readonly scheme: 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa'; readonly hash: HashName; readonly oid: string }
  | { readonly scheme: 'other'; readonly name: string; readonly oid: string };

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

/** Parameters of RSASSA-PSS (RFC 4055, 3.1): only the form with one hash for message and mask is used in practice. */
function pssHash(parameters: Asn1Value | undefined, structure: string): HashName | undefined {
  if (parameters === undefined || parameters.tag !== TAG.SEQUENCE) return undefined;
  const fields = inside(parameters, structure);
  const hashField = fields.optional('hashAlgorithm', contextTag(0));
  const maskField = fields.optional('maskGenAlgorithm', contextTag(1));
  if (hashField === undefined || maskField === undefined) return undefined;
  const name = hashOfOid(inside(hashField, structure).enter('hashAlgorithm').oid('algorithm'));
  const mask = inside(maskField, structure).enter('maskGenAlgorithm');
  const isMgf1 = mask.oid('algorithm') === MGF1_OID;
  const maskHash = hashOfOid(mask.enter('parameters').oid('algorithm'));
  return isMgf1 && maskHash === name ? name : undefined;
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
    const parameters = cursor.peek() === undefined ? undefined : cursor.any('parameters');
    const name = pssHash(parameters, structure);
    return name === undefined ? { scheme: 'other', name: 'RSASSA-PSS', oid } : { scheme: 'rsa-pss', hash: name, oid };
  }
  if (digest !== undefined && oid === KEY_OID.rsaEncryption) return { scheme: 'rsa-pkcs1', hash: digest, oid };
  if (digest !== undefined && oid === KEY_OID.ecPublicKey) return { scheme: 'ecdsa', hash: digest, oid };
  return { scheme: 'other', name: REFUSED_OID.get(oid) ?? oid, oid };
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
 * Whether `signature` signs the message. False, never an error, for a damaged signature, a key of another kind, or an
 * algorithm that is not accepted.
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

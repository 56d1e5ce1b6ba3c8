/** Public and private keys in their standard encodings: SubjectPublicKeyInfo, PKCS #8, PKCS #1, SEC 1, and PEM of these. */
import { primitives } from '#primitives';
import { concat, equalBytes, leftPad, toBigInt, trimLeadingZeros } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { type Asn1Cursor, type Asn1Value, contextTag, inside, oidOf, openAsn1, TAG } from './asn1.ts';
import { CURVE_OID, KEY_OID } from './asn1-oids.ts';
import { derBits, derContext, derInteger, derNull, derOctets, derOid, derSequence } from './asn1-write.ts';
import { CURVES } from './curves.ts';
import { ecKeyPair } from './ecdsa.ts';
import type { PrivateKey, PublicKey } from './keys-signature.ts';
import { decodePem, encodePem } from './pem.ts';
import type {
  EcPoint,
  EcPrivateKey,
  EcPublicKey,
  OidCurveName,
  RsaPrivateKey,
  RsaPublicKey,
  X509CurveName,
} from './primitives.ts';

export * from './keys-signature.ts';

/** Largest encoded key read: RSA-16384 needs some 10 KiB. */
const MAX_KEY = 64 * 1024;
/** Limits of RSA moduli in bytes: smaller ones cannot sign a SHA-256 digest, larger ones only waste time. */
const RSA_BYTES = { min: 64, max: 2048 } as const;

const CURVE_NAMES: readonly X509CurveName[] = ['P-256', 'P-384', 'P-521'];
/** Identifiers of RSA keys, and what they restrict them to. */
const RSA_KEYS: ReadonlyMap<string, Pick<RsaPublicKey, 'only'>> = new Map<string, Pick<RsaPublicKey, 'only'>>([
  [KEY_OID.rsaEncryption, {}],
  [KEY_OID.rsassaPss, { only: 'RSASSA-PSS' }],
  [KEY_OID.rsaesOaep, { only: 'RSAES-OAEP' }],
]);

/** Uncompressed form of a point (SEC 1, 2.3.3) with coordinates as they are. */
const uncompressed = ({ x, y }: EcPoint): Uint8Array => concat(new Uint8Array([4]), x, y);

const point = ({ curve, x, y }: EcPublicKey): Uint8Array => {
  const { size } = CURVES[curve];
  return uncompressed({ x: leftPad(x, size), y: leftPad(y, size) });
};

const ecSpki = (curve: OidCurveName, bits: Uint8Array): Uint8Array =>
  derSequence(derSequence(derOid(KEY_OID.ecPublicKey), derOid(CURVE_OID[curve])), derBits(bits));

/** {@link encodeSpki} of a point whose coordinates are written as long as they are, be it a point of the curve or not. */
export const encodeSpkiAsGiven = (curve: OidCurveName, coordinates: EcPoint): Uint8Array =>
  ecSpki(curve, uncompressed(coordinates));

/** DER of SubjectPublicKeyInfo (RFC 5280, 4.1). */
export function encodeSpki(key: RsaPublicKey | EcPublicKey<OidCurveName>): Uint8Array {
  if (key.kind === 'rsa') {
    const body = derSequence(derInteger(key.n), derInteger(key.e));
    return derSequence(derSequence(derOid(KEY_OID.rsaEncryption), derNull()), derBits(body));
  }
  return ecSpki(key.curve, point(key));
}

/** The bits inside SubjectPublicKeyInfo: RSAPublicKey or the uncompressed point; key identifiers hash these. */
export function publicKeyBits(key: PublicKey): Uint8Array {
  return key.kind === 'rsa' ? derSequence(derInteger(key.n), derInteger(key.e)) : point(key);
}

/** Reads DER of SubjectPublicKeyInfo. RSA (also under the PSS and OAEP identifiers) and the curves P-256, P-384, P-521. */
export function decodeSpki(bytes: Uint8Array): PublicKey {
  const outer = openAsn1(bytes, 'SubjectPublicKeyInfo', MAX_KEY);
  const value = outer.take('', TAG.SEQUENCE);
  outer.end();
  return readSpki(value);
}

/** {@link decodeSpki} for a value already found inside another structure. */
export function readSpki(value: Asn1Value): PublicKey {
  const fields = inside(value, 'SubjectPublicKeyInfo');
  const algorithm = fields.enter('algorithm');
  const offset = value.offset;
  const oid = algorithm.oid('algorithm');
  const rsa = RSA_KEYS.get(oid);
  if (rsa !== undefined) {
    return { ...readRsaPublic(openAsn1(fields.bits('subjectPublicKey'), 'RSAPublicKey', MAX_KEY)), ...rsa };
  }
  if (oid !== KEY_OID.ecPublicKey) throw fields.error('algorithm', `key algorithm ${oid} is not supported`, offset);
  const curve = readCurve(algorithm.take('parameters', TAG.OID), 'SubjectPublicKeyInfo');
  return readPoint(curve, fields.bits('subjectPublicKey'), value);
}

function readCurve(value: Asn1Value, structure: string): X509CurveName {
  const oid = oidOf(value, structure, 'parameters');
  const curve = CURVE_NAMES.find((name) => CURVE_OID[name] === oid);
  if (curve !== undefined) return curve;
  const problem = `curve ${oid} is not supported`;
  throw new FormatError({ structure, field: 'parameters', offset: value.offset, problem });
}

function readPoint(curve: X509CurveName, bytes: Uint8Array, at: Asn1Value): EcPublicKey<X509CurveName> {
  const { size } = CURVES[curve];
  const key: EcPublicKey<X509CurveName> = { kind: 'ec', curve, x: bytes.slice(1, 1 + size), y: bytes.slice(1 + size) };
  if (bytes[0] === 4 && bytes.length === 1 + 2 * size && primitives.ecOnCurve(curve, key)) return key;
  const problem = `not an uncompressed point of ${curve}`;
  throw new FormatError({ structure: 'SubjectPublicKeyInfo', field: 'subjectPublicKey', offset: at.offset, problem });
}

function readRsaPublic(outer: Asn1Cursor): RsaPublicKey {
  const fields = outer.enter('');
  outer.end();
  const key = readModulus(fields);
  fields.end();
  return key;
}

/** modulus and publicExponent, shared by RSAPublicKey and RSAPrivateKey. */
function readModulus(fields: Asn1Cursor): RsaPublicKey {
  const n = fields.unsigned('modulus').slice();
  const e = fields.unsigned('publicExponent');
  if (n.length < RSA_BYTES.min || n.length > RSA_BYTES.max) {
    throw fields.error('modulus', `${n.length * 8} bits, supported are ${RSA_BYTES.min * 8} to ${RSA_BYTES.max * 8}`);
  }
  const exponent = toBigInt(e);
  if (e.length > 4 || exponent < 3n || (exponent & 1n) === 0n || ((n[n.length - 1] ?? 0) & 1) === 0) {
    throw fields.error('publicExponent', `${exponent} with this modulus is no RSA key`);
  }
  return { kind: 'rsa', n, e: Number(exponent) };
}

/** The public half of a private key. */
export function publicOf(key: PrivateKey): PublicKey {
  return key.kind === 'rsa'
    ? { kind: 'rsa', n: key.n, e: key.e }
    : { kind: 'ec', curve: key.curve, x: key.x, y: key.y };
}

/** DER of PrivateKeyInfo (PKCS #8, RFC 5958), holding RSAPrivateKey or ECPrivateKey with the public point. */
export function encodePkcs8(key: PrivateKey): Uint8Array {
  if (key.kind === 'rsa') {
    const numbers = [key.n, key.e, key.d, key.p, key.q, key.dp, key.dq, key.qi].map((v) => derInteger(v));
    const body = derSequence(derInteger(0), ...numbers);
    return derSequence(derInteger(0), derSequence(derOid(KEY_OID.rsaEncryption), derNull()), derOctets(body));
  }
  const scalar = derOctets(leftPad(key.d, CURVES[key.curve].size));
  const body = derSequence(derInteger(1), scalar, derContext(1, derBits(point(key))));
  const algorithm = derSequence(derOid(KEY_OID.ecPublicKey), derOid(CURVE_OID[key.curve]));
  return derSequence(derInteger(0), algorithm, derOctets(body));
}

/** Reads DER of a private key: PKCS #8, PKCS #1 RSAPrivateKey or SEC 1 ECPrivateKey, told apart by their structure. */
export function decodePkcs8(bytes: Uint8Array): PrivateKey {
  const outer = openAsn1(bytes, 'PrivateKeyInfo', MAX_KEY);
  const value = outer.take('', TAG.SEQUENCE);
  outer.end();
  const fields = inside(value, 'PrivateKeyInfo');
  const version = fields.small('version', 1);
  if (fields.peek() === TAG.INTEGER) return readRsaPrivate(value);
  if (fields.peek() === TAG.OCTET_STRING && version === 1) return readEcPrivate(value, undefined);
  const algorithm = fields.enter('privateKeyAlgorithm');
  const oid = algorithm.oid('algorithm');
  const inner = openAsn1(fields.octets('privateKey'), 'PrivateKeyInfo.privateKey', MAX_KEY).take('', TAG.SEQUENCE);
  if (RSA_KEYS.has(oid)) return readRsaPrivate(inner);
  if (oid !== KEY_OID.ecPublicKey) throw fields.error('privateKeyAlgorithm', `key algorithm ${oid} is not supported`);
  return readEcPrivate(inner, readCurve(algorithm.take('parameters', TAG.OID), 'PrivateKeyInfo'));
}

function readRsaPrivate(value: Asn1Value): RsaPrivateKey {
  const fields = inside(value, 'RSAPrivateKey');
  fields.small('version', 1);
  const key = {
    ...readModulus(fields),
    d: fields.unsigned('privateExponent').slice(),
    p: fields.unsigned('prime1').slice(),
    q: fields.unsigned('prime2').slice(),
    dp: fields.unsigned('exponent1').slice(),
    dq: fields.unsigned('exponent2').slice(),
    qi: fields.unsigned('coefficient').slice(),
  };
  if (toBigInt(key.p) * toBigInt(key.q) !== toBigInt(key.n)) {
    throw fields.error('prime1', 'the primes do not multiply to the modulus', value.offset);
  }
  return key;
}

function readEcPrivate(value: Asn1Value, known: X509CurveName | undefined): EcPrivateKey<X509CurveName> {
  const fields = inside(value, 'ECPrivateKey');
  fields.small('version', 1);
  const scalar = trimLeadingZeros(fields.octets('privateKey'));
  const parameters = fields.optional('parameters', contextTag(0));
  const own = parameters && readCurve(inside(parameters, 'ECPrivateKey').take('parameters', TAG.OID), 'ECPrivateKey');
  const curve = known ?? own;
  if (curve === undefined) throw fields.error('parameters', 'no curve is named');
  const { size } = CURVES[curve];
  const key = scalar.length > size ? undefined : ecKeyPair(curve, leftPad(scalar, size));
  if (key === undefined) throw fields.error('privateKey', `out of range for ${curve}`, value.offset);
  const stated = fields.optional('publicKey', contextTag(1));
  if (stated !== undefined && !equalBytes(inside(stated, 'ECPrivateKey').bits('publicKey'), point(key))) {
    throw fields.error('publicKey', 'does not belong to the private key', stated.offset);
  }
  return key;
}

const PRIVATE_LABELS: readonly string[] = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'];

/** PEM of {@link encodePkcs8} (`PRIVATE KEY`). */
export const encodePrivateKeyPem = (key: PrivateKey): string => encodePem('PRIVATE KEY', encodePkcs8(key));

/** The first private key of a PEM text, in any of the unencrypted forms. */
export function decodePrivateKeyPem(text: string | Uint8Array): PrivateKey {
  const block = decodePem(text).find((b) => PRIVATE_LABELS.includes(b.label));
  if (block === undefined) {
    throw new FormatError({ structure: 'PEM', field: '', problem: 'no unencrypted private key in this text' });
  }
  return decodePkcs8(block.bytes);
}

/** PEM of {@link encodeSpki} (`PUBLIC KEY`). */
export const encodePublicKeyPem = (key: PublicKey): string => encodePem('PUBLIC KEY', encodeSpki(key));

/** The first public key of a PEM text. */
export function decodePublicKeyPem(text: string | Uint8Array): PublicKey {
  const block = decodePem(text).find((b) => b.label === 'PUBLIC KEY');
  if (block === undefined)
    throw new FormatError({ structure: 'PEM', field: '', problem: 'no public key in this text' });
  return decodeSpki(block.bytes);
}

/** Making X.509 certificates (RFC 5280). The same input gives the same bytes: serial, times and key come from the caller. */
import { concat } from '../bytes/bytes.ts';
import { EXTENSION_OID } from './asn1-oids.ts';
import {
  derBits,
  derBoolean,
  derContext,
  derImplicit,
  derInteger,
  derNamedBits,
  derOctets,
  derOid,
  derSequence,
  derTime,
} from './asn1-write.ts';
import { hash } from './hash.ts';
import {
  encodeSpki,
  type PrivateKey,
  type PublicKey,
  publicKeyBits,
  signatureAlgorithmDer,
  signMessage,
} from './keys.ts';
import type { HashName } from './primitives.ts';
import { type Extension, KEY_USAGES, type KeyUsage } from './x509.ts';
import { encodeGeneralName, encodeName, type GeneralNameInput, type NameInput } from './x509-name.ts';

/** What goes into a certificate. Times are milliseconds since 1970, whole seconds are kept. */
export interface CertificateInput {
  /** Positive; as bytes big-endian. */
  readonly serial: bigint | Uint8Array;
  readonly subject: NameInput;
  readonly issuer: NameInput;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: PublicKey;
  readonly extensions: readonly Extension[];
  /** Hash of the issuer's signature. */
  readonly hash: HashName;
}

/** DER of one extension (RFC 5280, 4.1). */
export function encodeExtension({ oid, critical, value }: Extension): Uint8Array {
  const flag = critical ? derBoolean(true) : new Uint8Array(0);
  return derSequence(derOid(oid), flag, derOctets(value));
}

/** DER of a version 3 certificate, signed with the issuer's key: PKCS #1 v1.5 or deterministic ECDSA. */
export function createCertificate(input: CertificateInput, issuerKey: PrivateKey): Uint8Array {
  const algorithm = signatureAlgorithmDer(issuerKey.kind, input.hash);
  const list = input.extensions.map(encodeExtension);
  const tbs = derSequence(
    derContext(0, derInteger(2)),
    derInteger(input.serial),
    algorithm,
    encodeName(input.issuer),
    derSequence(derTime(input.notBefore), derTime(input.notAfter)),
    encodeName(input.subject),
    encodeSpki(input.publicKey),
    list.length === 0 ? new Uint8Array(0) : derContext(3, derSequence(...list)),
  );
  return derSequence(tbs, algorithm, derBits(signMessage(issuerKey, input.hash, tbs)));
}

/** Any extension. `value` is the DER inside the OCTET STRING. */
export const rawExtension = (oid: string, value: Uint8Array, critical = false): Extension => ({ oid, critical, value });

/** basicConstraints, critical (RFC 5280, 4.2.1.9). */
export function basicConstraints(ca: boolean, pathLength?: number): Extension {
  const flag = ca ? derBoolean(true) : new Uint8Array(0);
  const length = pathLength === undefined ? new Uint8Array(0) : derInteger(pathLength);
  return rawExtension(EXTENSION_OID.basicConstraints, derSequence(flag, length), true);
}

/** keyUsage, critical (RFC 5280, 4.2.1.3). */
export function keyUsage(usages: readonly KeyUsage[]): Extension {
  const bits = usages.map((usage) => KEY_USAGES.indexOf(usage));
  return rawExtension(EXTENSION_OID.keyUsage, derNamedBits(bits), true);
}

/** extKeyUsage from OIDs (RFC 5280, 4.2.1.12). */
export function extendedKeyUsage(oids: readonly string[], critical = false): Extension {
  return rawExtension(EXTENSION_OID.extendedKeyUsage, derSequence(...oids.map(derOid)), critical);
}

/** Key identifier of a public key: SHA-1 of its bits (RFC 5280, 4.2.1.2, method 1). An identifier, not a security measure. */
export function keyIdentifier(key: PublicKey): Uint8Array {
  return hash('sha1', publicKeyBits(key));
}

/** subjectKeyIdentifier (RFC 5280, 4.2.1.2). */
export function subjectKeyIdentifier(key: PublicKey | Uint8Array): Extension {
  const id = key instanceof Uint8Array ? key : keyIdentifier(key);
  return rawExtension(EXTENSION_OID.subjectKeyIdentifier, derOctets(id));
}

/** authorityKeyIdentifier with the issuer's key identifier (RFC 5280, 4.2.1.1). */
export function authorityKeyIdentifier(key: PublicKey | Uint8Array): Extension {
  const id = key instanceof Uint8Array ? key : keyIdentifier(key);
  return rawExtension(EXTENSION_OID.authorityKeyIdentifier, derSequence(derImplicit(0, id)));
}

/** subjectAltName (RFC 5280, 4.2.1.6); critical where the subject is empty, as in endorsement key certificates. */
export function subjectAltName(names: readonly GeneralNameInput[], critical = false): Extension {
  const value = derSequence(concat(...names.map(encodeGeneralName)));
  return rawExtension(EXTENSION_OID.subjectAltName, value, critical);
}

/** certificatePolicies from OIDs, without qualifiers (RFC 5280, 4.2.1.4). */
export function certificatePolicies(oids: readonly string[], critical = false): Extension {
  const value = derSequence(...oids.map((oid) => derSequence(derOid(oid))));
  return rawExtension(EXTENSION_OID.certificatePolicies, value, critical);
}

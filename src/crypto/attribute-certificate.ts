/** Making X.509 attribute certificates (RFC 5755). The same input gives the same bytes: serial, times and key come from the caller. */
import { derBits, derContext, derGeneralizedTime, derInteger, derOid, derSequence, derSetOf } from './asn1-write.ts';
import { type PrivateKey, signatureAlgorithmDer, signMessage } from './keys.ts';
import type { HashName } from './primitives.ts';
import type { Extension } from './x509.ts';
import { encodeExtension } from './x509-build.ts';
import { encodeGeneralName, type NameInput } from './x509-name.ts';

/** One attribute with one value, a DER encoding. */
export interface Attribute {
  readonly oid: string;
  readonly value: Uint8Array;
}

/** What goes into an attribute certificate. Times are milliseconds since 1970, whole seconds are kept. */
export interface AttributeCertificateInput {
  /** Positive; as bytes big-endian. */
  readonly serial: bigint | Uint8Array;
  /** The certificate whose holder the attributes belong to (baseCertificateID). */
  readonly holder: { readonly issuer: NameInput; readonly serial: bigint | Uint8Array };
  readonly issuer: NameInput;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly attributes: readonly Attribute[];
  readonly extensions: readonly Extension[];
  /** Hash of the issuer's signature. */
  readonly hash: HashName;
}

const directoryNames = (name: NameInput): Uint8Array => encodeGeneralName({ kind: 'directory', name });

/** DER of a version 2 attribute certificate, signed with the issuer's key: PKCS #1 v1.5 or deterministic ECDSA. */
export function createAttributeCertificate(input: AttributeCertificateInput, issuerKey: PrivateKey): Uint8Array {
  const algorithm = signatureAlgorithmDer(issuerKey.kind, input.hash);
  const { holder } = input;
  const info = derSequence(
    // v2 is written as 1 (RFC 5755, 4.1).
    derInteger(1),
    derSequence(derContext(0, derSequence(directoryNames(holder.issuer)), derInteger(holder.serial))),
    derContext(0, derSequence(directoryNames(input.issuer))),
    algorithm,
    derInteger(input.serial),
    derSequence(derGeneralizedTime(input.notBefore), derGeneralizedTime(input.notAfter)),
    derSequence(...input.attributes.map(({ oid, value }) => derSequence(derOid(oid), derSetOf(value)))),
    derSequence(...input.extensions.map(encodeExtension)),
  );
  return derSequence(info, algorithm, derBits(signMessage(issuerKey, input.hash, info)));
}

/** The RSA key of a signing certificate, decoded once per certificate. */
import { FormatError } from '../bytes/errors.ts';
import { contextTag, openAsn1, TAG } from '../crypto/asn1.ts';
import { readSpki } from '../crypto/keys.ts';
import type { RsaPublicKey } from '../crypto/primitives.ts';

const MAX_CERTIFICATE = 1 << 16;
// The platform keeps an imported key for as long as its object lives, so the same certificate must give the same object.
const keys = new WeakMap<Uint8Array, RsaPublicKey>();

/** RSA public key of an X.509 certificate (RFC 5280, 4.1). Nothing else in it is looked at. Throws FormatError. */
export function certificateKey(certificate: Uint8Array): RsaPublicKey {
  const known = keys.get(certificate);
  if (known !== undefined) return known;
  const fields = openAsn1(certificate, 'Certificate', MAX_CERTIFICATE).enter('').enter('tbsCertificate');
  fields.optional('version', contextTag(0));
  fields.take('serialNumber', TAG.INTEGER);
  for (const field of ['signature', 'issuer', 'validity', 'subject']) fields.take(field, TAG.SEQUENCE);
  const key = readSpki(fields.take('subjectPublicKeyInfo', TAG.SEQUENCE));
  if (key.kind !== 'rsa') {
    throw new FormatError({ structure: 'Certificate', field: 'subjectPublicKeyInfo', problem: 'not an RSA key' });
  }
  keys.set(certificate, key);
  return key;
}

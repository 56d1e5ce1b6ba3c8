/** The member `sig.pkcs7` as DER: some tools of authors wrap it in PEM (RFC 7468, 8 and 9). */
import { fromLatin1 } from '../bytes/bytes.ts';
import { decodePem } from '../crypto/pem.ts';

const LABELS: readonly string[] = ['PKCS7', 'CMS'];

/** The DER of a signature; bytes that are no PEM stay as they are. Damaged PEM is a `FormatError`. */
export function signatureDer(bytes: Uint8Array): Uint8Array {
  if (!/^\s*-----BEGIN /.test(fromLatin1(bytes.subarray(0, 64)))) return bytes;
  return decodePem(bytes).find(({ label }) => LABELS.includes(label))?.bytes ?? bytes;
}

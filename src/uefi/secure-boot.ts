/**
 * Whether firmware starts an image with Secure Boot on: its signatures and digest against db and dbx (UEFI 2.10, 32.5.3.3;
 * certificate dates are not looked at, as in EDK II).
 */
import { equalBytes, toHex } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { type Certificate, parseCertificate } from '../crypto/x509.ts';
import { verifyChain } from '../crypto/x509-verify.ts';
import { type PeSignature, peImageHash, readPeSignatures } from './authenticode.ts';
import type { PeImage } from './pe.ts';
import { type SignatureEntry, signatureKind } from './signature-list.ts';

/** Why an image is refused. */
export type ImageProblem =
  | 'not-signed'
  | 'digest-forbidden'
  | 'certificate-forbidden'
  | 'bad-signature'
  | 'not-authorized';

/** The verdict. `authority` is the db entry that allowed the image: what PCR 7 records once. */
export type ImageVerdict =
  | { readonly ok: true; readonly digest: Uint8Array; readonly authority: SignatureEntry }
  | { readonly ok: false; readonly digest: Uint8Array; readonly code: ImageProblem; readonly message: string };

/** Checks an image against the parsed contents of db and dbx. Never throws on a bad image signature. */
export function verifyImage(
  image: PeImage,
  db: readonly SignatureEntry[],
  dbx: readonly SignatureEntry[] = [],
): ImageVerdict {
  const digest = peImageHash(image, 'sha256');
  const refuse = (code: ImageProblem, message: string): ImageVerdict => ({ ok: false, digest, code, message });
  if (findDigest(dbx, digest) !== undefined) {
    return refuse('digest-forbidden', `image digest ${toHex(digest)} is in dbx`);
  }
  const entries = readPeSignatures(image);
  let best = refuse(
    entries.length === 0 ? 'not-signed' : 'not-authorized',
    entries.length === 0
      ? 'image is not signed and its digest is not in db'
      : 'no signature leads to a certificate in db',
  );
  for (const entry of entries) {
    if (!entry.ok) {
      best = refuse('bad-signature', entry.problem);
      continue;
    }
    const bad = signatureProblem(entry.signature);
    if (bad !== undefined) {
      best = refuse('bad-signature', bad);
      continue;
    }
    const forbidden = findAuthority(entry.signature, dbx);
    if (forbidden !== undefined) return refuse('certificate-forbidden', 'a certificate of the signature is in dbx');
    const authority = findAuthority(entry.signature, db);
    if (authority !== undefined) return { ok: true, digest, authority };
  }
  const authority = findDigest(db, digest);
  return authority === undefined ? best : { ok: true, digest, authority };
}

function findDigest(database: readonly SignatureEntry[], digest: Uint8Array): SignatureEntry | undefined {
  return database.find((entry) => signatureKind(entry) === 'sha256' && equalBytes(entry.data, digest));
}

function signatureProblem(signature: PeSignature): string | undefined {
  if (!signature.digestOk) return 'the signed digest is not the digest of the image';
  const bad = signature.signers.find((signer) => !signer.ok);
  if (signature.signers.length === 0) return 'no signer';
  return bad === undefined ? undefined : `signature of ${bad.identifier}: ${bad.problem}`;
}

/** The database entry whose certificate the signer's chain reaches; intermediates may be anchors as well. */
function findAuthority(signature: PeSignature, database: readonly SignatureEntry[]): SignatureEntry | undefined {
  const anchors = database.flatMap((entry) => {
    const certificate = signatureKind(entry) === 'x509' ? tryCertificate(entry.data) : undefined;
    return certificate === undefined ? [] : [{ entry, certificate }];
  });
  const roots = anchors.map((anchor) => anchor.certificate);
  for (const { certificate } of signature.signers) {
    if (certificate === undefined) continue;
    const chain = verifyChain(certificate, signature.certificates, roots, { time: 'ignore' });
    const end = chain.ok ? chain.path.at(-1) : undefined;
    const found = end && anchors.find((anchor) => equalBytes(anchor.certificate.der, end.der));
    if (found !== undefined) return found.entry;
  }
  return undefined;
}

function tryCertificate(bytes: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(bytes);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/**
 * Authenticode signatures of PE images (Microsoft "Windows Authenticode Portable Executable Signature Format"; UEFI 2.10,
 * 32.2.4): the image hash, embedding a PKCS #7 signature, and reading embedded ones.
 */
import { concat, equalBytes, latin1 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { openAsn1, TAG } from '../crypto/asn1.ts';
import { HASH_OID } from '../crypto/asn1-oids.ts';
import { der, derContext, derImplicit, derNull, derOctets, derOid, derSequence } from '../crypto/asn1-write.ts';
import { type CmsSignerCheck, createSignedData, verifySignedData } from '../crypto/cms.ts';
import { createHash } from '../crypto/hash.ts';
import { hashOfOid, type PrivateKey } from '../crypto/keys.ts';
import type { HashName } from '../crypto/primitives.ts';
import type { Certificate } from '../crypto/x509.ts';
import { type PeImage, parsePe, rawOrder } from './pe.ts';

const SPC_INDIRECT_DATA = '1.3.6.1.4.1.311.2.1.4';
const SPC_PE_IMAGE_DATA = '1.3.6.1.4.1.311.2.1.15';
const REVISION = 0x0200;
const TYPE_PKCS_SIGNED_DATA = 0x0002;
const WIN_CERTIFICATE_HEADER = 8;
const MAX_SIGNATURES = 16;

/**
 * Hash of an image: everything except its checksum, the certificate directory entry and the certificate table. This is
 * what PCR 4 and PCR 2 measure and what db and dbx digests name.
 */
export function peImageHash(image: PeImage, name: HashName): Uint8Array {
  const { bytes, checksumOffset, certificateDirectoryOffset: directory, sizeOfHeaders } = image;
  const h = createHash(name);
  h.update(bytes.subarray(0, checksumOffset));
  h.update(bytes.subarray(checksumOffset + 4, directory ?? sizeOfHeaders));
  if (directory !== undefined) h.update(bytes.subarray(directory + 8, sizeOfHeaders));
  let hashed = sizeOfHeaders;
  for (const { rawOffset, rawSize } of rawOrder(image)) {
    h.update(bytes.subarray(rawOffset, rawOffset + rawSize));
    hashed += rawSize;
  }
  // Whatever follows by size (not by place) and is not the certificate table.
  h.update(bytes.subarray(hashed, Math.max(hashed, bytes.length - image.certificates.size)));
  return h.digest();
}

/** SpcIndirectDataContent naming the digest of an image. */
function indirectData(digest: Uint8Array, name: HashName): Uint8Array {
  // An obsolete file link that every signer still writes: flags (empty BIT STRING), then the BMPString.
  const text = latin1(Array.from('<<<Obsolete>>>', (c) => `\0${c}`).join(''));
  const link = derContext(0, derContext(2, derImplicit(0, text)));
  const imageData = derSequence(der(TAG.BIT_STRING, new Uint8Array(1)), link);
  return derSequence(
    derSequence(derOid(SPC_PE_IMAGE_DATA), imageData),
    derSequence(derSequence(derOid(HASH_OID[name]), derNull()), derOctets(digest)),
  );
}

/** Who signs an image. */
export interface PeSigner {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
  /** Carried besides the signer's own, e.g. its issuer. */
  readonly certificates?: readonly Certificate[];
  /** Default sha256, the one that firmware must know. */
  readonly hash?: HashName;
}

/** The image with one more signature at the end of its certificate table. Deterministic. Throws FormatError. */
export function signPe(bytes: Uint8Array, signer: PeSigner): Uint8Array {
  // The table starts 8-aligned; the padding becomes part of the image and so of its hash.
  const padded = bytes.length % 8 === 0 ? bytes : concat(bytes, new Uint8Array(8 - (bytes.length % 8)));
  const image = parsePe(padded);
  const directory = image.certificateDirectoryOffset;
  if (directory === undefined) throw new InputError('PE image: no certificate directory');
  const name = signer.hash ?? 'sha256';
  const signature = createSignedData({
    content: indirectData(peImageHash(image, name), name),
    contentType: SPC_INDIRECT_DATA,
    encapsulation: 'der',
    signers: [{ certificate: signer.certificate, key: signer.key, hash: name }],
    ...(signer.certificates === undefined ? {} : { certificates: signer.certificates }),
  });
  const entry = new ByteWriter('little', signature.length + 16);
  entry
    .u32(WIN_CERTIFICATE_HEADER + signature.length)
    .u16(REVISION)
    .u16(TYPE_PKCS_SIGNED_DATA);
  const table = entry.bytes(signature).align(8).finish();
  const out = concat(padded, table);
  const view = new DataView(out.buffer);
  view.setUint32(directory, image.certificates.size > 0 ? image.certificates.offset : padded.length, true);
  view.setUint32(directory + 4, image.certificates.size + table.length, true);
  view.setUint32(image.checksumOffset, peChecksum(out, image.checksumOffset), true);
  return out;
}

/** PE checksum: 16-bit one's complement sum of the file, the field itself as zero, plus the file's length. */
function peChecksum(bytes: Uint8Array, field: number): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    if (at === field || at === field + 2) continue;
    sum += (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return ((sum & 0xffff) + bytes.length) >>> 0;
}

/** One embedded signature, its CMS part checked. */
export interface PeSignature {
  /** Digest that the signature states for the image. */
  readonly digest: Uint8Array;
  readonly hash: HashName;
  /** The stated digest is the image's. */
  readonly digestOk: boolean;
  readonly certificates: readonly Certificate[];
  readonly signers: readonly CmsSignerCheck[];
}

/** An entry of the certificate table: a signature, or why it is none. */
export type PeSignatureEntry =
  | { readonly ok: true; readonly signature: PeSignature }
  | { readonly ok: false; readonly problem: string };

/** All embedded signatures of an image in table order. A damaged table ends the list with a problem. Never throws. */
export function readPeSignatures(image: PeImage): PeSignatureEntry[] {
  const { offset, size } = image.certificates;
  if (size === 0) return [];
  const r = new ByteReader(image.bytes.subarray(offset, offset + size), 'WIN_CERTIFICATE', 'little', offset);
  const out: PeSignatureEntry[] = [];
  while (r.remaining >= WIN_CERTIFICATE_HEADER && out.length < MAX_SIGNATURES) {
    try {
      out.push({ ok: true, signature: readEntry(image, r) });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      out.push({ ok: false, problem: error.message });
    }
  }
  return out;
}

function readEntry(image: PeImage, r: ByteReader): PeSignature {
  const at = r.offset;
  const length = r.u32('dwLength');
  const revision = r.u16('wRevision');
  const type = r.u16('wCertificateType');
  if (length < WIN_CERTIFICATE_HEADER || length - WIN_CERTIFICATE_HEADER > r.remaining) {
    const problem = r.error('dwLength', `${length} is not in ${WIN_CERTIFICATE_HEADER}…${r.remaining + 8}`, at);
    r.rest();
    throw problem;
  }
  const body = r.bytes('bCertificate', length - WIN_CERTIFICATE_HEADER);
  r.skip('padding', Math.min(r.remaining, (8 - (length % 8)) % 8));
  if (revision !== REVISION || type !== TYPE_PKCS_SIGNED_DATA) {
    throw r.error('wCertificateType', `revision ${revision} type ${type} is not PKCS #7 SignedData`, at + 4);
  }
  // Signers pad the DER with zeros inside dwLength; its own length says where it ends.
  const signedData = verifySignedData(openAsn1(body, 'WIN_CERTIFICATE', body.length).take('', TAG.SEQUENCE).raw);
  if (signedData.contentType !== SPC_INDIRECT_DATA) {
    throw r.error('bCertificate', `signs ${signedData.contentType}, not an image digest`, at + 8);
  }
  const fields = openAsn1(signedData.content ?? new Uint8Array(0), 'SpcIndirectDataContent', body.length);
  fields.take('data', TAG.SEQUENCE);
  const info = fields.enter('messageDigest');
  const name = hashOfOid(info.enter('digestAlgorithm').oid('algorithm'));
  if (name === undefined) throw info.error('digestAlgorithm', 'digest is not accepted');
  const digest = info.octets('digest');
  const digestOk = equalBytes(digest, peImageHash(image, name));
  return { digest, hash: name, digestOk, certificates: signedData.certificates, signers: signedData.signers };
}

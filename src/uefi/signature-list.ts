/**
 * EFI_SIGNATURE_LIST and EFI_SIGNATURE_DATA (UEFI 2.10, 32.4.1): the contents of PK, KEK, db and dbx.
 * Integers little-endian.
 */
import { equalBytes } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { GUID_SIZE, guid, guidText } from './guid.ts';

/** EFI_CERT_X509_GUID: one DER certificate per list. */
export const CERT_X509_GUID = guid('a5c059a1-94e4-4aa7-87b5-ab155c2bf072');
/** EFI_CERT_SHA256_GUID: Authenticode SHA-256 digests of images. */
export const CERT_SHA256_GUID = guid('c1c41626-504c-4092-aca9-41f936934328');

/** Limits of this reader. */
export const SIGNATURE_DATABASE_MAX = 1 << 20;
const MAX_SIGNATURES = 1 << 14;
const HEADER_SIZE = 28;

/** One entry of a database. */
export interface SignatureEntry {
  /** Type of its list as GUID text; see {@link signatureKind}. */
  readonly type: string;
  /** SignatureOwner, 16 bytes. */
  readonly owner: Uint8Array;
  /** Certificate or digest. */
  readonly data: Uint8Array;
  /** The whole EFI_SIGNATURE_DATA (owner and data): what an EV_EFI_VARIABLE_AUTHORITY event holds. */
  readonly raw: Uint8Array;
}

/** What an entry's data is. */
export function signatureKind(entry: SignatureEntry): 'x509' | 'sha256' | 'other' {
  const type = guid(entry.type);
  return equalBytes(type, CERT_X509_GUID) ? 'x509' : equalBytes(type, CERT_SHA256_GUID) ? 'sha256' : 'other';
}

/** Reads the data of PK, KEK, db or dbx: any number of lists, each with equally long entries. Throws FormatError. */
export function parseSignatureDatabase(bytes: Uint8Array): SignatureEntry[] {
  const r = new ByteReader(bytes, 'EFI_SIGNATURE_LIST', 'little');
  if (bytes.length > SIGNATURE_DATABASE_MAX) throw r.error('', `longer than ${SIGNATURE_DATABASE_MAX} bytes`);
  const out: SignatureEntry[] = [];
  while (r.remaining > 0) {
    const at = r.offset;
    const type = guidText(r.bytes('SignatureType', GUID_SIZE));
    const listSize = r.u32('SignatureListSize');
    const headerSize = r.u32('SignatureHeaderSize');
    const size = r.u32('SignatureSize');
    const room = listSize - HEADER_SIZE - headerSize;
    if (room < 0) throw r.error('SignatureListSize', `${listSize} is less than its header`, at + 16);
    if (size <= GUID_SIZE) throw r.error('SignatureSize', `${size}, expected more than ${GUID_SIZE}`, at + 24);
    if (room % size !== 0) throw r.error('SignatureSize', `${room} bytes are not a multiple of ${size}`, at + 24);
    r.skip('SignatureHeader', headerSize);
    for (let n = room / size; n > 0; n--) {
      if (out.length >= MAX_SIGNATURES) throw r.error('Signatures', `more than ${MAX_SIGNATURES} entries`);
      const raw = r.bytes('Signatures', size);
      out.push({ type, owner: raw.subarray(0, GUID_SIZE), data: raw.subarray(GUID_SIZE), raw });
    }
  }
  return out;
}

/** One list to write; its entries must be of one length (RangeError). */
export interface SignatureListInput {
  readonly type: Uint8Array;
  readonly entries: readonly { readonly owner: Uint8Array; readonly data: Uint8Array }[];
}

/** Bytes of a database. */
export function buildSignatureDatabase(lists: readonly SignatureListInput[]): Uint8Array {
  const w = new ByteWriter('little', 4096);
  for (const { type, entries } of lists) {
    const size = GUID_SIZE + (entries[0]?.data.length ?? 0);
    w.bytes(type)
      .u32(HEADER_SIZE + size * entries.length)
      .u32(0)
      .u32(size);
    for (const { owner, data } of entries) {
      if (owner.length + data.length !== size) throw new RangeError('signature entries of different lengths');
      w.bytes(owner).bytes(data);
    }
  }
  return w.finish();
}

/** A database of certificates, one list each as firmware writes it. */
export function certificateDatabase(owner: Uint8Array, certificates: readonly Uint8Array[]): Uint8Array {
  return buildSignatureDatabase(certificates.map((data) => ({ type: CERT_X509_GUID, entries: [{ owner, data }] })));
}

/** A database of SHA-256 image digests in one list; empty bytes where there are none. */
export function digestDatabase(owner: Uint8Array, digests: readonly Uint8Array[]): Uint8Array {
  if (digests.length === 0) return new Uint8Array(0);
  return buildSignatureDatabase([{ type: CERT_SHA256_GUID, entries: digests.map((data) => ({ owner, data })) }]);
}

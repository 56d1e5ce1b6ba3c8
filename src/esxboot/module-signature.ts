/**
 * Attached module signatures (facts: esxi-measured-boot §5). A signed module of length L, decompressed, ends with:
 *
 *     … module …  [schema data]  u32 schema | key id 16, RSA signature | u32 sigLen | u32 magic 0x1ABE11ED
 *
 * The signature (RSA PKCS #1 v1.5, digest chosen by the key) covers everything before the key id, schema number included.
 * A bad module is a value with a code, never an exception.
 */
import { concat } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { hash } from '../crypto/hash.ts';
import type { HashName, RsaPrivateKey, RsaPublicKey } from '../crypto/primitives.ts';
import { signPkcs1, verifyPkcs1 } from '../crypto/rsa.ts';
import { parseCertificate } from '../crypto/x509.ts';
import { decodeKeyId, encodeKeyId, KEY_ID_SIZE, type ModuleKey } from './key-table.ts';

/** Last word of a signed module: bytes `ed 11 be 1a`. */
export const SIGNATURE_MAGIC = 0x1abe11ed;
/** sigLen and magic. */
const FOOTER_SIZE = 8;
const SCHEMA_SIZE = 4;

/** Why a signature is not good. `unsigned`: no trailer at all. */
export type SignatureProblem =
  | 'unsigned'
  | 'bad-length'
  | 'unknown-key'
  | 'key-unusable'
  | 'key-size-mismatch'
  | 'wrong-schema'
  | 'bad-signature';

/** A trailer as it stands in the module; nothing in it is verified. */
export interface SignatureTrailer {
  readonly schema: number;
  readonly keyId: string;
  /** RSA signature without the key id. */
  readonly signature: Uint8Array;
  /** What the signature covers: module, optional schema data and schema number. */
  readonly signedData: Uint8Array;
}

/** Result of {@link parseTrailer}. */
export type TrailerResult =
  | { readonly ok: true; readonly trailer: SignatureTrailer }
  | { readonly ok: false; readonly code: 'unsigned' | 'bad-length'; readonly detail: string };

/** Finds the trailer of a decompressed module. Never throws. */
export function parseTrailer(module: Uint8Array): TrailerResult {
  const size = module.length;
  const length = footerLength(module.subarray(Math.max(size - FOOTER_SIZE, 0)), size);
  if (typeof length !== 'number') return length;
  const start = size - FOOTER_SIZE - length;
  const bare = decodeTrailer(module.subarray(start - SCHEMA_SIZE, start + length));
  return { ok: true, trailer: { ...bare, signedData: module.subarray(0, start) } };
}

/** sigLen of the footer of a module of `size` bytes, or why there is no usable one. */
function footerLength(footer: Uint8Array, size: number): number | Extract<TrailerResult, { ok: false }> {
  const view = new DataView(footer.buffer, footer.byteOffset, footer.byteLength);
  if (footer.length < FOOTER_SIZE || view.getUint32(4, true) !== SIGNATURE_MAGIC) {
    return { ok: false, code: 'unsigned', detail: 'no signature trailer' };
  }
  const length = view.getUint32(0, true);
  const room = size - FOOTER_SIZE - SCHEMA_SIZE;
  if (length > KEY_ID_SIZE && length <= room) return length;
  return { ok: false, code: 'bad-length', detail: `signature of ${length} bytes, ${Math.max(room, 0)} available` };
}

/** Schema number, key id and signature from the bytes between the module and the footer. */
function decodeTrailer(bytes: Uint8Array): BareTrailer {
  const [keyAt, signatureAt] = [SCHEMA_SIZE, SCHEMA_SIZE + KEY_ID_SIZE];
  return {
    schema: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true),
    keyId: decodeKeyId(bytes.subarray(keyAt, signatureAt)),
    signature: bytes.subarray(signatureAt),
  };
}

/** The module without its trailer (schema number removed too); the module itself where it has none. */
export function stripTrailer(module: Uint8Array): Uint8Array {
  const parsed = parseTrailer(module);
  return parsed.ok ? parsed.trailer.signedData.subarray(0, -SCHEMA_SIZE) : module;
}

/** What signs a module. */
export interface ModuleSigner {
  readonly keyId: string;
  readonly digest: HashName;
  readonly key: RsaPrivateKey;
}

/** The module with schema number, signature and footer appended. */
export function signModule(module: Uint8Array, signer: ModuleSigner, schema: number): Uint8Array {
  const data = concat(module, new ByteWriter('little', 4).u32(schema).finish());
  const signature = signPkcs1(signer.key, signer.digest, hash(signer.digest, data));
  const footer = new ByteWriter('little', FOOTER_SIZE).u32(KEY_ID_SIZE + signature.length).u32(SIGNATURE_MAGIC);
  return concat(data, encodeKeyId(signer.keyId), signature, footer.finish());
}

/** Result of {@link verifyModule}. `signer` is set as soon as key id and length are accepted: that is what gets measured. */
export interface ModuleVerification {
  readonly ok: boolean;
  readonly code: 'ok' | SignatureProblem;
  readonly detail: string;
  readonly schema: number | undefined;
  readonly keyId: string | undefined;
  readonly signer: ModuleKey | undefined;
}

/** A trailer without what it covers. */
type BareTrailer = Omit<SignatureTrailer, 'signedData'>;

/** What is left to do after everything but the signature itself was found good. */
interface Pending {
  readonly digest: HashName;
  /** The verdict, once the digest of the signed data is known. */
  finish(digest: Uint8Array): ModuleVerification;
}

/** The checks in mboot's order: key id, length, schema (where `schema` is given); the signature is left to the caller. */
function judgeTrailer(
  trailer: BareTrailer,
  keys: readonly ModuleKey[],
  schema: number | undefined,
): ModuleVerification | Pending {
  const about = { schema: trailer.schema, keyId: trailer.keyId };
  const fail = (code: SignatureProblem, detail: string, signer?: ModuleKey): ModuleVerification => ({
    ok: false,
    code,
    detail,
    ...about,
    signer,
  });
  const entry = keys.find((key) => key.keyId === trailer.keyId);
  if (entry === undefined) return fail('unknown-key', `key ${JSON.stringify(trailer.keyId)} is not in the key table`);
  const key = tryCertificateKey(entry.certificate);
  if (key === undefined) return fail('key-unusable', `certificate of key ${entry.keyId} holds no RSA key`);
  if (trailer.signature.length !== key.n.length) {
    return fail('key-size-mismatch', `signature of ${trailer.signature.length} bytes, key of ${key.n.length}`);
  }
  if (schema !== undefined && trailer.schema !== schema) {
    return fail('wrong-schema', `schema ${trailer.schema}, module 0 has ${schema}`, entry);
  }
  return {
    digest: entry.digest,
    finish: (digest) =>
      verifyPkcs1(key, entry.digest, digest, trailer.signature)
        ? { ok: true, code: 'ok', detail: `signed by ${entry.keyId}`, ...about, signer: entry }
        : fail('bad-signature', `signature by ${entry.keyId} does not match the module`, entry),
  };
}

function untrailed({ code, detail }: Extract<TrailerResult, { ok: false }>): ModuleVerification {
  return { ok: false, code, detail, schema: undefined, keyId: undefined, signer: undefined };
}

/**
 * Checks the trailer of a decompressed module against a key table, in mboot's order: trailer, key id, length, schema
 * (where `schema` is given), signature. Never throws on a bad module. Certificate validity dates are not looked at.
 */
export function verifyModule(module: Uint8Array, keys: readonly ModuleKey[], schema?: number): ModuleVerification {
  const parsed = parseTrailer(module);
  if (!parsed.ok) return untrailed(parsed);
  const judged = judgeTrailer(parsed.trailer, keys, schema);
  return 'finish' in judged ? judged.finish(hash(judged.digest, parsed.trailer.signedData)) : judged;
}

/** A decompressed module that is not in memory. */
export interface ModuleStream {
  /** Bytes. */
  readonly size: number;
  /** A range within the module. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Digest of its first `length` bytes. */
  digestOf(name: HashName, length: number): Promise<Uint8Array>;
}

/** A module that is in memory, as a stream. */
export function moduleStream(module: Uint8Array): ModuleStream {
  return {
    size: module.length,
    read: async (offset, length) => module.subarray(offset, offset + length),
    digestOf: async (name, length) => hash(name, module.subarray(0, length)),
  };
}

/** Reads the trailer of a streamed module: as {@link parseTrailer}, with the number of bytes the signature covers. */
export async function readTrailer(
  module: ModuleStream,
): Promise<Extract<TrailerResult, { ok: false }> | { ok: true; trailer: BareTrailer; covered: number }> {
  const footer = await module.read(Math.max(module.size - FOOTER_SIZE, 0), Math.min(module.size, FOOTER_SIZE));
  const length = footerLength(footer, module.size);
  if (typeof length !== 'number') return length;
  const covered = module.size - FOOTER_SIZE - length;
  const bytes = await module.read(covered - SCHEMA_SIZE, SCHEMA_SIZE + length);
  return { ok: true, trailer: decodeTrailer(bytes), covered };
}

/** {@link verifyModule} for a module that is not in memory. */
export async function verifyModuleStream(
  module: ModuleStream,
  keys: readonly ModuleKey[],
  schema?: number,
): Promise<ModuleVerification> {
  const parsed = await readTrailer(module);
  if (!parsed.ok) return untrailed(parsed);
  const judged = judgeTrailer(parsed.trailer, keys, schema);
  return 'finish' in judged ? judged.finish(await module.digestOf(judged.digest, parsed.covered)) : judged;
}

// The platform keeps an imported key for as long as its object lives: one certificate must always give the same object.
const certificateKeys = new WeakMap<Uint8Array, RsaPublicKey>();

function tryCertificateKey(certificate: Uint8Array): RsaPublicKey | undefined {
  const known = certificateKeys.get(certificate);
  if (known !== undefined) return known;
  try {
    const key = parseCertificate(certificate).publicKey;
    if (key.kind !== 'rsa') return undefined;
    certificateKeys.set(certificate, key);
    return key;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/**
 * The table of keys that a boot program trusts for attached module signatures. It is compiled into `mboot64.efi` (PE
 * section `.vmkeys`) and into the VMkernel `k` (ELF section `.vmkeys`), so a simulated loader takes its trust from its
 * own bytes. The layout is ours (docs/assumptions-boot-image.md); all integers little-endian:
 *
 *     0  8  magic "VMKEYTAB"        then per key, 8-aligned:  0  16  key id, ASCII, NUL padded
 *     8  4  version, 1                                       16   4  digest: TPM_ALG_ID (0x000B SHA-256, 0x000D SHA-512)
 *    12  4  number of keys                                   20   4  n, size of the certificate
 *                                                            24   n  certificate, DER
 */
import { equalBytes, fromLatin1, latin1 } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import type { HashName } from '../crypto/primitives.ts';

/** Name of the PE and ELF section that holds the table. */
export const KEY_TABLE_SECTION = '.vmkeys';
/** Size of a key id in bytes. */
export const KEY_ID_SIZE = 16;
/** Most keys in a table and most bytes of one certificate. */
export const KEY_TABLE_MAX_KEYS = 64;
export const KEY_TABLE_MAX_CERTIFICATE = 1 << 14;

const MAGIC = latin1('VMKEYTAB');
const VERSION = 1;
const DIGESTS: readonly (readonly [number, HashName])[] = [
  [0x0004, 'sha1'],
  [0x000b, 'sha256'],
  [0x000c, 'sha384'],
  [0x000d, 'sha512'],
];

/** One trusted key. */
export interface ModuleKey {
  /** Key id without its NUL padding, e.g. `esxsim_test67`. */
  readonly keyId: string;
  /** Digest that this key signs. */
  readonly digest: HashName;
  /** X.509 certificate, DER: its bytes are what the signer event measures. */
  readonly certificate: Uint8Array;
}

/** The 16 bytes of a key id. Longer ids and non-ASCII characters are a caller's mistake (RangeError). */
export function encodeKeyId(keyId: string): Uint8Array {
  if (keyId.length > KEY_ID_SIZE || !/^[\x21-\x7e]+$/.test(keyId)) throw new RangeError(`key id ${keyId}`);
  const out = new Uint8Array(KEY_ID_SIZE);
  out.set(latin1(keyId));
  return out;
}

/** Text of 16 key id bytes up to the first NUL. */
export function decodeKeyId(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return fromLatin1(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Bytes of a table. */
export function buildKeyTable(keys: readonly ModuleKey[]): Uint8Array {
  const w = new ByteWriter('little', 4096);
  w.bytes(MAGIC).u32(VERSION).u32(keys.length);
  for (const key of keys) {
    const digest = DIGESTS.find(([, name]) => name === key.digest);
    w.bytes(encodeKeyId(key.keyId)).u32(digest?.[0] ?? 0);
    w.u32(key.certificate.length).bytes(key.certificate).align(8);
  }
  return w.finish();
}

/** Reads a table; bytes after it (section padding) are ignored. Throws FormatError. */
export function parseKeyTable(bytes: Uint8Array): ModuleKey[] {
  const r = new ByteReader(bytes, 'key table', 'little');
  if (!equalBytes(r.bytes('magic', 8), MAGIC)) throw r.error('magic', 'not a key table', 0);
  const version = r.u32('version');
  if (version !== VERSION) throw r.error('version', `${version}, expected ${VERSION}`, 8);
  const count = r.u32('count');
  if (count > KEY_TABLE_MAX_KEYS) throw r.error('count', `${count} exceeds the limit of ${KEY_TABLE_MAX_KEYS}`, 12);
  return Array.from({ length: count }, (_, i) => {
    const at = r.offset;
    const keyId = decodeKeyId(r.bytes(`keys[${i}].keyId`, KEY_ID_SIZE));
    const algorithm = r.u32(`keys[${i}].digest`);
    const digest = DIGESTS.find(([id]) => id === algorithm)?.[1];
    if (digest === undefined)
      throw r.error(`keys[${i}].digest`, `unknown algorithm 0x${algorithm.toString(16)}`, at + 16);
    const size = r.u32(`keys[${i}].certificateSize`);
    if (size > KEY_TABLE_MAX_CERTIFICATE) {
      throw r.error(`keys[${i}].certificateSize`, `${size} exceeds the limit of ${KEY_TABLE_MAX_CERTIFICATE}`, at + 20);
    }
    const certificate = r.bytes(`keys[${i}].certificate`, size);
    r.skip(`keys[${i}].padding`, Math.min(r.remaining, (8 - (size % 8)) % 8));
    return { keyId, digest, certificate };
  });
}

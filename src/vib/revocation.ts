/**
 * Revocation lists: certificates that no signature may rest on, by SHA-256 fingerprint or by serial number. A text with one
 * entry per line; VMware publishes no such list for VIBs, the form is ours (docs/vib-signing.md).
 */
import { toHex, tryFromUtf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import type { Certificate } from '../crypto/x509.ts';

/** Entries in lower-case hexadecimal without leading zero bytes in serials. */
export interface RevocationList {
  readonly fingerprints: ReadonlySet<string>;
  readonly serials: ReadonlySet<string>;
}

/** Bytes of a SHA-256 fingerprint, and of the longest serial number (RFC 5280, 4.1.2.2; a sign byte may precede). */
const FINGERPRINT = 32;
const MAX_SERIAL = 21;
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_ENTRIES = 65_536;

const plainSerial = (hex: string): string => hex.replace(/^(00)+(?=..)/, '');

/** One entry into its set; colons and the case of digits do not matter. */
function entry(text: string): { kind: 'fingerprint' | 'serial'; value: string } | undefined {
  const found = /^(?:(sha256|serial):)?([0-9a-fA-F:]+)$/.exec(text);
  const digits = (found?.[2] ?? '').replaceAll(':', '').toLowerCase();
  if (digits === '') return undefined;
  const value = digits.length % 2 === 0 ? digits : `0${digits}`;
  const size = value.length / 2;
  const kind = found?.[1] === 'serial' || (found?.[1] === undefined && size !== FINGERPRINT) ? 'serial' : 'fingerprint';
  if (kind === 'fingerprint') return size === FINGERPRINT ? { kind, value } : undefined;
  return size <= MAX_SERIAL ? { kind, value: plainSerial(value) } : undefined;
}

/** Whether a text can be an entry of a list. */
export const isRevocationEntry = (text: string): boolean => entry(text.trim()) !== undefined;

/** The list of these entries; an entry that is none is a FormatError naming its place. */
export function revocationList(entries: readonly string[]): RevocationList {
  const sets = { fingerprint: new Set<string>(), serial: new Set<string>() };
  for (const [i, text] of entries.entries()) {
    const found = entry(text.trim());
    if (found === undefined) {
      const problem = `${JSON.stringify(text.slice(0, 80))} is neither a SHA-256 fingerprint nor a serial number in hexadecimal`;
      throw new FormatError({ structure: 'revocation list', field: `entry ${i + 1}`, problem });
    }
    sets[found.kind].add(found.value);
  }
  return { fingerprints: sets.fingerprint, serials: sets.serial };
}

/** Reads a list: UTF-8 text, one entry per line, `#` starts a comment. */
export function parseRevocationList(bytes: Uint8Array): RevocationList {
  const fail = (field: string, problem: string) => new FormatError({ structure: 'revocation list', field, problem });
  const text = bytes.length > MAX_BYTES ? undefined : tryFromUtf8(bytes);
  if (text === undefined) throw fail('', `is not UTF-8 text of at most ${MAX_BYTES} bytes`);
  const lines = text.split('\n').map((line) => (line.split('#', 1)[0] ?? '').trim());
  const entries = lines.filter((line) => line !== '');
  if (entries.length > MAX_ENTRIES) throw fail('', `more than ${MAX_ENTRIES} entries`);
  return revocationList(entries);
}

/** Whether a certificate is on the list. */
export function isRevoked({ fingerprints, serials }: RevocationList, certificate: Certificate): boolean {
  return (
    serials.has(plainSerial(toHex(certificate.serial))) ||
    (fingerprints.size > 0 && fingerprints.has(toHex(hash('sha256', certificate.der))))
  );
}

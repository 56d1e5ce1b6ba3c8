/**
 * VMware's own sections of a VMkernel module: `.vmkmodinfo` (NUL-terminated `key=value` strings, each padded with NULs
 * to 8 bytes) and `.vmkrequiredns` (NUL-terminated names) (facts: vib-and-modules §6).
 */
import { fromUtf8, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteWriter } from '../bytes/writer.ts';

/** Largest section read, in bytes, and most strings in it. */
export const MODINFO_MAX_SIZE = 1 << 16;
const MAX_STRINGS = 1024;

function strings(section: Uint8Array, structure: string): string[] {
  const problem = (text: string) => new FormatError({ structure, field: '', problem: text });
  if (section.length > MODINFO_MAX_SIZE) throw problem(`longer than ${MODINFO_MAX_SIZE} bytes`);
  const out: string[] = [];
  for (let at = 0; at < section.length; ) {
    const end = section.indexOf(0, at);
    if (end < 0) throw new FormatError({ structure, field: '', offset: at, problem: 'string without NUL' });
    if (end > at) out.push(fromUtf8(section.subarray(at, end)));
    if (out.length > MAX_STRINGS) throw problem(`more than ${MAX_STRINGS} strings`);
    at = end + 1;
  }
  return out;
}

/** `[key, value]` pairs of `.vmkmodinfo` in file order (keys repeat). Throws FormatError on an unterminated string. */
export function parseModInfo(section: Uint8Array): (readonly [string, string])[] {
  return strings(section, '.vmkmodinfo').map((text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
  });
}

/** Bytes of `.vmkmodinfo`. */
export function buildModInfo(pairs: readonly (readonly [string, string])[]): Uint8Array {
  const w = new ByteWriter('little');
  for (const [key, value] of pairs) w.bytes(utf8(`${key}=${value}\0`)).align(8);
  return w.finish();
}

/** Names in `.vmkrequiredns`. Throws FormatError on an unterminated string. */
export function parseRequiredNamespaces(section: Uint8Array): string[] {
  return strings(section, '.vmkrequiredns');
}

/** Bytes of `.vmkrequiredns`. */
export function buildRequiredNamespaces(names: readonly string[]): Uint8Array {
  return utf8(names.map((name) => `${name}\0`).join(''));
}

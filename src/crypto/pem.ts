/** The textual encodings of RFC 7468: base64 between BEGIN and END lines, 64 columns. */
import { fromLatin1, toBase64, tryFromBase64 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';

/** One block. */
export interface PemBlock {
  /** The label, e.g. `CERTIFICATE`. */
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** Largest text read; far above a system's bundle of trusted roots. */
const MAX_TEXT = 4 * 1024 * 1024;

/** One block as text, ended by a line feed. */
export function encodePem(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/**
 * Every block of a text, in order; text between blocks is skipped (RFC 7468, 2). A block that does not end, or holds
 * something else than base64, is a {@link FormatError}.
 */
export function decodePem(text: string | Uint8Array): PemBlock[] {
  if (text.length > MAX_TEXT) {
    throw new FormatError({ structure: 'PEM', field: '', problem: `text is longer than ${MAX_TEXT} characters` });
  }
  const source = typeof text === 'string' ? text : fromLatin1(text);
  const out: PemBlock[] = [];
  let open: { label: string; line: number; body: string[] } | undefined;
  for (const [i, raw] of source.split('\n').entries()) {
    const line = raw.trim();
    const mark = /^-----(BEGIN|END) ([A-Z0-9 #]{1,64})-----$/.exec(line);
    const fail = (problem: string): FormatError =>
      new FormatError({ structure: 'PEM', field: `line ${i + 1}`, problem });
    if (mark === null) open?.body.push(line);
    else if (mark[1] === 'BEGIN') {
      if (open !== undefined) throw fail(`block ${open.label} of line ${open.line} has no end`);
      open = { label: mark[2] ?? '', line: i + 1, body: [] };
    } else {
      if (open === undefined || open.label !== mark[2]) throw fail(`unexpected end of ${mark[2]}`);
      out.push({ label: open.label, bytes: decodeBody(open.label, open.body, fail) });
      open = undefined;
    }
  }
  if (open !== undefined) {
    const { label, line } = open;
    throw new FormatError({ structure: 'PEM', field: `line ${line}`, problem: `block ${label} has no end` });
  }
  return out;
}

function decodeBody(label: string, lines: readonly string[], fail: (problem: string) => FormatError): Uint8Array {
  if (lines.some((line) => line.includes(':'))) throw fail(`block ${label} has headers (encrypted keys are not read)`);
  const bytes = tryFromBase64(lines.join(''));
  if (bytes === undefined) throw fail(`block ${label} is not base64`);
  return bytes;
}

/** Writing XML 1.0. */
import type { XmlElement } from './tree.ts';

/** Choices of {@link serializeXml}. */
export interface XmlWriteOptions {
  /** Starts with `<?xml version="1.0" encoding="UTF-8"?>` and a line feed. Default false. */
  readonly declaration?: boolean;
  /** Spaces per level; elements that hold text stay on one line. Default none: everything on one line. */
  readonly indent?: number;
}

// Control characters, halves of surrogate pairs and U+FFFE/U+FFFF cannot be written at all (XML 1.0, 2.2).
const ILLEGAL =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
/** Whether XML 1.0 can carry all characters of a text (2.2). */
export const isXmlText = (text: string): boolean => text.search(ILLEGAL) < 0;
const TEXT = /[&<>\r]/g;
const ATTRIBUTE = /[&<>"\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const escapeWith = (text: string, pattern: RegExp): string =>
  text.replace(ILLEGAL, '').replace(pattern, (c) => ESCAPES[c] ?? c);

/** Text content with everything escaped that must be; characters that XML 1.0 cannot carry are dropped. */
export const escapeXmlText = (text: string): string => escapeWith(text, TEXT);

/** The same for a value between double quotes. */
export const escapeXmlAttribute = (text: string): string => escapeWith(text, ATTRIBUTE);

function write(element: XmlElement, indent: number, level: number, out: string[]): void {
  const pad = (n: number): string => (indent > 0 ? `\n${' '.repeat(indent * n)}` : '');
  out.push('<', element.name);
  for (const { name, value } of element.attributes) out.push(' ', name, '="', escapeXmlAttribute(value), '"');
  // Text of which nothing can be written is no text: the element stays `<name/>`.
  const children = element.children.filter((child) => typeof child !== 'string' || child.replace(ILLEGAL, '') !== '');
  if (children.length === 0) {
    out.push('/>');
    return;
  }
  out.push('>');
  const block = indent > 0 && children.every((child) => typeof child !== 'string');
  for (const child of children) {
    if (block) out.push(pad(level + 1));
    if (typeof child === 'string') out.push(escapeXmlText(child));
    else write(child, block ? indent : 0, level + 1, out);
  }
  if (block) out.push(pad(level));
  out.push('</', element.name, '>');
}

/** Text of a document: attributes in order, double quotes, empty elements as `<name/>`. */
export function serializeXml(root: XmlElement, options: XmlWriteOptions = {}): string {
  const out: string[] = options.declaration === true ? ['<?xml version="1.0" encoding="UTF-8"?>\n'] : [];
  write(root, options.indent ?? 0, 0, out);
  return out.join('');
}

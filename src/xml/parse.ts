/**
 * Reading XML from untrusted sources over saxes. A document type declaration is refused, so there are no entities besides
 * the five predefined ones, nothing is ever fetched and nothing can expand; size, depth and number of nodes are limited.
 */
import { SaxesParser } from 'saxes';
import { fromLatin1, tryFromUtf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import type { XmlAttribute, XmlElement, XmlNode } from './tree.ts';

/** Limits and choices of {@link parseXml}. */
export interface XmlOptions {
  /** Name of the document in errors; `XML` by default. */
  readonly structure?: string;
  /** Resolve namespaces: prefixes must be declared, and `uri` is filled. Default false. */
  readonly namespaces?: boolean;
  /** Longest input in bytes (or UTF-16 units of a string). Default 8 MiB. */
  readonly maxBytes?: number;
  /** Deepest nesting of elements. Default 64. */
  readonly maxDepth?: number;
  /** Most elements, attributes and texts together. Default 200 000. */
  readonly maxNodes?: number;
  /** Also takes UTF-16 with a byte order mark, and the one-byte encodings that a declaration may name. Default false. */
  readonly anyEncoding?: boolean;
  /** Filled with the place of each child of the root in {@link decodeXml}'s text: from `<` to behind the last `>`. */
  readonly places?: Map<XmlElement, readonly [number, number]>;
}

interface Open extends XmlElement {
  readonly children: XmlNode[];
}

/** Longest part of a parser's message shown; it may quote the input. */
const MAX_MESSAGE = 120;

/** Encodings that {@link XmlOptions.anyEncoding} adds, by the names that declarations give them. */
const ONE_BYTE = /^<\?xml[^>]{0,100}encoding\s*=\s*["'](iso-8859-1|latin-?1|windows-1252)["']/i;

/** UTF-16 by its byte order mark, ISO 8859-1 by its declaration; undefined for everything else. */
function decodeOther(bytes: Uint8Array): string | undefined {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    return new TextDecoder(a === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes);
  }
  return ONE_BYTE.test(fromLatin1(bytes.subarray(0, 200))) ? fromLatin1(bytes) : undefined;
}

/** Text of a document: UTF-8 unless `anyEncoding`; a byte order mark is dropped. Too long or undecodable: FormatError. */
export function decodeXml(input: Uint8Array | string, options: XmlOptions = {}): string {
  const { structure = 'XML', maxBytes = 8 << 20, anyEncoding = false } = options;
  if (input.length > maxBytes) {
    throw new FormatError({
      structure,
      field: '',
      problem: `document of ${input.length} bytes, the limit is ${maxBytes}`,
    });
  }
  const other = anyEncoding && typeof input !== 'string' ? decodeOther(input) : undefined;
  const text = typeof input === 'string' ? input : (other ?? tryFromUtf8(input));
  if (text === undefined) throw new FormatError({ structure, field: '', problem: 'document is not UTF-8' });
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** Printable form of a piece of the input for a message. */
function shown(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '?');
  return plain.length > MAX_MESSAGE ? `${plain.slice(0, MAX_MESSAGE)}…` : plain;
}

/**
 * The root element of a document. Comments and processing instructions are left out; CDATA becomes text. Everything that is
 * not well formed, and every exceeded limit, is a {@link FormatError} whose field is `line:column`.
 */
export function parseXml(input: Uint8Array | string, options: XmlOptions = {}): XmlElement {
  const { structure = 'XML', namespaces = false, maxDepth = 64, maxNodes = 200_000, anyEncoding = false } = options;
  const text = decodeXml(input, options);
  const parser = new SaxesParser({ xmlns: namespaces, position: true });
  const fail = (problem: string): never => {
    throw new FormatError({ structure, field: `line ${parser.line}:${parser.column}`, problem: shown(problem) });
  };
  const stack: Open[] = [];
  let root: XmlElement | undefined;
  let nodes = 0;
  let start = 0;
  const count = (n: number): void => {
    nodes += n;
    if (nodes > maxNodes) fail(`more than ${maxNodes} elements, attributes and texts`);
  };
  const addText = (value: string): void => {
    const children = stack.at(-1)?.children;
    // White space outside the root element; anything else there the parser itself refuses.
    if (children === undefined || value === '') return;
    const last = children.at(-1);
    if (typeof last === 'string') children[children.length - 1] = last + value;
    else {
      count(1);
      children.push(value);
    }
  };

  parser.on('error', (error) => fail(error.message.replace(/^\d+:\d+: /, '')));
  parser.on('doctype', () => fail('a document type declaration is not allowed'));
  parser.on('xmldecl', ({ encoding }) => {
    const known = encoding === undefined || /^(utf-8|us-ascii)$/i.test(encoding);
    // Of other encodings the text is decoded already; a name that contradicts the bytes has failed there.
    const other = anyEncoding && /^(utf-16(le|be)?|iso-8859-1|latin-?1|windows-1252)$/i.test(encoding ?? '');
    if (!known && !other) fail(`encoding ${encoding} is not supported`);
  });
  parser.on('opentagstart', () => {
    if (stack.length >= maxDepth) fail(`elements nested deeper than ${maxDepth}`);
    // Between the tag's `<` and here lies only its name.
    if (stack.length === 1) start = text.lastIndexOf('<', parser.position - 1);
    count(1);
  });
  parser.on('attribute', () => count(1));
  parser.on('opentag', (tag) => {
    const local = namespaces ? tag.local : undefined;
    const element: Open = {
      name: tag.name,
      local: local ?? tag.name.slice(tag.name.indexOf(':') + 1),
      uri: tag.uri ?? '',
      attributes: attributesOf(tag.attributes),
      children: [],
    };
    stack.at(-1)?.children.push(element);
    root ??= element;
    stack.push(element);
  });
  parser.on('closetag', () => {
    const closed = stack.pop();
    if (closed !== undefined && stack.length === 1) options.places?.set(closed, [start, parser.position]);
  });
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.write(text).close();
  return root ?? fail('no root element');
}

/** Attributes as saxes gives them: texts, or records where namespaces are resolved. */
type SaxesAttributes = Readonly<Record<string, string | { local: string; uri: string; value: string }>>;

function attributesOf(found: SaxesAttributes): XmlAttribute[] {
  return Object.entries(found).map(([name, value]) =>
    typeof value === 'string'
      ? { name, local: name.slice(name.indexOf(':') + 1), uri: '', value }
      : { name, local: value.local, uri: value.uri, value: value.value },
  );
}

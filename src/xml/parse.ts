/**
 * Reading XML from untrusted sources over saxes. A document type declaration is refused, so there are no entities besides
 * the five predefined ones, nothing is ever fetched and nothing can expand; size, depth and number of nodes are limited.
 */
import { SaxesParser } from 'saxes';
import { tryFromUtf8 } from '../bytes/bytes.ts';
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
}

interface Open extends XmlElement {
  readonly children: XmlNode[];
}

/** Longest part of a parser's message shown; it may quote the input. */
const MAX_MESSAGE = 120;

/** Text of a document: UTF-8 only, as every document handled here is; a byte order mark is dropped. */
function decode(input: Uint8Array | string, structure: string, maxBytes: number): string {
  if (input.length > maxBytes) {
    throw new FormatError({
      structure,
      field: '',
      problem: `document of ${input.length} bytes, the limit is ${maxBytes}`,
    });
  }
  const text = typeof input === 'string' ? input : tryFromUtf8(input);
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
  const { structure = 'XML', namespaces = false, maxBytes = 8 << 20, maxDepth = 64, maxNodes = 200_000 } = options;
  const text = decode(input, structure, maxBytes);
  const parser = new SaxesParser({ xmlns: namespaces, position: true });
  const fail = (problem: string): never => {
    throw new FormatError({ structure, field: `line ${parser.line}:${parser.column}`, problem: shown(problem) });
  };
  const stack: Open[] = [];
  let root: XmlElement | undefined;
  let nodes = 0;
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
    if (encoding !== undefined && !/^(utf-8|us-ascii)$/i.test(encoding)) fail(`encoding ${encoding} is not supported`);
  });
  parser.on('opentagstart', () => {
    if (stack.length >= maxDepth) fail(`elements nested deeper than ${maxDepth}`);
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
    stack.pop();
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

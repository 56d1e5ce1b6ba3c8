/**
 * `descriptor.xml`: what a VIB is. The document stays the truth: a descriptor that was read is written back as it was, byte for
 * byte, with its comments, declaration and elements that nobody here understands; editing touches only the elements that
 * change.
 */
import { utf8 } from '../bytes/bytes.ts';
import {
  attributeOf,
  decodeXml,
  parseXml,
  serializeXml,
  type XmlElement,
  type XmlNode,
  type XmlOptions,
  xmlElement,
} from '../xml/index.ts';
import { type DescriptorFields, FIELDS, type FieldCodec, fieldError, STRUCTURE } from './descriptor-fields.ts';
import { unknownParts } from './descriptor-known.ts';

export type {
  DescriptorFields,
  VibChecksum,
  VibConstraint,
  VibPayloadInfo,
  VibRelationships,
  VibSystemRequires,
  VibUrl,
} from './descriptor-fields.ts';

/** A descriptor: its typed content and the document it stands for. */
export interface VibDescriptor extends DescriptorFields {
  /** The `version` attribute of the root, `5.0` in all VIBs seen. */
  readonly schemaVersion: string;
  readonly tree: XmlElement;
  /** The text it was read from, and where each child of the root stands there; undefined where it was made. */
  readonly source: DescriptorSource | undefined;
  /** Paths of elements and attributes that are not understood, in order, e.g. `novel`, `payloads/payload@colour`. */
  readonly unknownElements: readonly string[];
}

/** The document of a descriptor as it was read. */
export interface DescriptorSource {
  readonly text: string;
  /** The bytes of the text, where nothing was edited. */
  readonly bytes: Uint8Array | undefined;
  readonly places: ReadonlyMap<XmlElement, readonly [number, number]>;
}

/** Content of a descriptor to be made; what is left out is empty, false, or for the schema version `5.0`. */
export type DescriptorInput = Pick<DescriptorFields, 'type' | 'name' | 'version' | 'vendor' | 'acceptanceLevel'> &
  Partial<DescriptorFields> & { readonly schemaVersion?: string };

/** Largest descriptor read: an official base VIB with ten thousand files needs less than one megabyte. */
export const MAX_DESCRIPTOR = 8 * 1024 * 1024;

type Key = keyof DescriptorFields;

/** {@link FIELDS} with the relation between key and type spelled out, for generic access. */
const CODECS: { readonly [K in Key]: FieldCodec<DescriptorFields[K]> } = FIELDS;

// Object.keys of a constant object: the declared order, which is the order of the elements.
const KEYS = Object.keys(FIELDS).filter((key): key is Key => key in FIELDS);
const ORDER: readonly string[] = KEYS.map((key) => FIELDS[key].element);

function readField<T>(root: XmlElement, codec: FieldCodec<T>): T {
  const found = root.children.filter((child) => typeof child !== 'string' && child.name === codec.element);
  const [element, second] = found;
  if (second !== undefined) throw fieldError(codec.element, 'appears twice');
  if (element !== undefined && typeof element !== 'string') return codec.read(element);
  if (codec.missing === undefined) throw fieldError(codec.element, 'is missing');
  return codec.missing();
}

/** The typed content of a document. */
function readTree(root: XmlElement, source?: DescriptorSource): VibDescriptor {
  if (root.name !== 'vib') throw fieldError('', `root element is <${root.name.slice(0, 40)}>, expected <vib>`);
  const field = <K extends Key>(key: K): DescriptorFields[K] => readField(root, CODECS[key]);
  return {
    type: field('type'),
    name: field('name'),
    version: field('version'),
    vendor: field('vendor'),
    summary: field('summary'),
    description: field('description'),
    releaseDate: field('releaseDate'),
    urls: field('urls'),
    relationships: field('relationships'),
    softwareTags: field('softwareTags'),
    systemRequires: field('systemRequires'),
    fileList: field('fileList'),
    acceptanceLevel: field('acceptanceLevel'),
    liveInstallAllowed: field('liveInstallAllowed'),
    liveRemoveAllowed: field('liveRemoveAllowed'),
    cimomRestart: field('cimomRestart'),
    statelessReady: field('statelessReady'),
    overlay: field('overlay'),
    payloads: field('payloads'),
    schemaVersion: attributeOf(root, 'version') ?? '',
    tree: root,
    source,
    unknownElements: unknownParts(root),
  };
}

const xmlOptions = (maxBytes: number): XmlOptions => ({
  structure: STRUCTURE,
  maxBytes,
  maxDepth: 32,
  anyEncoding: true,
});

/** Reads a descriptor. XML that is not well formed, a missing element or a bad value is a `FormatError`. */
export function parseDescriptor(bytes: Uint8Array, maxBytes: number = MAX_DESCRIPTOR): VibDescriptor {
  const text = decodeXml(bytes, xmlOptions(maxBytes));
  return parseText(text, bytes);
}

function parseText(text: string, bytes: Uint8Array | undefined): VibDescriptor {
  const places = new Map<XmlElement, readonly [number, number]>();
  const tree = parseXml(text, { ...xmlOptions(Number.MAX_SAFE_INTEGER), places });
  return readTree(tree, { text, bytes, places });
}

/**
 * The bytes of a descriptor: those that were read; of an edited one its text in UTF-8; of one that was made the form that
 * ESXi's tools write: one line, no declaration.
 */
export function writeDescriptor({ source, tree }: VibDescriptor): Uint8Array {
  return source?.bytes ?? utf8(source?.text ?? serializeXml(tree));
}

function writeField<K extends Key>(key: K, values: Partial<DescriptorFields>): XmlElement | undefined {
  const value: DescriptorFields[K] | undefined = values[key];
  return value === undefined ? undefined : CODECS[key].write(value);
}

/** The elements for the given values, in the order of the declaration. */
function writeFields(values: Partial<DescriptorFields>): XmlElement[] {
  return KEYS.map((key) => writeField(key, values)).filter((element) => element !== undefined);
}

/** Makes a descriptor with every element present. */
export function createDescriptor(input: DescriptorInput): VibDescriptor {
  const { schemaVersion = '5.0', ...given } = input;
  const missing = Object.fromEntries(KEYS.map((key) => [key, FIELDS[key].missing?.()]));
  const elements = writeFields({ ...missing, ...given });
  return readTree(xmlElement('vib', { version: schemaVersion }, elements));
}

/**
 * The descriptor with some values replaced; everything else stays as it is, a new element goes to its place in the order.
 */
export function editDescriptor(descriptor: VibDescriptor, changes: Partial<DescriptorFields>): VibDescriptor {
  return writeFields(changes).reduce(replaceElement, descriptor);
}

function replaceElement({ tree, source }: VibDescriptor, element: XmlElement): VibDescriptor {
  const at = tree.children.findIndex((child) => typeof child !== 'string' && child.name === element.name);
  const later = new Set(ORDER.slice(ORDER.indexOf(element.name) + 1));
  const next = tree.children.findIndex((child) => typeof child !== 'string' && later.has(child.name));
  const old = tree.children[at < 0 ? next : at];
  const place = old === undefined || typeof old === 'string' ? undefined : source?.places.get(old);
  if (source !== undefined && place !== undefined) {
    const [start, end] = place;
    const xml = serializeXml(element);
    const before = source.text.slice(0, start);
    // A new element takes the line breaks of the one it is put before.
    const gap = /\s*$/.exec(before)?.[0] ?? '';
    const rest = source.text.slice(at < 0 ? start : end);
    return parseText(`${before}${xml}${at < 0 ? gap : ''}${rest}`, undefined);
  }
  const children: XmlNode[] = [...tree.children];
  if (at >= 0) children[at] = element;
  else children.splice(next < 0 ? children.length : next, 0, element);
  return readTree({ ...tree, children });
}

/** The id under which ESXi files a VIB: VENDOR_TYPE_NAME_VERSION. */
export function vibId(descriptor: Pick<DescriptorFields, 'vendor' | 'type' | 'name' | 'version'>): string {
  const { vendor, type, name, version } = descriptor;
  return [vendor, type, name, version].join('_');
}

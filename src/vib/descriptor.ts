/**
 * `descriptor.xml`: what a VIB is. The XML tree stays the truth: a descriptor that was read is written back from its tree, so
 * elements and attributes that nobody here understands survive, and editing touches only the elements that change.
 */
import { utf8 } from '../bytes/bytes.ts';
import { attributeOf, parseXml, serializeXml, type XmlElement, type XmlNode, xmlElement } from '../xml/index.ts';
import { type DescriptorFields, FIELDS, type FieldCodec, fieldError, STRUCTURE } from './descriptor-fields.ts';

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
  /** Names of children of `<vib>` that are not understood, in order. */
  readonly unknownElements: readonly string[];
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
const ELEMENTS: ReadonlySet<string> = new Set(KEYS.map((key) => FIELDS[key].element));

function readField<T>(root: XmlElement, codec: FieldCodec<T>): T {
  const found = root.children.filter((child) => typeof child !== 'string' && child.name === codec.element);
  const [element, second] = found;
  if (second !== undefined) throw fieldError(codec.element, 'appears twice');
  if (element !== undefined && typeof element !== 'string') return codec.read(element);
  if (codec.missing === undefined) throw fieldError(codec.element, 'is missing');
  return codec.missing();
}

/** The typed content of a document. */
function readTree(root: XmlElement): VibDescriptor {
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
    unknownElements: root.children
      .filter((child) => typeof child !== 'string')
      .map((child) => child.name)
      .filter((name) => !ELEMENTS.has(name)),
  };
}

/** Reads a descriptor. XML that is not well formed, a missing element or a bad value is a `FormatError`. */
export function parseDescriptor(bytes: Uint8Array, maxBytes: number = MAX_DESCRIPTOR): VibDescriptor {
  return readTree(parseXml(bytes, { structure: STRUCTURE, maxBytes, maxDepth: 32 }));
}

/** The document in the form ESXi's tools write: one line, no declaration, UTF-8. */
export function writeDescriptor(descriptor: VibDescriptor): Uint8Array {
  return utf8(serializeXml(descriptor.tree));
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

/** The descriptor with some values replaced; all other elements stay as they are, a new one goes to its place in the order. */
export function editDescriptor(descriptor: VibDescriptor, changes: Partial<DescriptorFields>): VibDescriptor {
  const children: XmlNode[] = [...descriptor.tree.children];
  const order = [...ELEMENTS];
  for (const element of writeFields(changes)) {
    const { name } = element;
    const at = children.findIndex((child) => typeof child !== 'string' && child.name === name);
    if (at >= 0) children[at] = element;
    else {
      const later = new Set(order.slice(order.indexOf(name) + 1));
      const next = children.findIndex((child) => typeof child !== 'string' && later.has(child.name));
      children.splice(next < 0 ? children.length : next, 0, element);
    }
  }
  return readTree({ ...descriptor.tree, children });
}

/** The id under which ESXi files a VIB: VENDOR_TYPE_NAME_VERSION. */
export function vibId(descriptor: Pick<DescriptorFields, 'vendor' | 'type' | 'name' | 'version'>): string {
  const { vendor, type, name, version } = descriptor;
  return [vendor, type, name, version].join('_');
}

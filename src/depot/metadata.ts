/**
 * The XML documents of an offline bundle (facts: vib-and-modules §4; what is from general knowledge: docs/images.md).
 * Reading takes what it knows and leaves the rest; writing makes the documents of our own bundles.
 */
import { toHex, utf8 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { parseDescriptor, type VibDescriptor, vibId } from '../vib/descriptor.ts';
import {
  attributeOf,
  childElement,
  childElements,
  parseXml,
  serializeXml,
  textOf,
  type XmlElement,
  xmlElement,
} from '../xml/index.ts';

/** A vendor of `index.xml` and where its own index lies. */
export interface BundleVendor {
  readonly name: string;
  readonly code: string;
  /** Path of the vendor's index inside the bundle. */
  readonly index: string;
}

/** One metadata archive of a vendor's index. */
export interface BundleChannel {
  readonly productId: string;
  readonly version: string;
  /** Path of the metadata archive, relative to the vendor's index. */
  readonly url: string;
}

/** Where a VIB lies and what the bundle says about its file. */
export interface BundleVib {
  readonly id: string;
  readonly descriptor: VibDescriptor;
  /** Path of the .vib inside the bundle; of one document by itself, as it says: relative to the vendor's folder. */
  readonly path: string;
  /** Bytes of the .vib; undefined where the bundle does not say. */
  readonly packedSize: number | undefined;
  /** SHA-256 of the .vib in lower-case hex; undefined where the bundle does not say. */
  readonly sha256: string | undefined;
}

/** An image profile: a name for a set of VIBs that makes a whole image. */
export interface BundleProfile {
  readonly name: string;
  readonly creator: string;
  readonly acceptanceLevel: string;
  readonly vibIds: readonly string[];
}

/** A bulletin of `vmware.xml`. */
export interface BundleBulletin {
  readonly id: string;
  readonly summary: string;
  readonly vibIds: readonly string[];
}

const MAX_XML = 64 << 20;
const MAX_NODES = 2_000_000;

const read = (bytes: Uint8Array, structure: string, root: string): XmlElement => {
  const element = parseXml(bytes, { structure, maxBytes: MAX_XML, maxNodes: MAX_NODES });
  if (element.local === root) return element;
  throw new FormatError({
    structure,
    field: '',
    problem: `root element is <${element.name.slice(0, 40)}>, expected <${root}>`,
  });
};

const text = (element: XmlElement, name: string): string => {
  const child = childElement(element, name);
  return child === undefined ? '' : textOf(child).trim();
};

/** Joins paths of the bundle with forward slashes; `./` and empty parts vanish. */
export const joinPath = (...parts: readonly string[]): string =>
  parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '' && part !== '.')
    .join('/');

/** Vendors of `index.xml`. */
export function readIndex(bytes: Uint8Array): BundleVendor[] {
  const vendors = childElements(read(bytes, 'index.xml', 'vendorList'), 'vendor');
  return vendors.map((vendor) => ({
    name: text(vendor, 'name'),
    code: text(vendor, 'code'),
    index: joinPath(text(vendor, 'relativePath'), text(vendor, 'indexfile') || 'vendor-index.xml'),
  }));
}

/** Metadata archives of a vendor's index. */
export function readVendorIndex(bytes: Uint8Array): BundleChannel[] {
  const list = childElements(read(bytes, 'vendor-index.xml', 'metaList'), 'metadata');
  return list.map((each) => ({
    productId: text(each, 'productId'),
    version: text(each, 'version'),
    url: text(each, 'url') || 'metadata.zip',
  }));
}

/** One `vibs/*.xml`: the descriptor with the place, size and checksum of the file among its elements. */
export function readBundleVib(bytes: Uint8Array, structure: string): BundleVib {
  const descriptor = parseDescriptor(bytes);
  const id = vibId(descriptor);
  const path = joinPath(text(descriptor.tree, 'relative-path'));
  if (path === '') throw new FormatError({ structure, field: 'relative-path', problem: `VIB ${id} has no path` });
  const size = text(descriptor.tree, 'packed-size');
  const checksums = childElements(descriptor.tree, 'checksum');
  const holder = checksums.find((each) => childElement(each, 'checksum') !== undefined);
  const sha256 =
    checksums.find((each) => attributeOf(each, 'checksum-type') === 'sha-256') ??
    (holder !== undefined && text(holder, 'checksum-type') === 'sha-256'
      ? childElement(holder, 'checksum')
      : undefined);
  return {
    id,
    descriptor,
    path,
    packedSize: /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    sha256: sha256 === undefined ? undefined : textOf(sha256).trim().toLowerCase(),
  };
}

/** One `profiles/*.xml`. */
export function readBundleProfile(bytes: Uint8Array): BundleProfile {
  const root = read(bytes, 'image profile', 'imageprofile');
  const list = childElement(root, 'viblist');
  return {
    name: text(root, 'name'),
    creator: text(root, 'creator'),
    // Some writers spell the element as they spell the property.
    acceptanceLevel: text(root, 'acceptancelevel') || text(root, 'acceptanceLevel'),
    vibIds: list === undefined ? [] : childElements(list, 'vib').map((vib) => text(vib, 'vib-id')),
  };
}

/** Bulletins of `vmware.xml`. */
export function readBulletins(bytes: Uint8Array): BundleBulletin[] {
  const bulletins = childElements(read(bytes, 'vmware.xml', 'metadataResponse'), 'bulletin');
  return bulletins.map((bulletin) => {
    const list = childElement(bulletin, 'vibList');
    const vibs = list === undefined ? [] : childElements(list, 'vib');
    // VMware's own say the ids alone.
    const ids = list === undefined ? [] : childElements(list, 'vibID').map((id) => textOf(id).trim());
    return {
      id: text(bulletin, 'id'),
      summary: text(bulletin, 'summary'),
      vibIds: [...vibs.map((vib) => text(vib, 'vibID') || text(vib, 'id')), ...ids],
    };
  });
}

const leaf = (name: string, value: string): XmlElement => xmlElement(name, {}, value === '' ? [] : [value]);
const node = (name: string, ...children: readonly XmlElement[]): XmlElement => xmlElement(name, {}, children);
const document = (root: XmlElement): Uint8Array => utf8(serializeXml(root));

/** `index.xml` with one vendor. */
export function indexXml(vendor: { readonly name: string; readonly code: string }): Uint8Array {
  const content = node(
    'content',
    leaf('name', 'VMware ESX'),
    leaf('type', 'http://www.vmware.com/depotmanagement/esx'),
  );
  return document(
    node(
      'vendorList',
      node(
        'vendor',
        leaf('name', vendor.name),
        leaf('code', vendor.code),
        leaf('indexfile', 'vendor-index.xml'),
        leaf('patchUrl', ''),
        leaf('relativePath', ''),
        content,
      ),
    ),
  );
}

/** `vendor-index.xml` with one metadata archive for one release. */
export function vendorIndexXml(release: string): Uint8Array {
  return document(
    node(
      'metaList',
      node(
        'metadata',
        leaf('productId', 'embeddedEsx'),
        leaf('version', release),
        leaf('locale', ''),
        leaf('url', 'metadata.zip'),
        leaf('channelName', 'default'),
      ),
    ),
  );
}

/** Name of a VIB's document in the metadata: its name and the start of the descriptor's hash. */
export const vibXmlName = ({ descriptor }: BundleVib, descriptorBytes: Uint8Array): string =>
  `vibs/${descriptor.name}-${toHex(hash('sha256', descriptorBytes).subarray(0, 8))}.xml`;

/** The descriptor with the place, size and checksum of its file behind the software tags. */
export function bundleVibXml(vib: BundleVib): Uint8Array {
  const { tree } = vib.descriptor;
  const added = [
    leaf('relative-path', vib.path),
    leaf('packed-size', String(vib.packedSize ?? 0)),
    xmlElement('checksum', { 'checksum-type': 'sha-256' }, [vib.sha256 ?? '']),
  ];
  const tags = tree.children.findIndex((child) => typeof child !== 'string' && child.local === 'software-tags');
  const at = tags < 0 ? tree.children.length : tags + 1;
  return document({ ...tree, children: [...tree.children.slice(0, at), ...added, ...tree.children.slice(at)] });
}

/** `profiles/*.xml`. */
export function profileXml(profile: BundleProfile): Uint8Array {
  return document(
    node(
      'imageprofile',
      leaf('name', profile.name),
      leaf('creator', profile.creator),
      leaf('acceptancelevel', profile.acceptanceLevel),
      node('viblist', ...profile.vibIds.map((id) => node('vib', leaf('vib-id', id)))),
    ),
  );
}

function bulletinVib({ id, descriptor, path, packedSize, sha256 }: BundleVib): XmlElement {
  const checksum = node('checksum', leaf('checksumType', 'sha-256'), leaf('checksum', sha256 ?? ''));
  return node(
    'vib',
    leaf('vibVersion', '1.4.5'),
    leaf('vibID', id),
    leaf('name', descriptor.name),
    leaf('version', descriptor.version),
    leaf('vendor', descriptor.vendor),
    leaf('vibType', descriptor.type),
    leaf('summary', descriptor.summary),
    node(
      'vibFile',
      leaf('sourceUrl', ''),
      leaf('relativePath', path),
      leaf('packedSize', String(packedSize ?? 0)),
      checksum,
    ),
  );
}

/** One bulletin as an element of `vmware.xml` and as the root of `bulletins/ID.xml`. */
export function bulletinElement(bulletin: BundleBulletin, vibs: readonly BundleVib[], releaseDate: string): XmlElement {
  return node(
    'bulletin',
    leaf('id', bulletin.id),
    leaf('vendor', 'esxsim'),
    leaf('summary', bulletin.summary),
    leaf('severity', 'general'),
    leaf('category', 'general'),
    leaf('urgency', 'moderate'),
    leaf('releaseType', 'rollup'),
    leaf('description', bulletin.summary),
    leaf('releaseDate', releaseDate),
    node('vibList', ...vibs.filter(({ id }) => bulletin.vibIds.includes(id)).map(bulletinVib)),
  );
}

/** `vmware.xml`. */
export function vmwareXml(bulletins: readonly XmlElement[], timestamp: string): Uint8Array {
  return document(node('metadataResponse', leaf('version', '3.0'), leaf('timestamp', timestamp), ...bulletins));
}

/** A document of its own around an element. */
export const elementXml = (element: XmlElement): Uint8Array => document(element);

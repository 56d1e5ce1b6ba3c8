/**
 * `imgdb.tgz`: the image database of a bootbank. It holds the descriptor and the signature of every installed VIB and the
 * image profile, which tells the bootbank file of each payload. A gzip'd tar with paths under `var/db/esximg/` (facts:
 * vib-and-modules §5). Element and attribute names of the profile are those of published image profiles, from general
 * knowledge (docs/assumptions-boot-image.md).
 */
import { type ByteSource, bytesSource, joinedSource, nameInAnyCase, sourceOf } from '../archive/index.ts';
import { equalBytes, fromLatin1, latin1, toHex, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { AR_HEADER_END, AR_MAGIC } from '../vib/ar-scan.ts';
import { INSTALL_DATE } from '../vib/descriptor-known.ts';
import {
  type ArchiveInput,
  acceptanceCode,
  DESCRIPTOR_MEMBER,
  gunzip,
  gzip,
  isFile,
  isGzip,
  lowestAcceptance,
  parseAcceptance,
  parseDescriptor,
  readUstar,
  SIGNATURE_MEMBER,
  type Vib,
  type VibDescriptor,
  vibId,
  writeAr,
  writeUstar,
} from '../vib/index.ts';
import { vibFromSource } from '../vib/vib-source.ts';
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
import { withDirectories } from './archive-tree.ts';

/** Name of the database in a bootbank. */
export const IMGDB_FILE = 'imgdb.tgz';
const VIBS = 'var/db/esximg/vibs/';
const PROFILES = 'var/db/esximg/profiles/';
/** Most bytes of a decompressed database and most VIBs in it. */
const MAX_SIZE = 256 << 20;
const MAX_VIBS = 4096;
const MAX_PROFILE = 8 << 20;

/** Which VIB a bootbank file belongs to. */
export interface FileOwner {
  readonly vibId: string;
  readonly vibName: string;
  readonly vibVersion: string;
  readonly vibVendor: string;
  readonly payloadName: string;
}

/** A VIB as the database records it. Nothing is verified. */
export interface ImgdbVib {
  readonly id: string;
  readonly descriptor: VibDescriptor;
  /** The text that is signed, without what the host wrote into its own copy (the time of installation). */
  readonly descriptorBytes: Uint8Array;
  /** Empty where the VIB is unsigned; undefined where the database holds none. */
  readonly signature: Uint8Array | undefined;
  /** Bootbank file of each payload of the descriptor; payloads that the profile does not name are absent. */
  readonly files: ReadonlyMap<string, string>;
}

/** Something in the database that cannot be used. */
export interface ImgdbFinding {
  readonly code:
    | 'descriptor-unreadable'
    | 'descriptor-differs'
    | 'duplicate-vib'
    | 'profile-missing'
    | 'profile-unreadable'
    | 'vib-not-in-profile'
    | 'vib-not-in-database'
    | 'file-claimed-twice';
  readonly where: string;
  readonly message: string;
}

/** A database as read. */
export interface Imgdb {
  readonly profile: { readonly name: string; readonly acceptanceLevel: string } | undefined;
  readonly vibs: readonly ImgdbVib[];
  /** Owner of each bootbank file, by file name. */
  readonly owners: ReadonlyMap<string, FileOwner>;
  readonly findings: readonly ImgdbFinding[];
  /** Files that are neither VIBs nor image profiles (bulletins, base images, reserved components), by path. */
  readonly others: ReadonlyMap<string, Uint8Array>;
}

/** A VIB to be recorded, with the bootbank file of each payload. */
export interface ImgdbInput {
  readonly vib: Pick<Vib, 'descriptor' | 'descriptorBytes' | 'signature'>;
  readonly files: ReadonlyMap<string, string>;
}

/** Name of a VIB's descriptor in the database: its name and the start of the descriptor's hash. */
function descriptorPath({ vib: { descriptor, descriptorBytes } }: ImgdbInput): string {
  const name = descriptor.name.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 60);
  return `${VIBS}${name}-${toHex(hash('sha256', descriptorBytes).subarray(0, 8))}.xml`;
}

function profileXml(name: string, inputs: readonly ImgdbInput[]): Uint8Array {
  const levels = inputs.map(({ vib }) => parseAcceptance(vib.descriptor.acceptanceLevel) ?? 'CommunitySupported');
  const vibs = inputs.map(({ vib, files }) =>
    xmlElement('vib', {}, [
      xmlElement('vib-id', {}, [vibId(vib.descriptor)]),
      xmlElement(
        'payloads',
        {},
        vib.descriptor.payloads.flatMap(({ name: payload }) => {
          const file = files.get(payload);
          return file === undefined ? [] : [xmlElement('payload', { 'payload-name': payload, 'vfat-name': file })];
        }),
      ),
    ]),
  );
  const root = xmlElement('imageprofile', {}, [
    xmlElement('name', {}, [name]),
    xmlElement('creator', {}, ['esxsim']),
    xmlElement('acceptancelevel', {}, [acceptanceCode(lowestAcceptance(levels))]),
    xmlElement('viblist', {}, vibs),
  ]);
  return utf8(serializeXml(root));
}

/** Bytes of a database, the same whatever the order of the VIBs. @param others files of an older one that stay, see {@link Imgdb} */
export function buildImgdb(
  profileName: string,
  packages: readonly ImgdbInput[],
  others: ReadonlyMap<string, Uint8Array> = new Map(),
): Uint8Array {
  const id = ({ vib }: ImgdbInput): string => vibId(vib.descriptor);
  const inputs = packages.toSorted((a, b) => (id(a) < id(b) ? -1 : 1));
  const files: ArchiveInput[] = inputs.flatMap((input) => {
    const name = descriptorPath(input);
    const signature = input.vib.signature ?? new Uint8Array(0);
    return [
      { name, data: input.vib.descriptorBytes },
      { name: `${name}.sig`, data: signature },
    ];
  });
  files.push({ name: `${PROFILES}${profileName}.xml`, data: profileXml(profileName, inputs) });
  for (const [name, data] of others) files.push({ name, data });
  return gzip(writeUstar(withDirectories(files)));
}

/** The profile's list: bootbank file by payload, by VIB id. */
type ProfileFiles = ReadonlyMap<string, ReadonlyMap<string, string>>;

function readProfile(xml: Uint8Array): { name: string; acceptanceLevel: string; files: ProfileFiles } {
  const root = parseXml(xml, { structure: 'image profile', maxBytes: MAX_PROFILE });
  const text = (element: XmlElement, name: string): string => {
    const child = childElement(element, name);
    return child === undefined ? '' : textOf(child).trim();
  };
  const list = childElement(root, 'viblist');
  const files = new Map<string, ReadonlyMap<string, string>>();
  for (const vib of list === undefined ? [] : childElements(list, 'vib').slice(0, MAX_VIBS)) {
    const payloads = childElement(vib, 'payloads');
    const names = new Map<string, string>();
    for (const payload of payloads === undefined ? [] : childElements(payloads, 'payload')) {
      const name = attributeOf(payload, 'payload-name');
      const file = attributeOf(payload, 'vfat-name');
      if (name !== undefined && file !== undefined) names.set(name, file);
    }
    files.set(text(vib, 'vib-id'), names);
  }
  return { name: text(root, 'name'), acceptanceLevel: text(root, 'acceptancelevel'), files };
}

/** Runs `read`; an unusable input becomes a finding and undefined. */
function attempt<T>(findings: ImgdbFinding[], code: ImgdbFinding['code'], where: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    findings.push({ code, where, message: error.message });
    return undefined;
  }
}

/**
 * Reads a database, compressed or not. Bad descriptors and profiles become findings and the rest stays usable; throws FormatError only where
 * the bytes are no tar archive at all.
 */
export function readImgdb(bytes: Uint8Array): Imgdb {
  const archive = readUstar(isGzip(bytes) ? gunzip(bytes, IMGDB_FILE, { maxBytes: MAX_SIZE }) : bytes);
  const files = new Map(archive.filter(isFile).map(({ name, data }) => [name.replace(/^(\.?\/)+/, ''), data]));
  const findings: ImgdbFinding[] = [];
  const profile = findProfile(files, findings);
  const vibs = new Map<string, ImgdbVib>();
  const owners = new Map<string, FileOwner>();
  for (const [path, data] of files) {
    if (!path.startsWith(VIBS) || !path.endsWith('.xml') || vibs.size >= MAX_VIBS) continue;
    const signed = signedText(path, files);
    const descriptor = attempt(findings, 'descriptor-unreadable', path, () => parseDescriptor(signed));
    if (descriptor === undefined) continue;
    const same = attempt(findings, 'descriptor-unreadable', path, () => tellTheSame(signed, data));
    if (same === false) {
      const message = `VIB ${vibId(descriptor)}: the database's descriptor is not the one that is signed (${ORIGINAL})`;
      findings.push({ code: 'descriptor-differs', where: path, message });
    }
    const id = vibId(descriptor);
    if (vibs.has(id)) {
      findings.push({ code: 'duplicate-vib', where: path, message: `VIB ${id} is in the database twice` });
      continue;
    }
    const names = profile?.files.get(id);
    if (profile !== undefined && names === undefined) {
      findings.push({ code: 'vib-not-in-profile', where: path, message: `VIB ${id} is not in the image profile` });
    }
    const placed = new Map<string, string>();
    for (const { name } of descriptor.payloads) {
      const file = names?.get(name);
      if (file !== undefined) placed.set(name, file);
    }
    const vib = { id, descriptor, descriptorBytes: signed, signature: files.get(`${path}.sig`), files: placed };
    vibs.set(id, vib);
    claimFiles(owners, findings, vib);
  }
  for (const id of profile?.files.keys() ?? []) {
    if (vibs.has(id)) continue;
    findings.push({ code: 'vib-not-in-database', where: id, message: 'named in the image profile, no descriptor' });
  }
  const summary = profile && { name: profile.name, acceptanceLevel: profile.acceptanceLevel };
  const others = new Map([...files].filter(([path]) => !path.startsWith(VIBS) && !path.startsWith(PROFILES)));
  return { profile: summary, vibs: [...vibs.values()], owners, findings, others };
}

/** Suffix of a descriptor as its VIB has it, beside the one into which the host wrote. */
const ORIGINAL = '.orig';

const INSTALLED_AT = new RegExp(`<${INSTALL_DATE}>[^<]*</${INSTALL_DATE}>`);

/** A descriptor as it was signed: the original that lies beside it, else without the time of installation. */
function signedText(path: string, files: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const original = files.get(`${path}${ORIGINAL}`);
  if (original !== undefined) return original;
  const data = files.get(path) ?? new Uint8Array(0);
  const text = fromLatin1(data);
  return INSTALLED_AT.test(text) ? latin1(text.replace(INSTALLED_AT, '')) : data;
}

const isInstallDate = (child: XmlElement | string): boolean => typeof child !== 'string' && child.name === INSTALL_DATE;

/** An element without what says nothing: order of attributes, blanks between elements, the time of installation. */
function essence(element: XmlElement): XmlElement {
  const mixed = element.children.every((child) => typeof child === 'string');
  const children = mixed
    ? element.children
    : element.children.filter((child) => (typeof child === 'string' ? child.trim() !== '' : !isInstallDate(child)));
  return {
    ...element,
    attributes: element.attributes.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    children: children.map((child) => (typeof child === 'string' ? child : essence(child))),
  };
}

/** Whether two descriptors say the same. FormatError where one of them is none. */
function tellTheSame(one: Uint8Array, other: Uint8Array): boolean {
  if (equalBytes(one, other)) return true;
  const limits = { structure: 'VIB descriptor', maxBytes: MAX_SIZE };
  const [a, b] = [one, other].map((bytes) => serializeXml(essence(parseXml(bytes, limits))));
  return a === b;
}

function findProfile(files: ReadonlyMap<string, Uint8Array>, findings: ImgdbFinding[]) {
  for (const [path, data] of files) {
    if (!path.startsWith(PROFILES)) continue;
    return attempt(findings, 'profile-unreadable', path, () => readProfile(data));
  }
  findings.push({ code: 'profile-missing', where: PROFILES, message: 'no image profile' });
  return undefined;
}

function claimFiles(
  owners: Map<string, FileOwner>,
  findings: ImgdbFinding[],
  { id, descriptor, files }: ImgdbVib,
): void {
  for (const [payloadName, file] of files) {
    const other = owners.get(file);
    if (other !== undefined) {
      const message = `${file} belongs to ${other.vibId}, ${id} claims it too`;
      findings.push({ code: 'file-claimed-twice', where: file, message });
      continue;
    }
    const { name: vibName, version: vibVersion, vendor: vibVendor } = descriptor;
    owners.set(file, { vibId: id, vibName, vibVersion, vibVendor, payloadName });
  }
}

/** Type of VIBs that live on the locker partition (VMware Tools): an installed boot bank has neither module nor record of them. */
export const LOCKER_TYPE = 'locker';

/**
 * The database that an installer writes to a boot bank from that of its disc: without the VIBs for the locker, whose modules only
 * the disc loads. Undefined where there are none, or where the bytes are no database.
 */
export function withoutLocker(bytes: Uint8Array): { database: Uint8Array; files: readonly string[] } | undefined {
  let imgdb: Imgdb;
  try {
    imgdb = readImgdb(bytes);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
  const locker = imgdb.vibs.filter(({ descriptor }) => descriptor.type === LOCKER_TYPE);
  if (locker.length === 0) return undefined;
  const kept = imgdb.vibs.filter((vib) => !locker.includes(vib)).map(({ files, ...vib }) => ({ vib, files }));
  return {
    database: buildImgdb(imgdb.profile?.name ?? '', kept, imgdb.others),
    files: locker.flatMap(({ files }) => [...files.values()]),
  };
}

/** A file of a bootbank; banks lie on FAT, where the case of a name means nothing. */
function bankFile(bootbank: ReadonlyMap<string, Uint8Array>, file: string): ByteSource | undefined {
  const name = nameInAnyCase(bootbank, file);
  return name === undefined ? undefined : sourceOf(bootbank, name);
}

/** Digits of a size in the header of an archive member: the last field. */
const SIZE_WIDTH = 10;

/** A member of an archive whose data stay where they are. */
function memberOf(name: string, data: ByteSource): ByteSource[] {
  const head = writeAr([{ name, data: new Uint8Array(0) }]).slice(AR_MAGIC.length);
  head.set(latin1(String(data.size).padEnd(SIZE_WIDTH)), head.length - AR_HEADER_END.length - SIZE_WIDTH);
  return [bytesSource(head), data, bytesSource(latin1(data.size % 2 === 1 ? '\n' : ''))];
}

/**
 * An installed VIB in the form that `verifyVib` judges. Its payloads stay in the bootbank until they are read; one whose file
 * is missing is left out, which verification reports.
 */
export function installedAsVib(installed: ImgdbVib, bootbank: ReadonlyMap<string, Uint8Array>): Vib {
  const { descriptor, descriptorBytes, signature, files } = installed;
  const members = [
    bytesSource(latin1(AR_MAGIC)),
    ...memberOf(DESCRIPTOR_MEMBER, bytesSource(descriptorBytes)),
    ...memberOf(SIGNATURE_MEMBER, bytesSource(signature ?? new Uint8Array(0))),
  ];
  for (const { name } of descriptor.payloads) {
    const data = bankFile(bootbank, files.get(name) ?? '');
    if (data !== undefined) members.push(...memberOf(name, data));
  }
  return vibFromSource(joinedSource(members));
}

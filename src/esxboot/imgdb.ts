/**
 * `imgdb.tgz`: the image database of a bootbank. It holds the descriptor and the signature of every installed VIB and the
 * image profile, which tells the bootbank file of each payload. A gzip'd tar with paths under `var/db/esximg/` (facts:
 * vib-and-modules §5). Element and attribute names of the profile are those of published image profiles, from general
 * knowledge (docs/assumptions-boot-image.md).
 */
import { type ByteSource, bytesSource, joinedSource, nameInAnyCase, sourceOf } from '../archive/index.ts';
import { latin1, toHex, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import { AR_HEADER_END, AR_MAGIC } from '../vib/ar-scan.ts';
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
        [...files].map(([payload, file]) => xmlElement('payload', { 'payload-name': payload, 'vfat-name': file })),
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

/** Bytes of a database. Deterministic. */
export function buildImgdb(profileName: string, inputs: readonly ImgdbInput[]): Uint8Array {
  const files: ArchiveInput[] = inputs.flatMap((input) => {
    const name = descriptorPath(input);
    const signature = input.vib.signature ?? new Uint8Array(0);
    return [
      { name, data: input.vib.descriptorBytes },
      { name: `${name}.sig`, data: signature },
    ];
  });
  files.push({ name: `${PROFILES}${profileName}.xml`, data: profileXml(profileName, inputs) });
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
    const descriptor = attempt(findings, 'descriptor-unreadable', path, () => parseDescriptor(data));
    if (descriptor === undefined) continue;
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
    const vib = { id, descriptor, descriptorBytes: data, signature: files.get(`${path}.sig`), files: placed };
    vibs.set(id, vib);
    claimFiles(owners, findings, vib);
  }
  for (const id of profile?.files.keys() ?? []) {
    if (vibs.has(id)) continue;
    findings.push({ code: 'vib-not-in-database', where: id, message: 'named in the image profile, no descriptor' });
  }
  const summary = profile && { name: profile.name, acceptanceLevel: profile.acceptanceLevel };
  return { profile: summary, vibs: [...vibs.values()], owners, findings };
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

/**
 * Offline bundles (depots in a ZIP): read over random access, so that a bundle larger than memory can be used. The metadata
 * are read at once, each .vib when it is asked for.
 */
import {
  type ByteSource,
  bytesSource,
  openZip,
  type Spool,
  type ZipArchive,
  type ZipEntry,
  type ZipLimits,
} from '../archive/index.ts';
import { fromLatin1 } from '../bytes/bytes.ts';
import { FormatError, InputError, withPart } from '../bytes/errors.ts';
import type { Vib } from '../vib/vib.ts';
import { vibFromSource } from '../vib/vib-source.ts';
import { sha256Of } from './digest.ts';
import {
  type BundleBulletin,
  type BundleProfile,
  type BundleVendor,
  type BundleVib,
  joinPath,
  readBulletins,
  readBundleProfile,
  readBundleVib,
  readIndex,
  readVendorIndex,
} from './metadata.ts';

/** Something about a bundle that does not fit; the rest stays usable. */
export interface BundleFinding {
  readonly code:
    | 'unreadable'
    | 'duplicate-vib'
    | 'vib-file-missing'
    | 'vib-not-listed'
    | 'profile-vib-missing'
    | 'profile-twice';
  readonly where: string;
  readonly message: string;
}

const STRUCTURE = 'offline bundle';
const INDEX = 'index.xml';
const MAX_METADATA = 512 << 20;
const MAX_VIBS = 20_000;

const fail = (field: string, problem: string): FormatError => new FormatError({ structure: STRUCTURE, field, problem });

/** How a bundle is read. */
export interface BundleOptions extends ZipLimits {
  /** Where {@link OfflineBundle.unpack} puts VIBs that are compressed in the bundle; without one it does nothing. */
  readonly spool?: Spool;
}

/** The files of a bundle: those of a ZIP archive, or of a folder that it was unpacked to. */
export type BundleFiles = Pick<ZipArchive, 'has' | 'read' | 'stored' | 'unpacked' | 'unpack'> & {
  readonly entries: ReadonlyMap<string, Pick<ZipEntry, 'size'>>;
};

/** Documents of the metadata that nothing here is made from, e.g. the base images and add-ons of newer depots. */
export interface UnusedPart {
  /** Folder with its slash, or the name of a file. */
  readonly name: string;
  readonly files: number;
}

/** An offline bundle, opened. Nothing is verified but the bundle's own sizes and checksums. */
export interface OfflineBundle {
  readonly vendors: readonly BundleVendor[];
  /** Every VIB of the metadata by its id. */
  readonly vibs: ReadonlyMap<string, BundleVib>;
  readonly profiles: readonly BundleProfile[];
  readonly bulletins: readonly BundleBulletin[];
  readonly findings: readonly BundleFinding[];
  /** What the metadata hold besides VIBs, image profiles and bulletins: whole, and not looked into. */
  readonly unusedParts: readonly UnusedPart[];
  /**
   * Reads a VIB and compares size, checksum and id with the metadata (FormatError). `lazy` leaves payload data in the
   * bundle until they are used; then the checksum of a VIB that lies uncompressed is not compared.
   */
  openVib(id: string, options?: { readonly lazy?: boolean }): Vib;
  /**
   * Unpacks the files of these VIBs, where they are compressed in the bundle, into the spool, so that {@link openVib} needs no
   * memory for them. A damaged file is an error of {@link openVib}, not of this.
   */
  unpack(ids: readonly string[]): Promise<void>;
}

/** What the metadata archives of all vendors say together. */
class Collector {
  readonly #zip: BundleFiles;
  /** Where each description says that its VIB lies; of a VIB described twice both. */
  readonly #described = new Set<string>();
  readonly vibs = new Map<string, BundleVib>();
  readonly profiles: BundleProfile[] = [];
  readonly bulletins: BundleBulletin[] = [];
  readonly findings: BundleFinding[] = [];
  /** Files by part. */
  readonly unused = new Map<string, number>();

  constructor(zip: BundleFiles) {
    this.#zip = zip;
  }

  /** Runs `read`; unusable input becomes a finding. */
  attempt<T>(where: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.findings.push({ code: 'unreadable', where, message: error.message });
      return undefined;
    }
  }

  /** The place of a VIB: relative to its vendor's folder; bundles that mean their own root are read too. */
  #placed(vib: BundleVib, folder: string): BundleVib {
    const path = joinPath(folder, vib.path);
    return this.#zip.has(path) || !this.#zip.has(vib.path) ? { ...vib, path } : vib;
  }

  #vib(described: BundleVib | undefined, folder: string, where: string): void {
    if (described === undefined) return;
    const vib = this.#placed(described, folder);
    this.#described.add(vib.path);
    const other = this.vibs.get(vib.id);
    // Two vendors may bring one VIB, each in a folder of its own: where both state one SHA-256 it is the same file.
    const same = (a: BundleVib): boolean => a.sha256 === vib.sha256 && (a.path === vib.path || a.sha256 !== undefined);
    if (other === undefined) this.vibs.set(vib.id, vib);
    else if (!same(other)) {
      this.findings.push({ code: 'duplicate-vib', where, message: `VIB ${vib.id} is described twice` });
    }
    if (this.vibs.size > MAX_VIBS) throw fail('vibs', `more than ${MAX_VIBS} VIBs`);
  }

  #profile(profile: BundleProfile | undefined, where: string): void {
    if (profile === undefined) return;
    if (this.profiles.some(({ name }) => name === profile.name)) {
      this.findings.push({ code: 'profile-twice', where, message: `image profile ${profile.name} appears twice` });
    } else {
      this.profiles.push(profile);
    }
  }

  /** Takes in one metadata archive of the vendor with this folder. */
  add(metadata: ZipArchive, folder: string): void {
    for (const name of metadata.entries.keys()) {
      const bytes = (): Uint8Array => metadata.read(name);
      if (/^vibs\/[^/]+\.xml$/.test(name))
        this.#vib(
          this.attempt(name, () => readBundleVib(bytes(), name)),
          folder,
          name,
        );
      else if (/^profiles\/[^/]+$/.test(name)) {
        const read = (data: Uint8Array) =>
          name.endsWith('.xml') || looksLikeXml(data) ? readBundleProfile(data) : undefined;
        this.#profile(
          this.attempt(name, () => read(bytes())),
          name,
        );
      } else if (name === 'vmware.xml')
        this.bulletins.push(...(this.attempt(name, () => readBulletins(bytes())) ?? []));
      else if (!name.endsWith('/') && !REPEATED.test(name)) {
        const part = name.replace(/\/.*$/s, '/');
        this.unused.set(part, (this.unused.get(part) ?? 0) + 1);
      }
    }
  }

  /** Compares what is described with what is there. */
  check(): void {
    const zip = this.#zip;
    for (const { id, path } of this.vibs.values()) {
      if (!zip.has(path)) this.findings.push({ code: 'vib-file-missing', where: path, message: `file of VIB ${id}` });
    }
    for (const name of zip.entries.keys()) {
      if (!/\.vib$/i.test(name) || this.#described.has(name)) continue;
      this.findings.push({ code: 'vib-not-listed', where: name, message: 'the metadata do not name this VIB' });
    }
    for (const { name, vibIds } of this.profiles) {
      for (const id of vibIds.filter((each) => !this.vibs.has(each))) {
        const message = `image profile names VIB ${id}, which is not in the bundle`;
        this.findings.push({ code: 'profile-vib-missing', where: name, message });
      }
    }
  }
}

/** What stands elsewhere too: the bulletins of `vmware.xml`, each in a file of its own, and the vendor's index. */
const REPEATED = /^(bulletins\/[^/]+\.xml|vendor-index\.xml)$/;

/** Whether a file without a telling name holds XML: its first bytes, behind a byte order mark and white space. */
const looksLikeXml = (bytes: Uint8Array): boolean => /^(ï»¿)?\s*</.test(fromLatin1(bytes.subarray(0, 64)));

/** Whether files have the layout of a bundle. */
export const isBundle = (zip: Pick<BundleFiles, 'has'>): boolean => zip.has(INDEX);

/**
 * Opens a bundle. A damaged archive, a missing index and metadata that cannot be opened are a FormatError; single documents
 * that cannot be read are findings.
 */
export function openBundle(source: ByteSource, { spool, ...limits }: BundleOptions = {}): OfflineBundle {
  return readBundle(openZip(source, limits), { ...limits, ...(spool === undefined ? {} : { spool }) });
}

/** {@link openBundle} for an archive that is open already, or a folder that it was unpacked to. */
export function readBundle(zip: BundleFiles, { spool, ...limits }: BundleOptions = {}): OfflineBundle {
  if (!isBundle(zip)) throw fail(INDEX, 'missing: the archive is no offline bundle');
  const vendors = readIndex(zip.read(INDEX));
  if (vendors.length === 0) throw fail(INDEX, 'names no vendor');
  const all = new Collector(zip);
  for (const { index } of vendors) {
    const folder = index.slice(0, index.lastIndexOf('/') + 1);
    const paths = new Set(readVendorIndex(zip.read(index)).map(({ url }) => joinPath(folder, url)));
    for (const path of paths) {
      const bytes = zip.read(path);
      const metadata = withPart(path, () =>
        openZip(bytesSource(bytes), { maxBytes: MAX_METADATA, maxTotal: MAX_METADATA, ...limits }),
      );
      all.add(metadata, folder);
    }
  }
  all.check();
  const { vibs, profiles, bulletins, findings } = all;
  const openVib: OfflineBundle['openVib'] = (id, { lazy = false } = {}) => {
    const vib = vibs.get(id);
    if (vib === undefined) throw fail('vibs', `no VIB ${id}`);
    return openBundleVib(zip, vib, lazy);
  };
  const unpack: OfflineBundle['unpack'] = async (ids) => {
    const paths = ids.flatMap((id) => vibs.get(id)?.path ?? []).filter((path) => zip.has(path));
    if (spool !== undefined) await zip.unpack(paths, spool);
  };
  const unusedParts = [...all.unused].map(([name, files]) => ({ name, files }));
  return { vendors, vibs, profiles, bulletins, findings, unusedParts, openVib, unpack };
}

function openBundleVib(zip: BundleFiles, vib: BundleVib, lazy: boolean): Vib {
  const { path, id, packedSize, sha256 } = vib;
  const size = zip.entries.get(path)?.size;
  if (size !== undefined && packedSize !== undefined && size !== packedSize) {
    throw fail(path, `${size} bytes, the metadata say ${packedSize}`);
  }
  const unpacked = zip.unpacked(path);
  const stored = zip.stored(path);
  // Something must tell that the file is whole: the decompressor, the metadata, or else the archive's CRC.
  const inPlace = unpacked ?? (lazy || sha256 !== undefined ? stored : undefined);
  const source = inPlace ?? bytesSource(zip.read(path));
  const found = sha256 === undefined || (lazy && source === stored) ? sha256 : sha256Of(source);
  if (found !== sha256) throw fail(path, `SHA-256 is ${found}, the metadata say ${sha256}`);
  const opened = withPart(path, () => vibFromSource(source));
  const { vendor, type, name, version } = opened.descriptor;
  const inside = [vendor, type, name, version].join('_');
  if (inside !== id) throw fail(path, `holds VIB ${inside}, the metadata say ${id}`);
  return opened;
}

/**
 * The VIBs of an image: those of the named profile, of the only profile, or of the whole bundle where it has no profile.
 * Several profiles without a name, an unknown name and missing VIBs are an InputError.
 */
export function imageVibs(bundle: OfflineBundle, profileName?: string): readonly string[] {
  const { profiles, vibs } = bundle;
  const names = profiles.map(({ name }) => name).join(', ');
  if (profileName === undefined && profiles.length === 0) return [...vibs.keys()];
  if (profileName === undefined && profiles.length > 1) {
    throw new InputError(`the bundle has several image profiles, add #NAME to choose one: ${names}`);
  }
  const profile = profileName === undefined ? profiles[0] : profiles.find(({ name }) => name === profileName);
  if (profile === undefined) {
    throw new InputError(`no image profile ${JSON.stringify(profileName)}; the bundle has ${names || 'none'}`);
  }
  const missing = profile.vibIds.filter((id) => !vibs.has(id));
  if (missing.length > 0)
    throw new InputError(`image profile ${profile.name}: not in the bundle: ${missing.join(', ')}`);
  return profile.vibIds;
}

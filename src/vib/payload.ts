/** Payloads: what the bytes of an archive member hold, layer by layer, down to files. */
import type { ByteSource } from '../archive/source.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { decodeWhole, Feeder } from '../compress/asking.ts';
import { layerLimit, UnsupportedCompression } from '../compress/layer.ts';
import { type ContentScan, ContentWatch, type ScannedArchive, type UnpackedFile, unpackNow } from './content-scan.ts';
import type { VibFinding } from './findings.ts';
import { type GunzipLimits, gunzip, gunzipLimit, isGzip } from './gzip.ts';
import { LAYER_DECODERS, NestedFile, nestedLayer, type Passes } from './nested-file.ts';
import type { ArchiveEntry } from './tar-header.ts';
import { BLOCK } from './tar-header.ts';
import type { TarEntry } from './tar-scan.ts';
import { isUstar, readUstar } from './ustar.ts';
import { isVmtar, readVmtar } from './vmtar.ts';

/** What the bytes are below all layers of compression; `xz` and `zstd` where such a layer could not be opened. */
export type PayloadContent = 'vmtar' | 'tar' | 'xz' | 'zstd' | 'raw';

/** What is known of an opened payload without its bytes. */
export interface OpenArchive {
  readonly content: PayloadContent;
  /** The second layer of compression that archives of some official images have (facts: vib-and-modules §3). */
  readonly nested: 'xz' | 'zstd' | undefined;
  /** Entries of the archive; empty for raw modules. */
  readonly entries: readonly EntryHead[];
  /** Entries that must not be unpacked, and layers that cannot be opened. */
  readonly findings: readonly VibFinding[];
}

/** An archive entry without its data. */
type EntryHead = Omit<ArchiveEntry, 'data'> & { readonly size: number };

/** A payload, opened. */
export interface OpenPayload extends OpenArchive {
  readonly name: string;
  /** The gunzip'd bytes: what sha-256 with `gunzip` covers and what measured boot hashes. */
  readonly decompressed: Uint8Array;
  /** Whether the member was gzip. */
  readonly gzip: boolean;
  readonly entries: readonly (ArchiveEntry & EntryHead)[];
}

/** Whether content is an archive of files. */
export const holdsTar = (content: PayloadContent | undefined): boolean => content === 'vmtar' || content === 'tar';

function contentOf(bytes: Uint8Array): PayloadContent {
  if (isVmtar(bytes)) return 'vmtar';
  if (isUstar(bytes)) return 'tar';
  return nestedLayer(bytes) ?? 'raw';
}

/** Whether content begins with the block of zeros that ends a tar archive (POSIX, ustar): an archive without any file. */
const endsAtOnce = (bytes: Uint8Array): boolean =>
  bytes.length >= BLOCK && bytes.subarray(0, BLOCK).every((byte) => byte === 0);

/** {@link contentOf} for content that is to be an archive, which an empty one is too. */
function contentOfPayload({ type }: PayloadHead, bytes: Uint8Array): PayloadContent {
  return isArchiveType(type) && endsAtOnce(bytes) ? 'tar' : contentOf(bytes);
}

/** Why a path must not be written below a directory; undefined where it is harmless. */
export function unsafePath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (/(^|[/\\])\.\.([/\\]|$)/.test(path)) return 'leads outside with ..';
  return /[\0\\]/.test(path) ? 'has a character that is no part of a path' : undefined;
}

/** A path without what changes nothing: leading and repeated slashes, `.` for a folder itself. */
export const plainPath = (path: string): string =>
  // Nearly every path is plain: taking it apart would cost many times its length.
  NOT_PLAIN.test(path)
    ? path
        .split('/')
        .filter((part) => part !== '' && part !== '.')
        .join('/')
    : path;

/** A part of a path that is empty or `.`. */
const NOT_PLAIN = /(^|\/)\.?(\/|$)/;

/** The reason why an entry is not unpacked, if there is one. */
function entryFinding(entry: EntryHead, where: string): VibFinding | undefined {
  const problem = unsafePath(entry.name);
  const named = `${where}:${entry.name}`;
  if (problem !== undefined) return { code: 'unsafe-path', where: named, message: `path ${problem}` };
  switch (entry.type) {
    case 'symlink':
    case 'hardlink':
      return { code: 'link', where: named, message: `${entry.type} to ${entry.linkName} is not unpacked` };
    case 'character':
    case 'block':
    case 'fifo':
      return { code: 'special-file', where: named, message: `${entry.type} device or pipe is not unpacked` };
    default:
      return undefined;
  }
}

/** Whether an entry carries a file's content. */
export const isFile = (entry: EntryHead): boolean => entry.type === 'file' || entry.type === 'shared';

/** Types of payloads that are known: those of facts, vib-and-modules §2, and those of VMware's own esx-base of 7.0. */
const PAYLOAD_TYPES: ReadonlySet<string> = new Set([
  ...['vgz', 'tgz', 'boot', 'bootx64', 'bootia32', 'insttar', 'upgrade', 'text'],
  ...['boot_loader_efi', 'boot_com32_bios', 'boot_iso_bios', 'eltorito_image_efi'],
]);

/** Whether a payload type is one that is known. */
export const isKnownType = (type: string): boolean => PAYLOAD_TYPES.has(type);

/**
 * Whether a payload type is an archive of files by its declaration, which its content must then be. What holds files is
 * decided by the content alone: a loader mounts an archive whatever its type.
 */
export const isArchiveType = (type: string): boolean => type === 'vgz' || type === 'tgz';

/**
 * Opens a payload. Damaged compression and damaged archives are a `FormatError`; dangerous entries and second layers of
 * compression that cannot be opened are findings. `limits` bound decompression, all layers together.
 */
export function openPayload(
  payload: { readonly name: string; readonly type: string; readonly data: Uint8Array },
  limits: GunzipLimits = {},
): OpenPayload {
  const { name, data } = payload;
  const zipped = isGzip(data);
  return openDecompressed(payload, zipped ? gunzip(data, name, limits) : data, zipped, limits);
}

/** Why a second layer stays closed, as findings; only an archive by declaration is damaged by that. Other errors are thrown on. */
function closedLayer(layer: 'xz' | 'zstd', { name, type }: PayloadHead, error: unknown): VibFinding[] {
  if (!(error instanceof FormatError) && !(error instanceof UnsupportedCompression)) throw error;
  if (error instanceof UnsupportedCompression) return [unopened(layer, name, `: ${error.message}`)];
  const finding = unopened(layer, name, ` because it is damaged: ${error.message}`);
  return isArchiveType(type) ? [finding, { code: 'payload-damaged', where: name, message: error.message }] : [finding];
}

/** Opens the second layer; what stands in the way is a finding. Whatever is no archive below it stays as it is. */
function openNested(
  layer: 'xz' | 'zstd',
  payload: PayloadHead & { readonly data: Uint8Array },
  bytes: Uint8Array,
  limits: GunzipLimits,
  findings: VibFinding[],
): Uint8Array | undefined {
  const { name, type, data } = payload;
  try {
    const limit = layerLimit(data.length, limits);
    const inner = decodeWhole(bytes, (sink) => LAYER_DECODERS[layer](name, limit, sink));
    if (isArchiveType(type) || holdsTar(contentOf(inner))) return inner;
    findings.push(unopened(layer, name));
  } catch (error) {
    findings.push(...closedLayer(layer, payload, error));
  }
  return undefined;
}

type PayloadHead = { readonly name: string; readonly type: string };

function mustBeGzip({ name, type }: PayloadHead, zipped: boolean): void {
  if (zipped || !isArchiveType(type)) return;
  throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but not gzip` });
}

function mustHoldTar({ name, type }: PayloadHead, content: PayloadContent, opened: boolean): void {
  if (!isArchiveType(type) || holdsTar(content)) return;
  // A second layer that could not be opened is a finding: nobody knows what it holds.
  if (content !== 'raw' && !opened) return;
  throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but holds no tar archive` });
}

/** A path of an archive, without what changes nothing. */
interface PlainEntry {
  readonly path: string;
  readonly folder: boolean;
}

/** Place of the first path that is not before `wanted` in a sorted list. */
function placeOf(sorted: readonly string[], wanted: string): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? '') < wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}

/**
 * Names that are a file, and a folder by an entry or by what lies below: what begins with the name and a slash stands together in
 * a sorted list. Looking for each folder of each path would cost the square of their lengths.
 */
function filesAndFolders(entries: readonly PlainEntry[], files: ReadonlySet<string>): Set<string> {
  const sorted = entries.map(({ path }) => path).sort();
  const both = new Set(entries.filter(({ path, folder }) => folder && files.has(path)).map(({ path }) => path));
  for (const file of files) {
    const below = `${file}/`;
    if (sorted[placeOf(sorted, below)]?.startsWith(below)) both.add(file);
  }
  return both;
}

function entryFindings(entries: readonly EntryHead[], where: string): VibFinding[] {
  const paths = entries.map(({ type, name }) => ({ folder: type === 'directory', path: plainPath(name) }));
  const files = paths.filter(({ folder }) => !folder).map(({ path }) => path);
  const seen = new Set<string>();
  const twice = new Set(files.filter((path) => seen.size === seen.add(path).size));
  const odd = (names: ReadonlySet<string>, message: string): VibFinding[] =>
    [...names].map((name) => ({ code: 'file-twice', where: `${where}:${name}`, message }));
  return [
    ...entries.flatMap((entry) => entryFinding(entry, where) ?? []),
    ...odd(twice, 'held twice'),
    ...odd(filesAndFolders(paths, seen), 'is both a file and a folder'),
  ];
}

const unopened = (layer: 'xz' | 'zstd', where: string, why = ''): VibFinding => ({
  code: 'nested-compression',
  where,
  message: `holds ${layer} data, which is not opened${why}`,
});

/** The second layer of compression that content begins with. */
const layerOf = (content: PayloadContent): 'xz' | 'zstd' | undefined =>
  content === 'xz' || content === 'zstd' ? content : undefined;

/** {@link openPayload} for a payload that is decompressed already; `zipped` tells whether it was gzip. */
export function openDecompressed(
  payload: PayloadHead & { readonly data: Uint8Array },
  decompressed: Uint8Array,
  zipped: boolean,
  limits: GunzipLimits = {},
): OpenPayload {
  const { name } = payload;
  const findings: VibFinding[] = [];
  mustBeGzip(payload, zipped);
  const outer = contentOfPayload(payload, decompressed);
  const nested = layerOf(outer);
  const inner = nested && openNested(nested, payload, decompressed, limits, findings);
  const content = inner === undefined ? outer : contentOf(inner);
  mustHoldTar(payload, content, inner !== undefined);
  const entries = READERS[content](inner ?? decompressed).map((entry) => ({ ...entry, size: entry.data.length }));
  findings.push(...entryFindings(entries, name));
  return { name, content, decompressed, gzip: zipped, nested, entries, findings };
}

/** An archive with the places of its files. */
export interface ScannedPayload extends OpenArchive {
  readonly entries: readonly TarEntry[];
}

/** The entries of an archive that was found, with what must be said of them. An archive that is damaged is its error. */
function scannedEntries(archive: ScannedArchive, where: string): Pick<ScannedPayload, 'entries' | 'findings'> {
  if ('error' in archive) throw archive.error;
  return { entries: archive.entries, findings: entryFindings(archive.entries, where) };
}

/**
 * What {@link openPayload} tells, of a payload that was unpacked without being kept. Undefined where a second layer of
 * compression is in the way.
 */
export function openScanned(
  payload: PayloadHead,
  scan: Pick<ContentScan, 'compressed' | 'head' | 'archive'>,
): ScannedPayload | undefined {
  mustBeGzip(payload, scan.compressed);
  const content = contentOfPayload(payload, scan.head);
  if (layerOf(content) !== undefined) return undefined;
  mustHoldTar(payload, content, true);
  const archive = scan.archive === undefined ? NO_FILES : scannedEntries(scan.archive, payload.name);
  return { content, nested: undefined, ...archive };
}

const NO_FILES: Pick<ScannedPayload, 'entries' | 'findings'> = { entries: [], findings: [] };

/**
 * {@link openScanned} through a second layer too, which is decoded as its data pass by. `passes` gives the bytes that the
 * places of the entries count in; where there is no archive, the content as it is without gzip.
 * @param packed bytes of the payload itself, which bound what the layers may hold
 * @param keep what a second layer holds is kept up to this size, for whoever takes another pass
 */
export async function openUnpacked(
  payload: PayloadHead,
  packed: number,
  file: UnpackedFile,
  limits: GunzipLimits = {},
  keep = 0,
): Promise<{ readonly opened: ScannedPayload; readonly passes: Passes }> {
  const { name } = payload;
  const nested = nestedLayer(file.head);
  const plain = openScanned(payload, file);
  if (plain !== undefined || nested === undefined) {
    return { opened: plain ?? { content: 'raw', nested, ...NO_FILES }, passes: file };
  }
  const closed = (findings: VibFinding[]) => ({
    opened: { content: nested, nested, entries: [], findings },
    passes: file,
  });
  const passes = new NestedFile(file, nested, name, layerLimit(packed, limits));
  let archive: ScannedArchive | undefined;
  try {
    archive = await passes.archive(keep);
  } catch (error) {
    return closed(closedLayer(nested, payload, error));
  }
  mustHoldTar(payload, archive?.kind ?? 'raw', true);
  if (archive === undefined) return closed([unopened(nested, name)]);
  return { opened: { content: archive.kind, nested, ...scannedEntries(archive, name) }, passes };
}

/** Runs a pass over content; damage ends it. */
function untilDamage(pass: () => void): void {
  try {
    pass();
  } catch (error) {
    const damage = error instanceof FormatError || error instanceof UnsupportedCompression;
    if (error instanceof InputError && !damage) throw error;
  }
}

/**
 * Entries of the archive that a payload holds, below all its layers, found in passes that keep nothing and wait for nothing.
 * What is damaged before its archive ends, and what holds none, has no entries; damage behind it does not hide them.
 */
export function entriesNow(source: ByteSource, name: string, limits: GunzipLimits = {}): readonly TarEntry[] {
  const limit = gunzipLimit(source.size, limits);
  const outer = new ContentWatch();
  untilDamage(() => unpackNow(source, limit, (chunk) => outer.push(chunk)));
  let archive = outer.archive();
  const layer = archive === undefined ? nestedLayer(outer.head) : undefined;
  if (layer !== undefined) {
    const inner = new ContentWatch();
    untilDamage(() => {
      const feeder = new Feeder(
        LAYER_DECODERS[layer](name, layerLimit(source.size, limits), (chunk) => inner.push(chunk)),
      );
      unpackNow(source, limit, (chunk) => feeder.push(chunk));
      feeder.end();
    });
    archive = inner.archive();
  }
  return archive !== undefined && 'entries' in archive ? archive.entries : [];
}

const none = (): ArchiveEntry[] => [];
const READERS: Readonly<Record<PayloadContent, (bytes: Uint8Array) => readonly ArchiveEntry[]>> = {
  vmtar: readVmtar,
  tar: readUstar,
  xz: none,
  zstd: none,
  raw: none,
};

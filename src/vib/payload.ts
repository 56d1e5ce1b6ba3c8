/** Payloads: what the bytes of an archive member hold, layer by layer, down to files. */
import { FormatError } from '../bytes/errors.ts';
import { layerLimit, UnsupportedCompression } from '../compress/layer.ts';
import { isXz, unxz } from '../compress/xz.ts';
import { isZstd, unzstd } from '../compress/zstd.ts';
import type { ContentScan } from './content-scan.ts';
import type { VibFinding } from './findings.ts';
import { type GunzipLimits, gunzip, isGzip } from './gzip.ts';
import type { ArchiveEntry } from './tar-header.ts';
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

function contentOf(bytes: Uint8Array): PayloadContent {
  if (isVmtar(bytes)) return 'vmtar';
  if (isUstar(bytes)) return 'tar';
  if (isXz(bytes)) return 'xz';
  return isZstd(bytes) ? 'zstd' : 'raw';
}

/** Why a path must not be written below a directory; undefined where it is harmless. */
export function unsafePath(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is absolute';
  if (path.split(/[/\\]/).includes('..')) return 'leads outside with ..';
  return /[\0\\]/.test(path) ? 'has a character that is no part of a path' : undefined;
}

/** A path without what changes nothing: leading and repeated slashes, `.` for a folder itself. */
export const plainPath = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

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

/** Types of payloads that ESXi's installer has (facts: vib-and-modules §3). */
const PAYLOAD_TYPES: ReadonlySet<string> = new Set(['vgz', 'tgz', 'boot', 'bootx64', 'bootia32', 'insttar', 'upgrade']);

/** Whether a payload type is one that is known. */
export const isKnownType = (type: string): boolean => PAYLOAD_TYPES.has(type);

/** Whether a payload type is an archive of files by its declaration. */
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

/** Opens the second layer of an archive; what stands in the way is a finding. */
function openNested(
  layer: 'xz' | 'zstd',
  { name, data }: { readonly name: string; readonly data: Uint8Array },
  bytes: Uint8Array,
  limits: GunzipLimits,
  findings: VibFinding[],
): Uint8Array | undefined {
  try {
    const limit = layerLimit(data.length, limits);
    return layer === 'xz' ? unxz(bytes, name, limit) : unzstd(bytes, name, limit);
  } catch (error) {
    if (!(error instanceof FormatError) && !(error instanceof UnsupportedCompression)) throw error;
    const why = error instanceof UnsupportedCompression ? `: ${error.message}` : '';
    findings.push(unopened(layer, name, why));
    if (error instanceof FormatError) findings.push({ code: 'payload-damaged', where: name, message: error.message });
    return undefined;
  }
}

type PayloadHead = { readonly name: string; readonly type: string };

function mustBeGzip({ name, type }: PayloadHead, zipped: boolean): void {
  if (zipped || !isArchiveType(type)) return;
  throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but not gzip` });
}

function mustHoldTar({ name, type }: PayloadHead, content: PayloadContent, opened: boolean): void {
  if (!isArchiveType(type) || content === 'vmtar' || content === 'tar') return;
  // A second layer that could not be opened is a finding: nobody knows what it holds.
  if (content !== 'raw' && !opened) return;
  throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but holds no tar archive` });
}

function entryFindings(entries: readonly EntryHead[], where: string): VibFinding[] {
  const files = entries.filter(({ type }) => type !== 'directory').map(({ name }) => plainPath(name));
  const seen = new Set<string>();
  const twice = new Set(files.filter((name) => seen.size === seen.add(name).size));
  return [
    ...entries.flatMap((entry) => entryFinding(entry, where) ?? []),
    ...[...twice].map((name): VibFinding => ({ code: 'file-twice', where: `${where}:${name}`, message: 'held twice' })),
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
  const { name, type } = payload;
  const archive = isArchiveType(type);
  const findings: VibFinding[] = [];
  mustBeGzip(payload, zipped);
  const outer = contentOf(decompressed);
  const nested = layerOf(outer);
  if (nested !== undefined && !archive) findings.push(unopened(nested, name));
  const inner =
    nested !== undefined && archive ? openNested(nested, payload, decompressed, limits, findings) : undefined;
  const content = inner === undefined ? outer : contentOf(inner);
  mustHoldTar(payload, content, inner !== undefined);
  const read = archive ? READERS[content](inner ?? decompressed) : [];
  const entries = read.map((entry) => ({ ...entry, size: entry.data.length }));
  findings.push(...entryFindings(entries, name));
  return { name, content, decompressed, gzip: zipped, nested, entries, findings };
}

/**
 * What {@link openPayload} tells, of a payload that was unpacked without being kept. Undefined where a second layer of
 * compression is in the way: that one is opened in memory.
 */
export function openScanned(payload: PayloadHead, scan: ContentScan): OpenArchive | undefined {
  const { name, type } = payload;
  mustBeGzip(payload, scan.compressed);
  const content = contentOf(scan.head);
  const nested = layerOf(content);
  if (nested !== undefined && isArchiveType(type)) return undefined;
  mustHoldTar(payload, content, true);
  if (!isArchiveType(type) || scan.archive === undefined) {
    return { content, nested, entries: [], findings: nested === undefined ? [] : [unopened(nested, name)] };
  }
  if ('error' in scan.archive) throw scan.archive.error;
  const { entries } = scan.archive;
  return { content, nested, entries, findings: entryFindings(entries, name) };
}

const none = (): ArchiveEntry[] => [];
const READERS: Readonly<Record<PayloadContent, (bytes: Uint8Array) => readonly ArchiveEntry[]>> = {
  vmtar: readVmtar,
  tar: readUstar,
  xz: none,
  zstd: none,
  raw: none,
};

/** Payloads: what the bytes of an archive member hold, layer by layer, down to files. */
import { FormatError } from '../bytes/errors.ts';
import { layerLimit, UnsupportedCompression } from '../compress/layer.ts';
import { isXz, unxz } from '../compress/xz.ts';
import { isZstd, unzstd } from '../compress/zstd.ts';
import type { VibFinding } from './findings.ts';
import { type GunzipLimits, gunzip, isGzip } from './gzip.ts';
import type { ArchiveEntry } from './tar-header.ts';
import { isUstar, readUstar } from './ustar.ts';
import { isVmtar, readVmtar } from './vmtar.ts';

/** What the bytes are below all layers of compression; `xz` and `zstd` where such a layer could not be opened. */
export type PayloadContent = 'vmtar' | 'tar' | 'xz' | 'zstd' | 'raw';

/** A payload, opened. */
export interface OpenPayload {
  readonly name: string;
  readonly content: PayloadContent;
  /** The gunzip'd bytes: what sha-256 with `gunzip` covers and what measured boot hashes. */
  readonly decompressed: Uint8Array;
  /** Whether the member was gzip. */
  readonly gzip: boolean;
  /** The second layer of compression that archives of some official images have (facts: vib-and-modules §3). */
  readonly nested: 'xz' | 'zstd' | undefined;
  /** Entries of the archive; empty for raw modules. */
  readonly entries: readonly ArchiveEntry[];
  /** Entries that must not be unpacked, and layers that cannot be opened. */
  readonly findings: readonly VibFinding[];
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

/** The reason why an entry is not unpacked, if there is one. */
function entryFinding(entry: ArchiveEntry, where: string): VibFinding | undefined {
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
export const isFile = (entry: ArchiveEntry): boolean => entry.type === 'file' || entry.type === 'shared';

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
    findings.push({
      code: 'nested-compression',
      where: name,
      message: `holds ${layer} data, which is not opened${why}`,
    });
    if (error instanceof FormatError) findings.push({ code: 'payload-damaged', where: name, message: error.message });
    return undefined;
  }
}

/** {@link openPayload} for a payload that is decompressed already; `zipped` tells whether it was gzip. */
export function openDecompressed(
  payload: { readonly name: string; readonly type: string; readonly data: Uint8Array },
  decompressed: Uint8Array,
  zipped: boolean,
  limits: GunzipLimits = {},
): OpenPayload {
  const { name, type } = payload;
  const archive = isArchiveType(type);
  const findings: VibFinding[] = [];
  if (archive && !zipped) {
    throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but not gzip` });
  }
  const outer = contentOf(decompressed);
  const nested = outer === 'xz' || outer === 'zstd' ? outer : undefined;
  if (nested !== undefined && !archive) {
    findings.push({ code: 'nested-compression', where: name, message: `holds ${nested} data, which is not opened` });
  }
  const inner =
    nested !== undefined && archive ? openNested(nested, payload, decompressed, limits, findings) : undefined;
  const bytes = inner ?? decompressed;
  const content = inner === undefined ? outer : contentOf(inner);
  if (archive && (content === 'raw' || (inner !== undefined && content !== 'vmtar' && content !== 'tar'))) {
    throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but holds no tar archive` });
  }
  const entries = archive ? READERS[content](bytes) : [];
  for (const entry of entries) {
    const found = entryFinding(entry, name);
    if (found !== undefined) findings.push(found);
  }
  return { name, content, decompressed, gzip: zipped, nested, entries, findings };
}

const none = (): ArchiveEntry[] => [];
const READERS: Readonly<Record<PayloadContent, (bytes: Uint8Array) => readonly ArchiveEntry[]>> = {
  vmtar: readVmtar,
  tar: readUstar,
  xz: none,
  zstd: none,
  raw: none,
};

/** Payloads: what the bytes of an archive member hold, layer by layer, down to files. */
import { FormatError } from '../bytes/errors.ts';
import type { VibFinding } from './findings.ts';
import { type GunzipLimits, gunzip, isGzip } from './gzip.ts';
import type { ArchiveEntry } from './tar-header.ts';
import { isUstar, readUstar } from './ustar.ts';
import { isVmtar, readVmtar } from './vmtar.ts';

/** What the decompressed bytes are. `xz` and `zstd` are second layers of compression, recognised but not opened. */
export type PayloadContent = 'vmtar' | 'tar' | 'xz' | 'zstd' | 'raw';

/** A payload, opened. */
export interface OpenPayload {
  readonly name: string;
  readonly content: PayloadContent;
  /** The decompressed bytes: what sha-256 with `gunzip` covers and what measured boot hashes. */
  readonly decompressed: Uint8Array;
  /** Whether the member was gzip. */
  readonly gzip: boolean;
  /** Entries of the archive; empty for raw modules. */
  readonly entries: readonly ArchiveEntry[];
  /** Entries that must not be unpacked, and layers that cannot be opened. */
  readonly findings: readonly VibFinding[];
}

const startsWith = (bytes: Uint8Array, ...start: readonly number[]): boolean => start.every((b, i) => bytes[i] === b);

function contentOf(bytes: Uint8Array): PayloadContent {
  if (isVmtar(bytes)) return 'vmtar';
  if (isUstar(bytes)) return 'tar';
  if (startsWith(bytes, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  return startsWith(bytes, 0x28, 0xb5, 0x2f, 0xfd) ? 'zstd' : 'raw';
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
 * compression are findings. `limits` bound decompression.
 */
export function openPayload(
  payload: { readonly name: string; readonly type: string; readonly data: Uint8Array },
  limits: GunzipLimits = {},
): OpenPayload {
  const { name, data } = payload;
  const zipped = isGzip(data);
  return openDecompressed(payload, zipped ? gunzip(data, name, limits) : data, zipped);
}

/** {@link openPayload} for a payload that is decompressed already; `zipped` tells whether it was gzip. */
export function openDecompressed(
  payload: { readonly name: string; readonly type: string },
  decompressed: Uint8Array,
  zipped: boolean,
): OpenPayload {
  const { name, type } = payload;
  const archive = isArchiveType(type);
  const content = contentOf(decompressed);
  const findings: VibFinding[] = [];
  if (archive && !zipped) {
    throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but not gzip` });
  }
  if (archive && content === 'raw') {
    throw new FormatError({ structure: 'payload', field: name, problem: `type ${type} but holds no tar archive` });
  }
  if (content === 'xz' || content === 'zstd') {
    findings.push({ code: 'nested-compression', where: name, message: `holds ${content} data, which is not opened` });
  }
  const entries = archive ? READERS[content](decompressed) : [];
  for (const entry of entries) {
    const found = entryFinding(entry, name);
    if (found !== undefined) findings.push(found);
  }
  return { name, content, decompressed, gzip: zipped, entries, findings };
}

const none = (): ArchiveEntry[] => [];
const READERS: Readonly<Record<PayloadContent, (bytes: Uint8Array) => readonly ArchiveEntry[]>> = {
  vmtar: readVmtar,
  tar: readUstar,
  xz: none,
  zstd: none,
  raw: none,
};

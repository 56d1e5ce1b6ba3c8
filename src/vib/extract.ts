/** What unpacking a VIB would write: files with safe paths only; everything else is reported. */
import { piecesOf } from '../archive/source.ts';
import { memberSource } from './ar.ts';
import { scanPayload, UnpackedFile } from './content-scan.ts';
import { isError, type VibFinding } from './findings.ts';
import type { GunzipLimits } from './gzip.ts';
import type { Passes } from './nested-file.ts';
import { holdsTar, isFile, openPayload, openUnpacked, unsafePath } from './payload.ts';
import { compareMembers, compareStated, contentHashes, statedOf } from './stated.ts';
import type { ArchiveEntry } from './tar-header.ts';
import type { TarEntry } from './tar-scan.ts';
import { payloadSource, type Vib, type VibPayload } from './vib.ts';

/** One file or directory to be written, without its data. */
export interface ExtractedHead {
  /** Relative path with forward slashes; never leads outside. */
  readonly path: string;
  readonly directory: boolean;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of data. */
  readonly size: number;
  /** The member it comes from. */
  readonly member: string;
}

/** One file or directory to be written. */
export interface ExtractedFile extends Omit<ExtractedHead, 'size'> {
  readonly data: Uint8Array;
}

/** Files to be written, and what was left out. */
export interface Extraction {
  readonly files: readonly ExtractedFile[];
  readonly findings: readonly VibFinding[];
}

/** The archive's members as they are: descriptor, signature, payloads. */
export function extractMembers(vib: Vib): ExtractedFile[] {
  return vib.members.map(({ name, data }) => ({ path: name, directory: false, mode: PLAIN_MODE, data, member: name }));
}

/**
 * The content of the payloads: files of archives at their paths, other payloads decompressed under their name. A payload that
 * cannot be read is a `FormatError`; links, devices and unsafe paths are left out with a finding.
 */
export function extractVib(vib: Vib, limits: GunzipLimits = {}): Extraction {
  const files: ExtractedFile[] = [];
  const findings: VibFinding[] = [];
  for (const payload of vib.payloads) {
    const member = payload.name;
    const opened = openPayload(payload, limits);
    findings.push(...opened.findings);
    if (!holdsTar(opened.content)) {
      files.push({ path: member, directory: false, mode: PLAIN_MODE, data: opened.decompressed, member });
      continue;
    }
    for (const entry of opened.entries.filter(isUnpacked)) {
      const { size: _size, ...head } = headOf(entry, member);
      files.push({ ...head, data: entry.data });
    }
  }
  return { files, findings };
}

/** Permission bits of what is no entry of an archive. */
const PLAIN_MODE = 0o644;

type EntryHead = Omit<ArchiveEntry, 'data'> & { readonly size: number };

/** Whether an entry is written at all. */
const isUnpacked = (entry: EntryHead): boolean =>
  unsafePath(entry.name) === undefined && (entry.type === 'directory' || isFile(entry));

const headOf = ({ name, type, mode, size }: EntryHead, member: string): ExtractedHead => ({
  path: name,
  directory: type === 'directory',
  mode: mode & 0o777,
  size,
  member,
});

/** Where files go that are never in memory as a whole. */
export interface ExtractTarget {
  /** Makes a directory, or begins a file; each before the first of its bytes. */
  begin(head: ExtractedHead): void;
  /** The next bytes of a file that was begun; several may be under way. They hold for the time of the call. */
  append(path: string, bytes: Uint8Array): void;
}

/** What was written, and what was left out. */
export interface Written {
  readonly files: readonly ExtractedHead[];
  readonly findings: readonly VibFinding[];
  /** Where the archive is not what the descriptor says: payloads that are missing, not declared, of another size or checksum. */
  readonly differences: readonly VibFinding[];
}

/** {@link extractMembers} for VIBs of any size. */
export function writeMembers(vib: Vib, target: ExtractTarget): Written {
  const files = vib.members.map((member): ExtractedHead => {
    const { name } = member;
    const source = memberSource(member);
    const head = { path: name, directory: false, mode: PLAIN_MODE, size: source.size, member: name };
    target.begin(head);
    for (const piece of piecesOf(source)) target.append(name, piece);
    return head;
  });
  return { files, findings: [], differences: compareMembers(vib) };
}

/**
 * {@link extractVib} for VIBs of any size: payloads are looked through first, then written as they are unpacked again. From the
 * first finding on that makes the VIB bad nothing more is written; without a target nothing is at all.
 */
export async function writeVibFiles(
  vib: Vib,
  target: ExtractTarget | undefined,
  limits: GunzipLimits = {},
): Promise<Written> {
  const files: ExtractedHead[] = [];
  const findings: VibFinding[] = [];
  const differences: VibFinding[] = [...compareMembers(vib)];
  for (const payload of vib.payloads) {
    const { contents, passes, ...found } = await contentsOf(vib, payload, limits);
    findings.push(...found.findings);
    differences.push(...found.differences);
    for (const { head } of contents) files.push(head);
    if (target !== undefined && !findings.some(isError)) await writeContents(contents, passes, target);
  }
  return { files, findings, differences };
}

/** Unpacked payloads up to this size are kept, which saves the second pass. */
const KEEP = 512 << 10;
/** The same for what is below a second layer, whose decoders take many times longer. */
const KEEP_NESTED = 32 << 20;

/** Something to be written, and where its bytes are in the payload. */
interface PlacedContent extends Pick<TarEntry, 'dataOffset'> {
  readonly head: ExtractedHead;
}

interface PayloadContents {
  readonly contents: readonly PlacedContent[];
  readonly passes: Passes;
  readonly findings: readonly VibFinding[];
  readonly differences: readonly VibFinding[];
}

async function contentsOf(vib: Vib, payload: VibPayload, limits: GunzipLimits): Promise<PayloadContents> {
  const { name } = payload;
  const source = payloadSource(payload);
  const scan = await scanPayload(source, name, contentHashes(statedOf(vib, payload)), limits, KEEP);
  const file = new UnpackedFile(source, scan, name);
  const { opened, passes } = await openUnpacked(payload, source.size, file, limits, KEEP_NESTED);
  const { content, entries, findings } = opened;
  const whole: ExtractedHead = { path: name, directory: false, mode: PLAIN_MODE, size: file.size, member: name };
  const contents = holdsTar(content)
    ? entries.filter(isUnpacked).map((entry) => ({ head: headOf(entry, name), dataOffset: entry.dataOffset }))
    : [{ head: whole, dataOffset: 0 }];
  return { contents, passes, findings, differences: compareStated(vib, payload, scan) };
}

/** Writes what a payload holds in one pass, wherever the data lie: every range goes to its files as it passes by. */
async function writeContents(contents: readonly PlacedContent[], passes: Passes, target: ExtractTarget): Promise<void> {
  for (const { head } of contents) target.begin(head);
  const waiting = contents
    .filter(({ head }) => !head.directory && head.size > 0)
    .toSorted((a, b) => a.dataOffset - b.dataOffset);
  if (waiting.length === 0) return;
  let next = 0;
  let current: PlacedContent[] = [];
  let at = 0;
  await passes.each((chunk) => {
    const end = at + chunk.length;
    for (let each = waiting[next]; each !== undefined && each.dataOffset < end; each = waiting[++next]) {
      current.push(each);
    }
    for (const { head, dataOffset } of current) {
      const [from, to] = [Math.max(dataOffset, at), Math.min(dataOffset + head.size, end)];
      target.append(head.path, chunk.subarray(from - at, to - at));
    }
    current = current.filter(({ head, dataOffset }) => dataOffset + head.size > end);
    at = end;
  });
}

/** What unpacking a VIB would write: files with safe paths only; everything else is reported. */
import type { VibFinding } from './findings.ts';
import type { GunzipLimits } from './gzip.ts';
import { isFile, openPayload, unsafePath } from './payload.ts';
import type { Vib } from './vib.ts';

/** One file or directory to be written. */
export interface ExtractedFile {
  /** Relative path with forward slashes; never leads outside. */
  readonly path: string;
  readonly directory: boolean;
  /** Permission bits. */
  readonly mode: number;
  readonly data: Uint8Array;
  /** The member it comes from. */
  readonly member: string;
}

/** Files to be written, and what was left out. */
export interface Extraction {
  readonly files: readonly ExtractedFile[];
  readonly findings: readonly VibFinding[];
}

/** The archive's members as they are: descriptor, signature, payloads. */
export function extractMembers(vib: Vib): ExtractedFile[] {
  return vib.members.map(({ name, data }) => ({ path: name, directory: false, mode: 0o644, data, member: name }));
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
    if (opened.content !== 'vmtar' && opened.content !== 'tar') {
      files.push({ path: member, directory: false, mode: 0o644, data: opened.decompressed, member });
      continue;
    }
    for (const entry of opened.entries) {
      const directory = entry.type === 'directory';
      if (unsafePath(entry.name) !== undefined || !(directory || isFile(entry))) continue;
      files.push({ path: entry.name, directory, mode: entry.mode & 0o777, data: entry.data, member });
    }
  }
  return { files, findings };
}

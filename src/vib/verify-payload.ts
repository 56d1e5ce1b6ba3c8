/** Checking payloads: size, checksums, and what the archives hold. */
import { FormatError } from '../bytes/errors.ts';
import { scanPayload, UnpackedFile } from './content-scan.ts';
import type { VibPayloadInfo } from './descriptor.ts';
import { isError, type VibFinding } from './findings.ts';
import { type GunzipLimits, isGzip } from './gzip.ts';
import { holdsTar, isArchiveType, isKnownType, type OpenArchive, openUnpacked, plainPath } from './payload.ts';
import { type ChecksumReport, compareChecksums, compareSize, contentHashes, covers, hashOf } from './stated.ts';
import { payloadSource, type Vib } from './vib.ts';

/** One payload, checked. */
export interface PayloadReport {
  readonly name: string;
  readonly type: string;
  /** Size the descriptor states; undefined where it does not. */
  readonly size: number | undefined;
  readonly checksums: readonly ChecksumReport[];
  /** Layers of compression around the content, outermost first, e.g. `gzip`, `xz`. */
  readonly layers: readonly string[];
  /** Nothing wrong was found in it. */
  readonly ok: boolean;
}

/** A payload's report, and its archive where it could be opened. */
export interface PayloadCheck {
  readonly report: PayloadReport;
  readonly opened: OpenArchive | undefined;
}

/** Runs a reader; what it refuses becomes a finding. */
async function attempt<T>(name: string, findings: VibFinding[], run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.push({ code: 'payload-damaged', where: name, message: error.message });
    return undefined;
  }
}

/**
 * Checks one payload of the descriptor in one pass that keeps none of it; what is wrong goes to `findings`. A missing member
 * is reported by the caller.
 */
export async function checkPayload(
  info: VibPayloadInfo,
  vib: Vib,
  limits: GunzipLimits | undefined,
  findings: VibFinding[],
): Promise<PayloadCheck> {
  const { name, type, size } = info;
  const payload = vib.payloads.find((each) => each.name === name);
  if (payload === undefined) {
    return { report: { name, type, size, checksums: [], layers: [], ok: false }, opened: undefined };
  }
  const source = payloadSource(payload);
  const before = findings.length;
  if (!isKnownType(type)) {
    findings.push({ code: 'payload-type-unknown', where: name, message: `type ${JSON.stringify(type.slice(0, 40))}` });
  }
  compareSize(info, source, findings);
  const zipped = isGzip(source.read(0, Math.min(2, source.size)));
  const scan = await attempt(name, findings, () => scanPayload(source, name, contentHashes(info), limits));
  const checksums = compareChecksums(info, source, scan, findings);
  if (!info.checksums.some((sum) => covers(sum) !== undefined)) {
    findings.push({ code: 'checksum-missing', where: name, message: 'nothing to check the bytes against' });
  } else if (!info.checksums.some((sum) => (hashOf(sum) ?? 'sha1') !== 'sha1')) {
    findings.push({
      code: 'checksum-weak',
      where: name,
      message: 'SHA-1 is the best there is; ESXi 8.0 asks for SHA-256',
    });
  }
  const unpacked =
    scan &&
    (await attempt(name, findings, () =>
      openUnpacked(payload, source.size, new UnpackedFile(source, scan, name), limits),
    ));
  const opened = unpacked?.opened;
  findings.push(...(opened?.findings ?? []));
  const layers = [...(zipped ? ['gzip'] : []), ...(opened?.nested === undefined ? [] : [opened.nested])];
  const ok = !findings.slice(before).some(isError);
  return { report: { name, type, size, checksums, layers, ok }, opened };
}

/** Files that two payloads of a VIB hold: within one payload they were found already. */
export function checkAcross(checks: readonly PayloadCheck[], findings: VibFinding[]): void {
  const holders = new Map<string, string>();
  for (const check of checks) {
    const { name } = check.report;
    for (const file of filesOf([check])) {
      const other = holders.get(file);
      if (other === undefined) holders.set(file, name);
      else findings.push({ code: 'file-twice', where: `${name}:${file}`, message: `held by payload ${other} too` });
    }
  }
}

/** At most this many differences of the file list are reported one by one. */
const MAX_DIFFERENCES = 20;

/** Paths of everything but folders in archives. */
const filesOf = (checks: readonly PayloadCheck[]): Set<string> =>
  new Set(
    checks.flatMap(({ opened }) =>
      (opened?.entries ?? []).filter(({ type }) => type !== 'directory').map(({ name }) => plainPath(name)),
    ),
  );

/**
 * Compares file-list with the archives, where every archive could be opened. Gives the files that file-list does not name:
 * it must name those of archives by declaration, and may name those of others (e.g. for the installer alone).
 */
export function checkFileList(vib: Vib, checks: readonly PayloadCheck[], findings: VibFinding[]): readonly string[] {
  const declared = checks.filter((check) => isArchiveType(check.report.type));
  if (!declared.every(({ opened }) => holdsTar(opened?.content))) return [];
  const held = filesOf(checks);
  const listed = new Set(vib.descriptor.fileList.map(plainPath));
  const unlisted = [...filesOf(declared)].filter((file) => !listed.has(file));
  const absent = [...listed].filter((file) => !held.has(file)).slice(0, MAX_DIFFERENCES);
  for (const file of unlisted.slice(0, MAX_DIFFERENCES)) {
    findings.push({ code: 'file-unlisted', where: file, message: 'not in file-list' });
  }
  for (const file of absent)
    findings.push({ code: 'file-absent', where: file, message: 'in file-list, in no payload' });
  return unlisted;
}

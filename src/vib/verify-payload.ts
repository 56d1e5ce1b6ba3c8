/** Checking payloads: size, checksums, and what the archives hold. */
import { toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';
import type { VibChecksum, VibPayloadInfo } from './descriptor.ts';
import { isError, type VibFinding } from './findings.ts';
import { type GunzipLimits, gunzip, isGzip } from './gzip.ts';
import { isArchiveType, type OpenPayload, openDecompressed } from './payload.ts';
import type { Vib } from './vib.ts';

/** One checksum, compared. */
export interface ChecksumReport extends VibChecksum {
  /** What the bytes have; undefined where it could not be computed. */
  readonly actual: string | undefined;
  readonly ok: boolean;
}

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
  readonly opened: OpenPayload | undefined;
}

/** Checksum types that are checked, without the dash that only some authors write; others are reported. */
const HASH_OF_TYPE: ReadonlyMap<string, HashName> = new Map([
  ['sha1', 'sha1'],
  ['sha256', 'sha256'],
  ['sha384', 'sha384'],
  ['sha512', 'sha512'],
]);
const hashOf = ({ type }: VibChecksum): HashName | undefined => HASH_OF_TYPE.get(type.toLowerCase().replace('-', ''));

/** Runs a reader; what it refuses becomes a finding. */
function attempt<T>(name: string, findings: VibFinding[], run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.push({ code: 'payload-damaged', where: name, message: error.message });
    return undefined;
  }
}

/** The hash and the bytes a checksum stands for; undefined where its type or verify-process is not known. */
function coveredBytes(sum: VibChecksum, data: Uint8Array, content: Uint8Array | undefined) {
  const hashName = hashOf(sum);
  if (hashName === undefined) return undefined;
  if (sum.verifyProcess === undefined) return { hashName, bytes: data };
  return sum.verifyProcess === 'gunzip' ? { hashName, bytes: content } : undefined;
}

function checkSum(
  name: string,
  sum: VibChecksum,
  data: Uint8Array,
  content: Uint8Array | undefined,
  findings: VibFinding[],
): ChecksumReport {
  const label = sum.verifyProcess === undefined ? sum.type : `${sum.type} (${sum.verifyProcess})`;
  const covered = coveredBytes(sum, data, content);
  if (covered === undefined) {
    findings.push({ code: 'checksum-unknown', where: name, message: `${label.slice(0, 80)} cannot be checked` });
    return { ...sum, actual: undefined, ok: false };
  }
  const actual = covered.bytes && toHex(hash(covered.hashName, covered.bytes));
  if (actual !== sum.value) {
    const found = actual ?? 'not computable, the member is not gzip';
    findings.push({ code: 'checksum-mismatch', where: name, message: `${label} is ${found}, expected ${sum.value}` });
  }
  return { ...sum, actual, ok: actual === sum.value };
}

/** Checks one payload of the descriptor; what is wrong goes to `findings`. A missing member is reported by the caller. */
export function checkPayload(
  info: VibPayloadInfo,
  vib: Vib,
  limits: GunzipLimits | undefined,
  findings: VibFinding[],
): PayloadCheck {
  const { name, type, size } = info;
  const data = vib.payloads.find((payload) => payload.name === name)?.data;
  if (data === undefined)
    return { report: { name, type, size, checksums: [], layers: [], ok: false }, opened: undefined };
  const before = findings.length;
  if (size === undefined) {
    findings.push({ code: 'size-missing', where: name, message: `the member has ${data.length} bytes` });
  } else if (data.length !== size) {
    findings.push({ code: 'payload-size', where: name, message: `${data.length} bytes, the descriptor says ${size}` });
  }
  const zipped = isGzip(data);
  const content = zipped ? attempt(name, findings, () => gunzip(data, name, limits)) : undefined;
  // Once a member cannot be decompressed, checksums of its content have nothing to say.
  const sums = info.checksums.filter((sum) => !zipped || content !== undefined || sum.verifyProcess === undefined);
  const checksums = sums.map((sum) => checkSum(name, sum, data, content, findings));
  if (!info.checksums.some((sum) => coveredBytes(sum, data, content) !== undefined)) {
    findings.push({ code: 'checksum-missing', where: name, message: 'nothing to check the bytes against' });
  } else if (!info.checksums.some((sum) => (hashOf(sum) ?? 'sha1') !== 'sha1')) {
    findings.push({
      code: 'checksum-weak',
      where: name,
      message: 'SHA-1 is the best there is; ESXi 8.0 asks for SHA-256',
    });
  }
  const body = content ?? (zipped ? undefined : data);
  const opened = body && attempt(name, findings, () => openDecompressed({ name, type, data }, body, zipped, limits));
  findings.push(...(opened?.findings ?? []));
  const layers = [...(zipped ? ['gzip'] : []), ...(opened?.nested === undefined ? [] : [opened.nested])];
  const ok = !findings.slice(before).some(isError);
  return { report: { name, type, size, checksums, layers, ok }, opened };
}

/** At most this many differences of the file list are reported one by one. */
const MAX_DIFFERENCES = 20;

/** Compares file-list with the archives, where every archive could be opened. */
export function checkFileList(vib: Vib, checks: readonly PayloadCheck[], findings: VibFinding[]): void {
  const archives = checks.filter((check) => isArchiveType(check.report.type));
  const readable = archives.every(({ opened }) => opened?.content === 'vmtar' || opened?.content === 'tar');
  if (!readable) return;
  const held = new Set<string>();
  for (const { opened } of archives) {
    for (const entry of opened?.entries ?? [])
      if (entry.type !== 'directory') held.add(entry.name.replace(/^\.?\//, ''));
  }
  const listed = new Set(vib.descriptor.fileList.map((file) => file.replace(/^\//, '')));
  const unlisted = [...held].filter((file) => !listed.has(file)).slice(0, MAX_DIFFERENCES);
  const absent = [...listed].filter((file) => !held.has(file)).slice(0, MAX_DIFFERENCES);
  for (const file of unlisted) findings.push({ code: 'file-unlisted', where: file, message: 'not in file-list' });
  for (const file of absent)
    findings.push({ code: 'file-absent', where: file, message: 'in file-list, in no payload' });
}

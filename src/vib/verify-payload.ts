/** Checking payloads: size, checksums, and what the archives hold. */
import { digestsOf } from '../archive/digest.ts';
import { toHex } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import type { HashName } from '../crypto/primitives.ts';
import { scanPayload, UnpackedFile } from './content-scan.ts';
import type { VibChecksum, VibPayloadInfo } from './descriptor.ts';
import { isError, type VibFinding } from './findings.ts';
import { type GunzipLimits, isGzip } from './gzip.ts';
import { holdsTar, isArchiveType, isKnownType, type OpenArchive, openUnpacked, plainPath } from './payload.ts';
import { payloadSource, type Vib } from './vib.ts';

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
  readonly opened: OpenArchive | undefined;
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
async function attempt<T>(name: string, findings: VibFinding[], run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.push({ code: 'payload-damaged', where: name, message: error.message });
    return undefined;
  }
}

/** What a checksum is made of: the member as it is, or its unpacked content. Undefined where that is not known. */
export function covers(sum: VibChecksum): 'member' | 'content' | undefined {
  if (hashOf(sum) === undefined) return undefined;
  if (sum.verifyProcess === undefined) return 'member';
  return sum.verifyProcess === 'gunzip' ? 'content' : undefined;
}

/** Digests of a payload, member and content, as far as checksums ask for them. */
type Digests = Readonly<Record<'member' | 'content', (name: HashName) => Uint8Array | undefined>>;

function checkSum(name: string, sum: VibChecksum, digests: Digests, findings: VibFinding[]): ChecksumReport {
  const label = sum.verifyProcess === undefined ? sum.type : `${sum.type} (${sum.verifyProcess})`;
  const [covered, hashName] = [covers(sum), hashOf(sum)];
  if (covered === undefined || hashName === undefined) {
    findings.push({ code: 'checksum-unknown', where: name, message: `${label.slice(0, 80)} cannot be checked` });
    return { ...sum, actual: undefined, ok: false };
  }
  const digest = digests[covered](hashName);
  const actual = digest && toHex(digest);
  if (actual !== sum.value) {
    const found = actual ?? 'not computable, the member is not gzip';
    findings.push({ code: 'checksum-mismatch', where: name, message: `${label} is ${found}, expected ${sum.value}` });
  }
  return { ...sum, actual, ok: actual === sum.value };
}

/** Hashes of the checksums that cover one of the two. */
const hashesOf = (checksums: readonly VibChecksum[], covered: 'member' | 'content'): HashName[] => [
  ...new Set(checksums.filter((sum) => covers(sum) === covered).flatMap((sum) => hashOf(sum) ?? [])),
];

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
  if (size === undefined) {
    findings.push({ code: 'size-missing', where: name, message: `the member has ${source.size} bytes` });
  } else if (source.size !== size) {
    findings.push({ code: 'payload-size', where: name, message: `${source.size} bytes, the descriptor says ${size}` });
  }
  const zipped = isGzip(source.read(0, Math.min(2, source.size)));
  const scan = await attempt(name, findings, () =>
    scanPayload(source, name, hashesOf(info.checksums, 'content'), limits),
  );
  const member = digestsOf(source, hashesOf(info.checksums, 'member'));
  const digests: Digests = {
    member: (hashName) => member.get(hashName),
    content: (hashName) => (zipped ? scan?.digest(hashName) : undefined),
  };
  // Once a member cannot be decompressed, checksums of its content have nothing to say.
  const sums = info.checksums.filter((sum) => !zipped || scan !== undefined || sum.verifyProcess === undefined);
  const checksums = sums.map((sum) => checkSum(name, sum, digests, findings));
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

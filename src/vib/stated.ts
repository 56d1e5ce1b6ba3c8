/** What a descriptor states of the archive's members, compared with what they are. */
import { digestsOf } from '../archive/digest.ts';
import type { ByteSource } from '../archive/source.ts';
import { toHex } from '../bytes/bytes.ts';
import type { HashName } from '../crypto/primitives.ts';
import type { ContentScan, UnpackedFile } from './content-scan.ts';
import type { VibChecksum, VibPayloadInfo } from './descriptor.ts';
import type { VibFinding } from './findings.ts';
import { isGzip } from './gzip.ts';
import { DESCRIPTOR_MEMBER, payloadSource, SIGNATURE_MEMBER, type Vib, type VibPayload } from './vib.ts';

/** One checksum, compared. */
export interface ChecksumReport extends VibChecksum {
  /** What the bytes have; undefined where it could not be computed. */
  readonly actual: string | undefined;
  readonly ok: boolean;
}

/** Checksum types that are checked, without the dash that only some authors write; others are reported. */
const HASH_OF_TYPE: ReadonlyMap<string, HashName> = new Map([
  ['sha1', 'sha1'],
  ['sha256', 'sha256'],
  ['sha384', 'sha384'],
  ['sha512', 'sha512'],
]);

/** The hash that a checksum is made with; undefined for types that are not known. */
export const hashOf = ({ type }: VibChecksum): HashName | undefined =>
  HASH_OF_TYPE.get(type.toLowerCase().replace('-', ''));

/** What a checksum is made of: the member as it is, or its unpacked content. Undefined where that is not known. */
export function covers(sum: VibChecksum): 'member' | 'content' | undefined {
  if (hashOf(sum) === undefined) return undefined;
  if (sum.verifyProcess === undefined) return 'member';
  return sum.verifyProcess === 'gunzip' ? 'content' : undefined;
}

/** Hashes of the checksums that cover one of the two. */
const hashesOf = (checksums: readonly VibChecksum[], covered: 'member' | 'content'): HashName[] => [
  ...new Set(checksums.filter((sum) => covers(sum) === covered).flatMap((sum) => hashOf(sum) ?? [])),
];

/** Digests that a scan of the content must ask for, so that the checksums of the content can be compared. */
export const contentHashes = (info: VibPayloadInfo | undefined): HashName[] =>
  hashesOf(info?.checksums ?? [], 'content');

/** Digests of a payload, member and content, as far as checksums ask for them. */
type Digests = Readonly<Record<'member' | 'content', (name: HashName) => Uint8Array | undefined>>;

/** Processes that are known, of what is not in the package: `txt-mle` is what Intel TXT measures of the kernel. */
const ELSEWHERE: ReadonlySet<string> = new Set(['txt-mle']);

function compareSum(name: string, sum: VibChecksum, digests: Digests, findings: VibFinding[]): ChecksumReport {
  const label = sum.verifyProcess === undefined ? sum.type : `${sum.type} (${sum.verifyProcess})`;
  const [covered, hashName] = [covers(sum), hashOf(sum)];
  if (covered === undefined || hashName === undefined) {
    if (hashName === undefined || !ELSEWHERE.has(sum.verifyProcess ?? ''))
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

/** Compares the size that the descriptor states. */
export function compareSize({ name, size }: VibPayloadInfo, source: ByteSource, findings: VibFinding[]): void {
  if (size === undefined) {
    findings.push({ code: 'size-missing', where: name, message: `the member has ${source.size} bytes` });
  } else if (source.size !== size) {
    findings.push({ code: 'payload-size', where: name, message: `${source.size} bytes, the descriptor says ${size}` });
  }
}

/**
 * Compares the checksums that the descriptor states.
 * @param scan of the content, with {@link contentHashes}; undefined where it cannot be decompressed: checksums of the content
 *   then have nothing to say
 */
export function compareChecksums(
  { name, checksums }: VibPayloadInfo,
  source: ByteSource,
  scan: ContentScan | undefined,
  findings: VibFinding[],
): ChecksumReport[] {
  const zipped = isGzip(source.read(0, Math.min(2, source.size)));
  const member = digestsOf(source, hashesOf(checksums, 'member'));
  const digests: Digests = {
    member: (hashName) => member.get(hashName),
    content: (hashName) => (zipped ? scan?.digest(hashName) : undefined),
  };
  const sums = checksums.filter((sum) => !zipped || scan !== undefined || sum.verifyProcess === undefined);
  return sums.map((sum) => compareSum(name, sum, digests, findings));
}

/** Payloads that the archive lacks, and members that the descriptor does not name. */
export function compareMembers({ members, descriptor }: Pick<Vib, 'members' | 'descriptor'>): VibFinding[] {
  const held = new Set(members.map(({ name }) => name));
  const named = new Set([DESCRIPTOR_MEMBER, SIGNATURE_MEMBER, ...descriptor.payloads.map(({ name }) => name)]);
  const missing = descriptor.payloads.filter(({ name }) => !held.has(name));
  const undeclared = members.filter(({ name }) => !named.has(name));
  return [
    ...missing.map(({ name }): VibFinding => {
      return { code: 'payload-missing', where: name, message: 'named in the descriptor, not in the archive' };
    }),
    ...undeclared.map(({ name }): VibFinding => {
      return { code: 'payload-undeclared', where: name, message: 'in the archive, not named in the descriptor' };
    }),
  ];
}

/** What the descriptor states of a payload that the archive has. */
export const statedOf = ({ descriptor }: Vib, { name }: VibPayload): VibPayloadInfo | undefined =>
  descriptor.payloads.find((info) => info.name === name);

/** Differences of size and checksums of a payload that was scanned with {@link contentHashes}; checksums nobody can check are none. */
export function compareStated(vib: Vib, payload: VibPayload, scan: ContentScan): VibFinding[] {
  const info = statedOf(vib, payload);
  const findings: VibFinding[] = [];
  if (info === undefined) return findings;
  const source = payloadSource(payload);
  compareSize(info, source, findings);
  compareChecksums(info, source, scan, findings);
  return findings.filter(({ code }) => code === 'payload-size' || code === 'checksum-mismatch');
}

/** Checksums by how much they say: those of the content first, SHA-1 last. */
const STRENGTH: readonly (readonly ['member' | 'content', HashName])[] = [
  ['content', 'sha256'],
  ['content', 'sha384'],
  ['content', 'sha512'],
  ['member', 'sha256'],
  ['member', 'sha384'],
  ['member', 'sha512'],
  ['content', 'sha1'],
  ['member', 'sha1'],
];

/**
 * Whether a module in a boot bank is what the descriptor of its VIB states, by the best checksum that there is; undefined where there
 * is none that can be checked.
 * @param file scanned with SHA-256
 */
export async function isAsStated(file: UnpackedFile, checksums: readonly VibChecksum[]): Promise<boolean | undefined> {
  for (const [covered, name] of STRENGTH) {
    const sum = checksums.find((each) => covers(each) === covered && hashOf(each) === name);
    if (sum === undefined) continue;
    if (covered === 'member') return toHex(file.packedDigest(name)) === sum.value;
    const digest = name === 'sha256' ? file.digest(name) : await file.digestOf(name, file.size);
    return toHex(digest) === sum.value;
  }
  return undefined;
}

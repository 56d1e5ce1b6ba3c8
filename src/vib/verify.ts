/** Checking a VIB: signature, acceptance level, every payload. A refusal is a value, never an exception. */

import { type AcceptanceLevel, compareAcceptance, mustBeSigned, parseAcceptance } from './acceptance.ts';
import { vibId } from './descriptor.ts';
import { oddValues } from './descriptor-values.ts';
import { isError, type VibFinding } from './findings.ts';
import type { GunzipLimits } from './gzip.ts';
import { compareMembers } from './stated.ts';
import { checkAcross, checkFileList, checkPayload, type PayloadCheck, type PayloadReport } from './verify-payload.ts';
import { type VibSignatureReport, type VibTrust, verifySignature } from './verify-signature.ts';
import { DESCRIPTOR_MEMBER, SIGNATURE_MEMBER, type Vib } from './vib.ts';

export type { ChecksumReport } from './stated.ts';
export type { PayloadReport } from './verify-payload.ts';
export type { SignatureStatus, VibSignatureReport, VibSignerReport, VibTrust } from './verify-signature.ts';

/** The level the VIB claims, and whether it may. */
export interface LevelReport {
  /** As the descriptor writes it, where it is none of the four. */
  readonly claimed: AcceptanceLevel | undefined;
  /** The most trusted level it may claim: what the signature grants, CommunitySupported without one. */
  readonly allowed: AcceptanceLevel;
  readonly ok: boolean;
}

/** Everything found out about a VIB. */
export interface VibReport {
  readonly id: string;
  readonly ok: boolean;
  readonly signature: VibSignatureReport;
  readonly level: LevelReport;
  readonly payloads: readonly PayloadReport[];
  /** Files of the payloads that file-list does not name. */
  readonly unlisted: readonly string[];
  readonly findings: readonly VibFinding[];
}

/** Options of {@link verifyVib}. */
export interface VibVerifyOptions extends VibTrust {
  readonly limits?: GunzipLimits;
}

/** Members against the descriptor's payloads, in both directions, and their order. */
function checkMembers({ members, descriptor }: Vib, findings: VibFinding[]): void {
  const names = members.map((member) => member.name);
  const expected = [DESCRIPTOR_MEMBER, SIGNATURE_MEMBER, ...descriptor.payloads.map((payload) => payload.name)];
  if (!names.includes(SIGNATURE_MEMBER)) {
    findings.push({ code: 'member-missing', where: SIGNATURE_MEMBER, message: 'even unsigned VIBs have this member' });
  }
  findings.push(...compareMembers({ members, descriptor }));
  for (const { name, framing } of members) {
    for (const oddity of framing.oddities) findings.push({ code: 'member-form', where: name, message: oddity });
  }
  const known = names.filter((name) => expected.includes(name));
  if (known.join('\n') !== expected.filter((name) => names.includes(name)).join('\n')) {
    findings.push({ code: 'member-order', where: 'VIB', message: `members come as ${known.join(', ').slice(0, 200)}` });
  }
}

/** What a signature that is not good enough grants. */
const grantText = ({ signer, grantedLevel }: VibSignatureReport): string =>
  signer === undefined ? 'and no signer grants any level' : `${signer} grants ${grantedLevel ?? 'no level'}`;

function checkLevel(vib: Vib, signature: VibSignatureReport, findings: VibFinding[]): LevelReport {
  const text = vib.descriptor.acceptanceLevel;
  const claimed = parseAcceptance(text);
  const allowed = signature.grantedLevel ?? 'CommunitySupported';
  const where = 'acceptance-level';
  if (claimed === undefined) {
    findings.push({ code: 'level-unknown', where, message: `"${text.slice(0, 40)}" is no acceptance level` });
    return { claimed, allowed, ok: false };
  }
  if (compareAcceptance(claimed, allowed) <= 0) return { claimed, allowed, ok: true };
  const unsigned = mustBeSigned(claimed) && signature.status === 'missing';
  findings.push({
    code: unsigned ? 'level-unsigned' : 'level-not-granted',
    where,
    message: unsigned ? `${claimed} needs a signature` : `claims ${claimed}, ${grantText(signature)}`,
  });
  return { claimed, allowed, ok: false };
}

/** Checks everything that can be checked about one VIB. */
export async function verifyVib(vib: Vib, options: VibVerifyOptions): Promise<VibReport> {
  const findings: VibFinding[] = [];
  checkMembers(vib, findings);
  for (const path of vib.descriptor.unknownElements) {
    const kind = path.includes('@') ? 'attribute' : 'element';
    findings.push({ code: 'descriptor-unknown', where: DESCRIPTOR_MEMBER, message: `${kind} ${path.slice(0, 100)}` });
  }
  for (const message of oddValues(vib.descriptor)) {
    findings.push({ code: 'descriptor-value', where: DESCRIPTOR_MEMBER, message });
  }
  const signature = verifySignature(vib, options, findings);
  const level = checkLevel(vib, signature, findings);
  const checks: PayloadCheck[] = [];
  for (const info of vib.descriptor.payloads) checks.push(await checkPayload(info, vib, options.limits, findings));
  checkAcross(checks, findings);
  const unlisted = checkFileList(vib, checks, findings);
  const payloads = checks.map((check) => check.report);
  return { id: vibId(vib.descriptor), ok: !findings.some(isError), signature, level, payloads, unlisted, findings };
}

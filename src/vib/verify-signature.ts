/** Checking who signed a descriptor, and what level that grants. */

import { FormatError } from '../bytes/errors.ts';
import { CMS_OID, EKU_OID } from '../crypto/asn1-oids.ts';
import { type CmsProblem, type CmsSignerCheck, type VerifiedSignedData, verifySignedData } from '../crypto/cms.ts';
import { algorithmName } from '../crypto/keys.ts';
import { type Certificate, nameAttribute } from '../crypto/x509.ts';
import { type ChainResult, verifyChain } from '../crypto/x509-verify.ts';
import { type AcceptanceLevel, compareAcceptance } from './acceptance.ts';
import { isError, type VibFinding, type VibFindingCode } from './findings.ts';
import { grantedLevel } from './level-policy.ts';
import { isRevoked, type RevocationList } from './revocation.ts';
import { signatureDer } from './signature-bytes.ts';
import type { Vib } from './vib.ts';

/** Whom to trust, and when. */
export interface VibTrust {
  /** Certificates trusted as they stand. */
  readonly roots: readonly Certificate[];
  /** Milliseconds since 1970 at which certificates must be valid; `'ignore'` where dates do not matter. */
  readonly time: number | 'ignore';
  /** Certificates that help to build paths, besides those the signature carries. */
  readonly intermediates?: readonly Certificate[];
  /** Certificates that nothing may rest on any more, whoever issued the list. */
  readonly revoked?: RevocationList;
}

/** One signer's check. */
export interface VibSignerReport {
  /** Subject of the certificate, or how the signature names it. */
  readonly signer: string;
  /** Organization of the certificate. */
  readonly provider: string | undefined;
  readonly algorithm: string;
  readonly signingTime: number | undefined;
  /** Subjects from signer to root; empty where no trusted path exists. */
  readonly path: readonly string[];
  readonly grantedLevel: AcceptanceLevel | undefined;
  readonly ok: boolean;
}

/** `valid`: at least one trusted signer, and none that is broken. */
export type SignatureStatus = 'valid' | 'missing' | 'unreadable' | 'invalid' | 'untrusted';

/** A descriptor with its signature: of a VIB, or as an image database keeps them. */
export type SignedDescriptor = Pick<Vib, 'descriptorBytes' | 'signature'>;

/** What the signature is worth. */
export interface VibSignatureReport {
  readonly status: SignatureStatus;
  /** Of the signer that grants the highest level. */
  readonly signer: string | undefined;
  readonly provider: string | undefined;
  readonly grantedLevel: AcceptanceLevel | undefined;
  readonly signers: readonly VibSignerReport[];
}

const WHERE = 'sig.pkcs7';
const CMS_CODE: Readonly<Record<CmsProblem, VibFindingCode>> = {
  'no-certificate': 'signature-no-certificate',
  'weak-digest': 'signature-weak-digest',
  'unsupported-digest': 'signature-unsupported-digest',
  'unsupported-algorithm': 'signature-unsupported-algorithm',
  'bad-attributes': 'signature-attributes',
  'bad-digest': 'signature-other-content',
  'bad-signature': 'signature-bad',
};

function algorithmText({ algorithm, hash, digestOid }: CmsSignerCheck): string {
  const digest = ` (digest ${algorithmName(digestOid)})`;
  if (algorithm.scheme === 'other') return `${algorithm.name}${digest}`;
  return `${algorithm.scheme} ${algorithm.hash}${hash === algorithm.hash ? '' : digest}`;
}

/** Whether a signature rests on SHA-1: collisions of it can be made, so two descriptors may share one signature. */
const isWeak = ({ hash, algorithm }: CmsSignerCheck): boolean =>
  hash === 'sha1' || (algorithm.scheme !== 'other' && algorithm.hash === 'sha1');

/** Code of a chain that is refused: an algorithm that is not supported need not be a weak one. */
function chainCode({ code, certificate }: Extract<ChainResult, { ok: false }>): VibFindingCode {
  const { signatureAlgorithm: algorithm } = certificate;
  const unsupported = code === 'weak-digest' && algorithm.scheme === 'other' && algorithm.weak === undefined;
  return unsupported ? 'chain-unsupported-algorithm' : `chain-${code}`;
}

/** What is wrong with a signature itself. A certificate that is there but of a kind not known here is not one that is missing. */
function problemOf(check: CmsSignerCheck, unreadable: readonly string[]): CmsProblem | undefined {
  const { problem } = check;
  if (problem === 'no-certificate' && unreadable.some((why) => why.endsWith('is not supported')))
    return 'unsupported-algorithm';
  return problem ?? (isWeak(check) ? 'weak-digest' : undefined);
}

function checkSigner(
  check: CmsSignerCheck,
  { certificates: carried, unreadableCertificates: unreadable }: VerifiedSignedData,
  trust: VibTrust,
  findings: VibFinding[],
) {
  const { certificate } = check;
  const problem = problemOf(check, unreadable);
  const report = {
    signer: certificate?.subject.text ?? check.identifier,
    provider: certificate && nameAttribute(certificate.subject, 'O'),
    algorithm: algorithmText(check),
    signingTime: check.signingTime,
    path: [],
    grantedLevel: undefined,
    ok: false,
  };
  const where = `${WHERE}:${report.signer}`;
  if (problem !== undefined || certificate === undefined) {
    const code = CMS_CODE[problem ?? 'no-certificate'];
    const why = certificate === undefined && unreadable.length > 0 ? ` (${unreadable.join('; ')})` : '';
    findings.push({
      code,
      where,
      message: `${report.algorithm}: ${(problem ?? 'no-certificate').replaceAll('-', ' ')}${why}`,
    });
    // Of a signature whose certificate cannot be used nobody knows whether it is broken.
    return { report, broken: check.problem !== 'no-certificate' };
  }
  const chain = verifyChain(certificate, [...carried, ...(trust.intermediates ?? [])], trust.roots, {
    time: trust.time,
    usage: { keyUsage: 'digitalSignature', extendedKeyUsage: EKU_OID.codeSigning },
    isRevoked: (each) => trust.revoked !== undefined && isRevoked(trust.revoked, each),
    worth: (path) => worthOf(grantedLevel(path)),
  });
  if (!chain.ok) {
    findings.push({ code: chainCode(chain), where: chain.where, message: chain.message });
    return { report, broken: false };
  }
  for (const { subject, publicKey } of chain.path) {
    const bits = publicKey.kind === 'rsa' ? publicKey.n.length * 8 : LEAST_RSA_BITS;
    if (bits < LEAST_RSA_BITS)
      findings.push({ code: 'chain-weak-key', where: subject.text, message: `RSA key of ${bits} bits` });
  }
  const path = chain.path.map((each) => each.subject.text);
  return { report: { ...report, path, grantedLevel: grantedLevel(chain.path), ok: true }, broken: false };
}

/** Bits of an RSA key whose signatures cannot be forged with reasonable means (NIST SP 800-131A, 3: 112 bits of strength). */
const LEAST_RSA_BITS = 2048;

const NOTHING = { signer: undefined, provider: undefined, grantedLevel: undefined, signers: [] };

function readSignature(
  vib: SignedDescriptor,
  signature: Uint8Array,
  { roots, intermediates = [] }: VibTrust,
  findings: VibFinding[],
): VerifiedSignedData | undefined {
  try {
    // A signature need not carry a certificate that those who check it have.
    const certificates = [...roots, ...intermediates];
    return verifySignedData(signatureDer(signature), { content: vib.descriptorBytes, certificates });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    findings.push({ code: 'signature-unreadable', where: WHERE, message: error.message });
    return undefined;
  }
}

/** Checks the signature of a VIB; what is wrong goes to `findings`. */
export function verifySignature(vib: SignedDescriptor, trust: VibTrust, findings: VibFinding[]): VibSignatureReport {
  const { signature } = vib;
  if (signature === undefined || signature.length === 0) return { status: 'missing', ...NOTHING };
  const data = readSignature(vib, signature, trust, findings);
  if (data === undefined) return { status: 'unreadable', ...NOTHING };
  if (data.signers.length === 0) {
    findings.push({ code: 'signature-empty', where: WHERE, message: 'SignedData without signers' });
    return { status: 'invalid', ...NOTHING };
  }
  if (data.contentType !== CMS_OID.data) {
    // A signature made for something else must not pass for one over a descriptor, even where the bytes are the same.
    findings.push({ code: 'signature-attributes', where: WHERE, message: `signs content of type ${data.contentType}` });
    return { status: 'invalid', ...NOTHING };
  }
  const problems: VibFinding[] = [];
  const checks = data.signers.map((check) => checkSigner(check, data, trust, problems));
  const reports: VibSignerReport[] = checks.map((check) => check.report);
  const best = reports.filter((report) => report.ok).sort((a, b) => rank(b) - rank(a))[0];
  const shown = best ?? reports[0];
  const broken = checks.some((check) => check.broken);
  // One trusted signer is enough: what others lack takes nothing away.
  const excused = best !== undefined && !broken;
  findings.push(...problems.map((problem) => (excused && isError(problem) ? withoutPath(problem) : problem)));
  return {
    status: broken ? 'invalid' : best === undefined ? 'untrusted' : 'valid',
    signer: shown?.signer,
    provider: shown?.provider,
    grantedLevel: broken ? undefined : best?.grantedLevel,
    signers: reports,
  };
}

const withoutPath = ({ code, where, message }: VibFinding): VibFinding => ({
  code: 'signer-without-path',
  where,
  message: `${code.replace(/^\w+-/, '').replaceAll('-', ' ')}: ${message}`,
});

/** Order of what signers and paths grant. */
const worthOf = (level: AcceptanceLevel | undefined): number =>
  level === undefined ? -1 : compareAcceptance(level, 'CommunitySupported');

const rank = ({ grantedLevel }: VibSignerReport): number => worthOf(grantedLevel);

/** The appraisal: a list of checks over the evidence, and the verdict that follows from what they find. */

import { checkInstallLog } from './check-install-log.ts';
import { checkActivation, checkAttestationKey, checkEndorsementKey } from './check-keys.ts';
import {
  checkEventData,
  checkEventTypes,
  checkFirmwareDebug,
  checkRepeatedVariables,
  checkSecureBootConsistent,
  checkSeparators,
} from './check-log.ts';
import {
  checkAttest,
  checkNonce,
  checkPcrDigest,
  checkSelection,
  checkSignature,
  checkTpmState,
} from './check-quote.ts';
import { checkBanks, checkReplay, launched } from './check-replay.ts';
import { checkReportAgainstLog, checkReportEvents, checkReportValues } from './check-report.ts';
import { checkEvents, checkLaunch, checkPolicy, checkSecureBoot, checkValues } from './check-state.ts';
import { type Context, createContext, report, type VerifyOptions } from './context.ts';
import { type EvidenceFiles, parseEvidence } from './evidence.ts';
import { type Finding, type Limit, type LimitCode, limit, type Verdict, worstVerdict } from './findings.ts';
import type { Reference } from './reference.ts';

/** How a check ended. */
export type CheckResult = 'passed' | 'failed' | 'skipped';

/** What an appraisal says; a plain JSON value. */
export interface Appraisal {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** What this evidence cannot show, whatever the verdict. */
  readonly limits: readonly Limit[];
  /** Every check in order. */
  readonly checks: readonly { readonly name: string; readonly result: CheckResult }[];
}

interface Check {
  readonly name: string;
  /** Whether the check can say anything; without it the check is skipped. */
  readonly when?: (ctx: Context) => boolean;
  /** Of evidence that most hosts do not send: not even named without it. */
  readonly extra?: true;
  readonly run: (ctx: Context) => void;
}

const hasAttest = (ctx: Context): boolean => ctx.evidence.attest !== undefined;
const hasQuote = (ctx: Context): boolean => ctx.evidence.attest?.kind === 'quote';
const hasLog = (ctx: Context): boolean => ctx.evidence.log !== undefined && ctx.evidence.log.events.length > 0;
const hasReport = (ctx: Context): boolean => ctx.evidence.report !== undefined;
const valuesProven = (ctx: Context): boolean => ctx.valuesProven;

/** Checks of the evidence itself: is it what it claims to be? */
const EVIDENCE_CHECKS: readonly Check[] = [
  { name: 'files are there and can be read', run: checkFiles },
  { name: 'attestation key is restricted and bound to its TPM', run: checkAttestationKey },
  { name: 'endorsement key has a certificate of a trusted manufacturer', run: checkEndorsementKey },
  {
    name: 'attestation key is in the TPM of the endorsement key',
    when: (ctx) => ctx.options.activation !== undefined,
    run: checkActivation,
  },
  { name: 'attestation is a quote made by a TPM', when: hasAttest, run: checkAttest },
  { name: 'quote is signed by the attestation key', when: hasAttest, run: checkSignature },
  {
    name: 'quote answers the nonce',
    when: (ctx) => hasQuote(ctx) || ctx.options.nonce === undefined,
    run: checkNonce,
  },
  { name: 'quote covers the right PCRs of the right bank', when: hasQuote, run: checkSelection },
  { name: 'PCR values are those of the quote', when: hasQuote, run: checkPcrDigest },
  { name: 'TPM firmware and clock', when: hasQuote, run: checkTpmState },
  { name: 'event log carries the bank', run: checkBanks },
  { name: 'event logs lead to the PCR values', when: (ctx) => valuesProven(ctx) && hasLog(ctx), run: checkReplay },
  { name: 'event types belong to their PCRs', when: hasLog, run: checkEventTypes },
  { name: 'each firmware PCR has one separator', when: hasLog, run: checkSeparators },
  { name: 'each Secure Boot variable is measured once', when: hasLog, run: checkRepeatedVariables },
  { name: 'event data is what was hashed', when: hasLog, run: checkEventData },
  { name: 'Secure Boot state, keys and authorities agree', when: hasLog, run: checkSecureBootConsistent },
  { name: 'report has the PCR values of the quote', when: hasReport, run: checkReportValues },
  { name: 'report content is what was hashed', when: hasReport, run: checkReportEvents },
  {
    name: 'report and event logs tell the same',
    when: (ctx) => hasReport(ctx) && hasLog(ctx),
    run: checkReportAgainstLog,
  },
];

/** A check that needs a reference. */
const judged = (name: string, run: (ctx: Context, reference: Reference) => void, when = valuesProven): Check => ({
  name,
  when: (ctx) => ctx.reference !== undefined && when(ctx),
  run: (ctx) => {
    if (ctx.reference !== undefined) run(ctx, ctx.reference);
  },
});

/** Checks of the state that the evidence shows: is it the expected one? */
const STATE_CHECKS: readonly Check[] = [
  judged('policy judges something', checkPolicy, () => true),
  judged('launch is of the expected kind', checkLaunch),
  judged('Secure Boot is on', checkSecureBoot),
  { name: 'no firmware debugger, DMA protection on', when: hasLog, run: checkFirmwareDebug },
  judged(
    'boot came to its end with the expected components and options',
    checkEvents,
    (ctx) => valuesProven(ctx) && hasLog(ctx),
  ),
  judged('PCRs have the expected values', checkValues),
  {
    name: "installer's log tells of no installation without checks",
    when: (ctx) => ctx.evidence.installLog !== undefined,
    extra: true,
    run: checkInstallLog,
  },
];

/** Files without which nothing can be decided. */
const NEEDED = ['quote.attest', 'quote.sig', 'ak.pub', 'ek.pub', 'pcrs.json', 'eventlog.bin'];

function checkFiles(ctx: Context) {
  ctx.findings.push(...ctx.evidence.problems);
  const needed = ctx.reference?.policy.report === 'required' ? [...NEEDED, 'report.json'] : NEEDED;
  for (const file of needed) {
    if (ctx.evidence.present.has(file)) continue;
    const scenario = file === 'eventlog.bin' ? 'evt-empty' : 'api-slow-or-cut';
    report(ctx, 'FILE_MISSING', `${file} is missing`, { where: { file }, scenario });
  }
}

/** Limits that hold for every appraisal of such evidence. */
const STANDING_LIMITS: readonly LimitCode[] = [
  'RELAY_NOT_EXCLUDED',
  'FIRMWARE_MEASURES_ITSELF',
  'PCR_RESET_NOT_EXCLUDED',
  'RUNTIME_NOT_COVERED',
  'REFERENCE_FROM_HOST',
];

function run(ctx: Context, checks: readonly Check[]): Appraisal['checks'] {
  return checks.flatMap(({ name, when, extra, run: check }): Appraisal['checks'] => {
    if (when?.(ctx) === false) return extra ? [] : [{ name, result: 'skipped' }];
    const before = ctx.findings.length;
    check(ctx);
    return [{ name, result: ctx.findings.length === before ? 'passed' : 'failed' }];
  });
}

/**
 * Appraises the evidence of one boot against a reference. Never throws for bad evidence: what cannot be read is a finding.
 * The verdict is the worst of the findings by `VERDICT_ORDER`; `TRUSTED` needs a reference that judges something.
 */
export function verifyEvidence(files: EvidenceFiles, reference: Reference, options: VerifyOptions = {}): Appraisal {
  const ctx = createContext(parseEvidence(files), reference, options);
  const checks = run(ctx, [...EVIDENCE_CHECKS, ...STATE_CHECKS]);
  if (options.activation === undefined) ctx.limits.push(limit('AK_EK_NOT_PROVEN'));
  ctx.limits.push(...STANDING_LIMITS.map((code) => limit(code)));
  if (launched(ctx)) ctx.limits.push(limit('SMM_NOT_MEASURED'));
  return { verdict: worstVerdict(ctx.findings), findings: ctx.findings, limits: ctx.limits, checks };
}

/** Runs only the checks of the evidence itself, for making a reference. The second value is the state they leave. */
export function checkEvidence(files: EvidenceFiles): { findings: readonly Finding[]; context: Context } {
  const context = createContext(parseEvidence(files), undefined, {});
  run(context, EVIDENCE_CHECKS);
  return { findings: context.findings, context };
}

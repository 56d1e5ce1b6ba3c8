/** An appraisal as text for people. */
import { escapeText } from '../eventlog/index.ts';
import type { Appraisal, CheckResult } from './appraise.ts';
import type { Finding, Place, Verdict } from './findings.ts';

/** One sentence about each verdict. */
const VERDICT_TEXT: Readonly<Record<Verdict, string>> = {
  TRUSTED: 'the host booted what the reference expects',
  DRIFT: 'the host changed in ways that need a new reference',
  INCONCLUSIVE: 'the evidence cannot decide',
  UNTRUSTED: 'the evidence is sound and shows a bad state',
  MALFORMED: 'a part of the evidence cannot be read',
  REJECT: 'the evidence is false or does not prove what it claims',
};

const MARK: Readonly<Record<CheckResult, string>> = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' };

/** Longest line of evidence shown. */
const SHOWN = 600;

/** Printable, on one line: names in messages are quoted already, everything else is escaped here. */
function safe(text: string): string {
  const shown = escapeText(text.slice(0, SHOWN));
  return text.length > SHOWN ? `${shown}… (${text.length} characters)` : shown;
}

function placeText(where: Place): string {
  const parts = [
    where.file,
    where.pcr === undefined ? undefined : `PCR ${where.pcr}`,
    where.event === undefined ? undefined : `event ${where.event}`,
  ].filter((part) => part !== undefined);
  return parts.join(', ');
}

function renderFinding(f: Finding): string[] {
  const place = placeText(f.where);
  const lines = [`  ${f.verdict.padEnd(12)} ${f.code}${place === '' ? '' : ` (${place})`}`, `    ${safe(f.message)}`];
  if (f.expected !== undefined) lines.push(`    expected ${safe(f.expected)}`);
  if (f.actual !== undefined) lines.push(`    found    ${safe(f.actual)}`);
  if (f.scenario !== undefined) lines.push(`    scenario ${f.scenario}`);
  return lines;
}

/** The whole appraisal: verdict, findings, checks, limits. No final line break. */
export function renderAppraisal(appraisal: Appraisal): string {
  const { verdict, findings, checks, limits } = appraisal;
  const lines = [`Verdict: ${verdict} - ${VERDICT_TEXT[verdict]}`];
  if (findings.length > 0) lines.push('', 'Findings', ...findings.flatMap(renderFinding));
  lines.push('', 'Checks', ...checks.map((check) => `  ${MARK[check.result]} ${check.name}`));
  if (limits.length > 0) {
    lines.push('', 'Limits of this evidence', ...limits.map((l) => `  ${l.code}: ${safe(l.message)}`));
  }
  return lines.join('\n');
}

/** Checks of the vSphere report against itself, the quote and the logs. Nothing in it is signed. */
import { equalBytes, toHex } from '../bytes/index.ts';
import { hash } from '../crypto/hash.ts';
import { algorithmRow, type LogAlgorithm } from '../eventlog/index.ts';
import { type Context, eventId, report } from './context.ts';
import { limit } from './findings.ts';
import type { Measurement } from './measurements.ts';
import type { ReportEvent } from './report-evidence.ts';

const FILE = 'report.json';

/** The host says that its record is complete, and its PCR values are those of the quote. */
export function checkReportValues(ctx: Context) {
  const { report: vsphere, pcrs } = ctx.evidence;
  if (vsphere === undefined) return;
  ctx.limits.push(limit('REPORT_NOT_SIGNED', { file: FILE }));
  if (!vsphere.reliable) {
    report(ctx, 'REPORT_UNRELIABLE', 'the host says that its event list is incomplete (tpmLogReliable is false)', {
      where: { file: FILE },
      scenario: 'api-log-unreliable',
    });
  }
  for (const [bank, values] of vsphere.pcrs) {
    const quoted = pcrs?.get(bank);
    const different = [...values].filter(([pcr, value]) => {
      const other = quoted?.get(pcr);
      return other !== undefined && !equalBytes(other, value);
    });
    if (different.length === 0) continue;
    const list = different.map(([pcr]) => pcr).sort((a, b) => a - b);
    report(
      ctx,
      'REPORT_PCR_MISMATCH',
      `the report gives other values than the TPM for ${bank} PCR ${list.join(', ')}`,
      {
        where: { file: FILE, pcr: list[0] ?? 0, name: bank },
        scenario: 'api-soap-rest-disagree',
      },
    );
  }
}

/** Texts of the report hash to their digests, and every class of event is known. */
export function checkReportEvents(ctx: Context) {
  for (const event of ctx.evidence.report?.events ?? []) {
    const where = { file: FILE, pcr: event.pcr, event: event.index };
    if (event.kind === 'unknown') {
      report(ctx, 'REPORT_EVENT_UNKNOWN', `the report has an event of unknown class ${event.className}`, {
        where: { ...where, name: event.className },
        scenario: 'api-event-class-unknown',
      });
    }
    const bank = algorithmRow(event.bank).hash;
    if (event.covered.length === 0 || bank === undefined || ctx.unproven.has(event.pcr)) continue;
    const digests = event.covered.map((bytes) => hash(bank, bytes));
    if (digests.some((digest) => equalBytes(digest, event.digest))) continue;
    ctx.spoken.add(eventId({ source: 'report', index: event.index }));
    report(ctx, 'REPORT_DATA_MISMATCH', `the content of report event ${event.index} does not hash to its digest`, {
      where: { ...where, name: event.name },
      expected: toHex(event.digest),
      actual: toHex(digests[0] ?? new Uint8Array(0)),
      scenario: 'evt-data-uncovered',
    });
  }
}

/** First PCR of the operating system: firmware PCRs need not appear in a report. */
const FIRST_OS_PCR = 8;

/** The report tells the same events as the logs, PCR by PCR. */
export function checkReportAgainstLog(ctx: Context) {
  const { report: vsphere } = ctx.evidence;
  if (vsphere === undefined || !vsphere.reliable) return;
  const told = groupByPcr(vsphere.events);
  const logged = groupByPcr(ctx.measurements.filter((m) => m.source !== 'report'));
  for (const [pcr, list] of [...logged].sort(([a], [b]) => a - b)) {
    const mine = told.get(pcr) ?? [];
    if (ctx.unproven.has(pcr) || (mine.length === 0 && pcr < FIRST_OS_PCR)) continue;
    const at = firstDifference(list, mine);
    if (at === undefined) continue;
    const same = list[at] !== undefined && mine[at] !== undefined && sameDigest(list[at], mine[at]);
    report(
      ctx,
      same ? 'REPORT_DATA_MISMATCH' : 'REPORT_LOG_MISMATCH',
      same
        ? `report and log name event ${at + 1} of PCR ${pcr} differently`
        : `report and log disagree on the events of PCR ${pcr}, first at its event ${at + 1}`,
      {
        where: { file: FILE, pcr, ...(mine[at] === undefined ? {} : { event: mine[at].index }) },
        expected: list[at] === undefined ? 'no event' : describe(list[at]),
        actual: mine[at] === undefined ? 'no event' : describe(mine[at]),
        scenario: same ? 'evt-data-uncovered' : 'api-soap-rest-disagree',
      },
    );
  }
}

const describe = (event: Pick<Measurement, 'kind' | 'name'>): string => `${event.kind} ${event.name}`.trim();

function groupByPcr<T extends { readonly pcr: number }>(events: readonly T[]): Map<number, T[]> {
  const out = new Map<number, T[]>();
  for (const event of events) {
    const list = out.get(event.pcr);
    if (list === undefined) out.set(event.pcr, [event]);
    else list.push(event);
  }
  return out;
}

function sameDigest(logged: Measurement, told: ReportEvent): boolean {
  const digest = logged.digests.get(told.bank as LogAlgorithm);
  return digest !== undefined && equalBytes(digest, told.digest);
}

/** Kinds whose name the report tells as the log does. */
const NAMED = new Set(['module', 'bootOptions', 'securityOption']);

function firstDifference(logged: readonly Measurement[], told: readonly ReportEvent[]): number | undefined {
  for (let i = 0; i < Math.max(logged.length, told.length); i++) {
    const a = logged[i];
    const b = told[i];
    if (a === undefined || b === undefined || !sameDigest(a, b)) return i;
    if (a.kind === b.kind && NAMED.has(a.kind) && a.name !== b.name) return i;
  }
  return undefined;
}

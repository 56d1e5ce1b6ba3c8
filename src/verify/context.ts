/** What the checks of one appraisal share. */
import { toHex } from '../bytes/index.ts';
import type { HashName } from '../crypto/primitives.ts';
import { EV, type EventRecord, type LogAlgorithm, type Replay, replayEvents } from '../eventlog/index.ts';
import type { Activation } from './activation.ts';
import type { Evidence } from './evidence.ts';
import { type Finding, type FindingCode, type FindingDetail, finding, type Limit } from './findings.ts';
import { fromLogEvent, fromReportEvent, type Measurement, type VibIdentity } from './measurements.ts';
import type { Reference } from './reference.ts';

/** What the verifier knows besides evidence and reference. */
export interface VerifyOptions {
  /** The challenge that the quote must answer; without it freshness is not judged. */
  nonce?: Uint8Array | undefined;
  /** Milliseconds since 1970 at which certificates must be valid; without it dates are not judged. */
  time?: number | undefined;
  /** Outcome of a credential challenge to the host (see activation.ts); without it AK and EK are not known to be in one TPM. */
  activation?: Activation | undefined;
}

/** State of one appraisal. Checks add findings; later checks do not repeat what an earlier one explained. */
export interface Context {
  readonly evidence: Evidence;
  /** Undefined while a reference is being made. */
  readonly reference: Reference | undefined;
  readonly options: VerifyOptions;
  /** The bank that is judged. */
  readonly bank: HashName;
  readonly measurements: readonly Measurement[];
  readonly replay: Replay;
  /** PCRs whose events are known from the report only. */
  readonly reportPcrs: ReadonlySet<number>;
  readonly findings: Finding[];
  readonly limits: Limit[];
  /** Measurements that a finding already speaks of, as `source index`. */
  readonly spoken: Set<string>;
  /** PCRs whose value the log does not explain: their events prove nothing. */
  readonly unproven: Set<number>;
  /** Whether the PCR values are those that the TPM signed. */
  valuesProven: boolean;
}

/** Identity of a measurement in {@link Context.spoken}. */
export const eventId = (event: Pick<Measurement, 'source' | 'index'>): string => `${event.source} ${event.index}`;

/** Adds a finding. */
export function report(ctx: Context, code: FindingCode, message: string, detail: FindingDetail = {}): void {
  ctx.findings.push(finding(code, message, detail));
}

/** The state before the first check. */
export function createContext(evidence: Evidence, reference: Reference | undefined, options: VerifyOptions): Context {
  const { log, txtLog, report: vsphere } = evidence;
  const logged = [...(log?.events ?? []), ...(txtLog?.events ?? [])];
  const loggedPcrs = new Set(logged.filter((e) => e.type !== EV.NO_ACTION).map((e) => e.pcr));
  const supplement = (vsphere?.events ?? []).filter((e) => !loggedPcrs.has(e.pcr));
  const owners = new Map<string, VibIdentity>();
  for (const { name, vib, kind } of vsphere?.events ?? []) if (kind === 'module' && vib) owners.set(name, vib);

  const measured = [
    ...(log?.events ?? []).map((e) => fromLogEvent(e, 'log')),
    ...(txtLog?.events ?? []).map((e) => fromLogEvent(e, 'txt')),
    ...supplement.map(fromReportEvent),
  ].filter((m) => m !== undefined);
  const measurements = measured.map((m): Measurement => (m.kind === 'module' ? { ...m, vib: owners.get(m.name) } : m));

  const extra = supplement.map(
    (e): EventRecord => ({
      pcr: e.pcr,
      type: EV.EVENT_TAG,
      digests: new Map([[e.bank, e.digest]]),
      data: new Uint8Array(0),
    }),
  );
  const algorithms = new Set<LogAlgorithm>([...(log?.algorithms ?? []), ...(txtLog?.algorithms ?? [])]);
  for (const { bank } of supplement) algorithms.add(bank);
  return {
    evidence,
    reference,
    options,
    bank: reference?.policy.bank ?? 'sha256',
    measurements,
    replay: replayEvents([...logged, ...extra], [...algorithms]),
    reportPcrs: new Set(supplement.map((e) => e.pcr)),
    findings: [],
    limits: [],
    spoken: new Set(),
    unproven: new Set(),
    valuesProven: false,
  };
}

/** PCR value of the judged bank as evidence gives it. */
export function pcrValue(ctx: Context, pcr: number): Uint8Array | undefined {
  return ctx.evidence.pcrs?.get(ctx.bank)?.get(pcr);
}

/** Digest of a measurement in the judged bank, in hexadecimal. */
export function digestHex(ctx: Context, event: Measurement): string | undefined {
  const digest = event.digests.get(ctx.bank);
  return digest === undefined ? undefined : toHex(digest);
}

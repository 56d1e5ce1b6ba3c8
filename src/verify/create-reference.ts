/** Makes reference values from the evidence of a healthy boot. */
import { InputError, toHex } from '../bytes/index.ts';
import type { HashName } from '../crypto/primitives.ts';
import { algorithmRow, type LogAlgorithm } from '../eventlog/index.ts';
import { selectedPcrs } from '../tpm2/structures/index.ts';
import { checkEvidence } from './appraise.ts';
import { secureBootVariables } from './check-log.ts';
import { launched } from './check-replay.ts';
import type { Context } from './context.ts';
import type { EvidenceFiles } from './evidence.ts';
import type { Measurement } from './measurements.ts';
import { type Reference, type ReferenceEvent, type ReferencePolicy, rootCertificates } from './reference.ts';

/** What evidence does not say about itself. */
export interface ReferenceMeta {
  readonly profile: string;
  readonly description?: string;
  /** Parts of the policy that differ from what the evidence suggests. */
  readonly policy?: Partial<ReferencePolicy>;
}

/** PCRs that running software may reset or extend, so no value is expected of them. */
const FREE_PCRS = new Set([16, 23]);
/** Variable data longer than this is not kept in a reference: 64 KiB. */
const MAX_VARIABLE = 65_536;

/**
 * Reference values: every PCR value, every event, and a policy that judges PCRs with events event by event, the others by
 * value, with nothing excluded. The evidence must be sound in itself; if a check of it fails, InputError names the
 * findings. That the host was healthy is the caller's claim.
 */
export function createReference(files: EvidenceFiles, meta: ReferenceMeta): Reference {
  const { findings: all, context } = checkEvidence(files);
  // A host without a certificate still has reference values; its own appraisal stays inconclusive.
  const findings = all.filter((f) => f.code !== 'EK_CERT_MISSING');
  if (findings.length > 0) {
    const list = findings.map((f) => `${f.code}: ${f.message}`).join('; ');
    throw new InputError(`no reference can be made from this evidence: ${list}`);
  }
  const { attest, pcrs, log, report } = context.evidence;
  if (attest?.kind !== 'quote' || pcrs === undefined || log === undefined) {
    throw new InputError('no reference can be made from this evidence: quote, PCR values or event log are missing');
  }
  const quotedPcrs = attest.quote.attested.pcrSelect.flatMap((entry) => selectedPcrs(entry.pcrSelect));
  const judgedPcrs = quotedPcrs.filter((pcr) => !FREE_PCRS.has(pcr));
  const withEvents = new Set(context.measurements.map((m) => m.pcr));
  return {
    format: 'esxsim-reference',
    version: 1,
    description: meta.description ?? '',
    profile: meta.profile,
    launch: launched(context) ? 'txt' : 'uefi',
    banks: log.algorithms.filter(isComputable),
    pcrs: Object.fromEntries(
      [...pcrs].filter(([bank]) => isComputable(bank)).map(([bank, values]) => [bank, hexMap(values)]),
    ),
    events: context.measurements.map(toReferenceEvent),
    policy: {
      bank: context.bank,
      quotedPcrs,
      byValue: judgedPcrs.filter((pcr) => !withEvents.has(pcr)),
      byEvents: judgedPcrs.filter((pcr) => withEvents.has(pcr)),
      secureBoot: isSecureBootOn(context) ? 'required' : 'any',
      report: report === undefined ? 'optional' : 'required',
      hostUnique: { components: [], options: [] },
      ekAnchors: rootCertificates(files.get('ek-ca.pem') ?? new Uint8Array(0)),
      ...meta.policy,
    },
  };
}

function isComputable(bank: LogAlgorithm): bank is HashName {
  return algorithmRow(bank).hash !== undefined;
}

function isSecureBootOn(context: Context): boolean {
  const state = secureBootVariables(context).get('SecureBoot');
  return state?.length === 1 && state[0] === 1;
}

function hexMap(values: ReadonlyMap<number, Uint8Array>): Record<string, string> {
  const sorted = [...values].sort(([a], [b]) => a - b);
  return Object.fromEntries(sorted.map(([pcr, value]) => [String(pcr), toHex(value)]));
}

function toReferenceEvent(m: Measurement): ReferenceEvent {
  const digests = [...m.digests].filter(([bank]) => isComputable(bank)).map(([bank, digest]) => [bank, toHex(digest)]);
  const keepVariable = m.variable !== undefined && m.pcr === 7 && m.variable.length <= MAX_VARIABLE;
  return {
    pcr: m.pcr,
    source: m.source,
    type: m.type,
    kind: m.kind,
    name: m.name,
    digests: Object.fromEntries(digests),
    ...(m.text === undefined ? {} : { text: m.text }),
    ...(keepVariable && m.variable !== undefined ? { variable: toHex(m.variable) } : {}),
    ...(m.vib === undefined ? {} : { vib: m.vib }),
  };
}

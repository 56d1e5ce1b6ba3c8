/** Reference verifier: evidence of a boot and reference values in, an appraisal with findings out. */
export { FormatError, InputError } from '../bytes/errors.ts';
export { ACTIVATION_SECRET_SIZE, type Activation, challengeKeys } from './activation.ts';
export { type Appraisal, type CheckResult, verifyEvidence } from './appraise.ts';
export { INSTALL_LOG_FILE, tellsOfBypass } from './check-install-log.ts';
export { compareCommandLines, type OptionChange } from './command-line.ts';
export { type Change, compareEvents } from './compare.ts';
export type { VerifyOptions } from './context.ts';
export { createReference, type ReferenceMeta } from './create-reference.ts';
export { type Evidence, type EvidenceFiles, parseEvidence } from './evidence.ts';
export {
  FINDING_VERDICT,
  type Finding,
  type FindingCode,
  LIMIT_TEXT,
  type Limit,
  type LimitCode,
  type Place,
  VERDICT_ORDER,
  type Verdict,
  worstVerdict,
} from './findings.ts';
export type { Measurement, MeasurementKind, MeasurementSource, VibIdentity } from './measurements.ts';
export {
  formatReference,
  parseReference,
  type Reference,
  type ReferenceEvent,
  type ReferencePolicy,
} from './reference.ts';
export { renderAppraisal } from './report.ts';
export { parseReport, type ReportEvent, type ReportEvidence } from './report-evidence.ts';

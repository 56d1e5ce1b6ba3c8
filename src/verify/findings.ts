/** What a verifier says: verdicts, findings, and the order in which verdicts outweigh each other. */

/**
 * Verdict words (RFC 9334 calls the result an appraisal):
 *
 * - `REJECT`: the evidence is false or does not prove what it claims;
 * - `MALFORMED`: a part of the evidence cannot be read;
 * - `UNTRUSTED`: the evidence is sound, the state it shows is bad;
 * - `INCONCLUSIVE`: the evidence cannot decide;
 * - `DRIFT`: a change that needs a new reference value, not an accusation;
 * - `TRUSTED`: nothing to object.
 */
export type Verdict = 'TRUSTED' | 'DRIFT' | 'INCONCLUSIVE' | 'UNTRUSTED' | 'MALFORMED' | 'REJECT';

/**
 * Worst last. False evidence outweighs all, because nothing else said by it counts; unreadable evidence outweighs a bad
 * state, because the rest was not seen; a bad state outweighs doubt, and doubt outweighs a harmless change.
 */
export const VERDICT_ORDER: readonly Verdict[] = [
  'TRUSTED',
  'DRIFT',
  'INCONCLUSIVE',
  'UNTRUSTED',
  'MALFORMED',
  'REJECT',
];

/** Codes of findings, a closed set, with the verdict each carries. */
export const FINDING_VERDICT = {
  // Files
  FILE_MISSING: 'INCONCLUSIVE',
  FILE_MALFORMED: 'MALFORMED',
  // Reference
  POLICY_EMPTY: 'INCONCLUSIVE',
  REFERENCE_OTHER_LAUNCH: 'INCONCLUSIVE',
  // Keys
  AK_NOT_RESTRICTED: 'REJECT',
  AK_EXPORTABLE: 'REJECT',
  AK_FOREIGN_TPM: 'REJECT',
  EK_CERT_MISMATCH: 'REJECT',
  EK_CERT_INVALID: 'REJECT',
  EK_CERT_DATES: 'REJECT',
  EK_CHAIN_UNKNOWN: 'INCONCLUSIVE',
  EK_CERT_MISSING: 'INCONCLUSIVE',
  // Quote
  ATTEST_MAGIC: 'REJECT',
  ATTEST_TYPE: 'REJECT',
  SIGNATURE_ALGORITHM: 'REJECT',
  SIGNATURE_INVALID: 'REJECT',
  NONCE_MISMATCH: 'REJECT',
  PCR_SELECTION: 'REJECT',
  PCR_DIGEST_MISMATCH: 'REJECT',
  PCR_NOT_QUOTED: 'REJECT',
  TPM_FIRMWARE_OLD: 'UNTRUSTED',
  // Event log
  LOG_EMPTY: 'INCONCLUSIVE',
  LOG_BANK_MISSING: 'INCONCLUSIVE',
  BANK_NOT_EXTENDED: 'REJECT',
  LOG_REPLAY_MISMATCH: 'REJECT',
  PCR_WITHOUT_EVENTS: 'REJECT',
  DRTM_STATE_UNCLEAR: 'INCONCLUSIVE',
  LOG_EXIT_BOOT_SERVICES_MISSING: 'DRIFT',
  EVENT_DATA_MALFORMED: 'MALFORMED',
  EVENT_DATA_MISMATCH: 'REJECT',
  EVENT_TYPE_NOT_ALLOWED: 'REJECT',
  EVENT_TYPE_UNKNOWN: 'DRIFT',
  EVENT_REPEATED: 'REJECT',
  SEPARATOR_FAULT: 'REJECT',
  SECURE_BOOT_INCONSISTENT: 'REJECT',
  // Report
  REPORT_UNRELIABLE: 'INCONCLUSIVE',
  REPORT_PCR_MISMATCH: 'REJECT',
  REPORT_REPLAY_MISMATCH: 'REJECT',
  REPORT_LOG_MISMATCH: 'REJECT',
  REPORT_DATA_MISMATCH: 'REJECT',
  REPORT_EVENT_UNKNOWN: 'DRIFT',
  // State, compared with the reference
  SECURE_BOOT_DISABLED: 'UNTRUSTED',
  FIRMWARE_DEBUG: 'UNTRUSTED',
  TXT_NOT_LAUNCHED: 'UNTRUSTED',
  BOOT_NOT_COMPLETE: 'UNTRUSTED',
  COMPONENT_DIGEST_MISMATCH: 'UNTRUSTED',
  COMPONENT_NAME_MISMATCH: 'UNTRUSTED',
  COMPONENT_MOVED: 'UNTRUSTED',
  COMPONENT_REPEATED: 'UNTRUSTED',
  COMPONENT_UNEXPECTED: 'UNTRUSTED',
  COMPONENT_ADDED: 'DRIFT',
  COMPONENT_MISSING: 'DRIFT',
  IMAGE_DATABASE_CONTRADICTED: 'UNTRUSTED',
  BOOT_OPTIONS_MISMATCH: 'UNTRUSTED',
  COMMAND_LINE_MISMATCH: 'UNTRUSTED',
  COMMAND_LINE_MISSING: 'INCONCLUSIVE',
  BOOT_SECURITY_OPTION_MISMATCH: 'UNTRUSTED',
  SIGNER_MISMATCH: 'UNTRUSTED',
  VERSION_MISMATCH: 'UNTRUSTED',
  ASSET_TAG_MISMATCH: 'UNTRUSTED',
  FIRMWARE_VARIABLE_MISMATCH: 'UNTRUSTED',
  FIRMWARE_VARIABLE_ADDED_ENTRIES: 'DRIFT',
  BOOT_APPLICATION_MISMATCH: 'UNTRUSTED',
  FIRMWARE_EVENT_MISMATCH: 'DRIFT',
  TXT_EVENT_MISMATCH: 'UNTRUSTED',
  EVENT_ORDER: 'DRIFT',
  PCR_VALUE_MISMATCH: 'UNTRUSTED',
  // Installer's log
  INSTALL_CHECKS_BYPASSED: 'UNTRUSTED',
} as const satisfies Record<string, Verdict>;

/** Code of a finding. */
export type FindingCode = keyof typeof FINDING_VERDICT;

/** Codes of statements about what this evidence cannot show, or was told to overlook. */
export const LIMIT_TEXT = {
  AK_EK_NOT_PROVEN:
    'the evidence does not prove that the attestation key lives in the TPM of the endorsement key (needs an activated credential)',
  FRESHNESS_NOT_CHECKED: 'no nonce was given, so an old quote cannot be told from a new one',
  RELAY_NOT_EXCLUDED: 'a quote forwarded from another healthy machine looks the same',
  FIRMWARE_MEASURES_ITSELF: 'firmware that lies about itself cannot be seen in its own measurements',
  PCR_RESET_NOT_EXCLUDED: 'a TPM reset behind the back of the running host cannot be seen in one quote',
  SMM_NOT_MEASURED: 'system management code is not measured where no STM is in use',
  RUNTIME_NOT_COVERED: 'what runs after the boot is outside the claim',
  REPORT_NOT_SIGNED: 'texts of the vSphere report that no digest covers are trusted only as far as vCenter',
  INSTALL_LOG_NOT_SIGNED: 'nothing protects the log of the installer: lines can be missing from it',
  REFERENCE_FROM_HOST: 'the reference was taken from a host; if that was compromised, so is the reference',
  CLOCK_NOT_SAFE: 'the TPM says that its clock may have gone backwards',
  POLICY_EXCLUSION: 'policy lets this item differ from host to host, so it was not judged',
} as const;

/** Code of a limit. */
export type LimitCode = keyof typeof LIMIT_TEXT;

/** Where a finding is. */
export interface Place {
  readonly pcr?: number;
  /** Index of the event in its log or report. */
  readonly event?: number;
  /** Component, option, variable or bank. */
  readonly name?: string;
  /** File of the evidence. */
  readonly file?: string;
}

/** One thing found. */
export interface Finding {
  readonly code: FindingCode;
  readonly verdict: Verdict;
  readonly where: Place;
  /** One line for a person; text from the evidence in it is escaped. */
  readonly message: string;
  readonly expected?: string;
  readonly actual?: string;
  /** Slug of the catalogue of attestation failures. */
  readonly scenario?: string;
}

/** One thing the evidence cannot show. */
export interface Limit {
  readonly code: LimitCode;
  readonly verdict: 'RESIDUAL';
  readonly where: Place;
  readonly message: string;
  readonly scenario?: string;
}

/** Optional parts of a finding. */
export interface FindingDetail {
  readonly where?: Place;
  readonly expected?: string | undefined;
  readonly actual?: string | undefined;
  readonly scenario?: string | undefined;
}

/** A finding with the verdict of its code. */
export function finding(code: FindingCode, message: string, detail: FindingDetail = {}): Finding {
  const { where = {}, expected, actual, scenario } = detail;
  return {
    code,
    verdict: FINDING_VERDICT[code],
    where,
    message,
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
    ...(scenario === undefined ? {} : { scenario }),
  };
}

/** Scenario of each limit in the catalogue. */
const LIMIT_SCENARIO: Readonly<Partial<Record<LimitCode, string>>> = {
  AK_EK_NOT_PROVEN: 'ak-foreign-tpm',
  FRESHNESS_NOT_CHECKED: 'nonce-stale',
  RELAY_NOT_EXCLUDED: 'quote-relay',
  FIRMWARE_MEASURES_ITSELF: 'crtm-replays-good-hashes',
  PCR_RESET_NOT_EXCLUDED: 'pcr-reset-s3',
  SMM_NOT_MEASURED: 'smm-unmeasured',
  RUNTIME_NOT_COVERED: 'exec-interpreter-bypass',
  REPORT_NOT_SIGNED: 'api-unsigned-report',
  INSTALL_LOG_NOT_SIGNED: 'vib-force-trace',
  REFERENCE_FROM_HOST: 'golden-from-bad-host',
  CLOCK_NOT_SAFE: 'clock-backwards',
  POLICY_EXCLUSION: 'vib-hide-in-excluded',
};

/** A limit; `detail` is put behind the text of its code. */
export function limit(code: LimitCode, where: Place = {}, detail = ''): Limit {
  const scenario = LIMIT_SCENARIO[code];
  const message = detail === '' ? LIMIT_TEXT[code] : `${LIMIT_TEXT[code]}: ${detail}`;
  return { code, verdict: 'RESIDUAL', where, message, ...(scenario === undefined ? {} : { scenario }) };
}

/** The worst verdict of the findings; `TRUSTED` where there is none. */
export function worstVerdict(findings: readonly Finding[]): Verdict {
  const rank = findings.reduce((worst, f) => Math.max(worst, VERDICT_ORDER.indexOf(f.verdict)), 0);
  return VERDICT_ORDER[rank] ?? 'REJECT';
}

/** The files of one boot, each read strictly; a file that cannot be read becomes a finding and the others still count. */
import { FormatError, fromLatin1, InputError } from '../bytes/index.ts';
import { type Certificate, parseCertificate, parseCertificatesPem } from '../crypto/x509.ts';
import { type EventLog, type PcrValues, parseEventLog, parsePcrsJson } from '../eventlog/index.ts';
import { INSTALL_LOG_FILE } from './check-install-log.ts';
import { type Finding, finding } from './findings.ts';
import { parseReport, type ReportEvidence } from './report-evidence.ts';
import {
  type AttestEvidence,
  type KeyEvidence,
  parseAttest,
  parsePublicArea,
  parseSignature,
  type SignatureEvidence,
} from './tpm-evidence.ts';

/**
 * Files by name, as `esxsim boot --out` writes them: `quote.attest`, `quote.sig`, `ak.pub`, `ek.pub`, `ek.crt`, `ek-ca.pem`,
 * `eventlog.bin`, `txt-eventlog.bin`, `pcrs.json`, `report.json`, `esxupdate.log`. Other files (`host.json`, `boot.log`, …) are ignored: what
 * a host says about itself without a measurement proves nothing.
 */
export type EvidenceFiles = ReadonlyMap<string, Uint8Array>;

/** The files understood; undefined where a file is absent or unreadable. */
export interface Evidence {
  readonly attest: AttestEvidence | undefined;
  readonly signature: SignatureEvidence | undefined;
  readonly ak: KeyEvidence | undefined;
  readonly ek: KeyEvidence | undefined;
  readonly ekCertificate: Certificate | undefined;
  /** Certificates that came with the evidence: they may complete a chain, they are never trusted by themselves. */
  readonly intermediates: readonly Certificate[];
  readonly log: EventLog | undefined;
  readonly txtLog: EventLog | undefined;
  readonly pcrs: PcrValues | undefined;
  readonly report: ReportEvidence | undefined;
  /** The installer's log, a character per byte. */
  readonly installLog: string | undefined;
  /** Names of the files present, readable or not. */
  readonly present: ReadonlySet<string>;
  /** One FILE_MALFORMED finding for each file that could not be read. */
  readonly problems: readonly Finding[];
}

/** Scenario of the catalogue for an unreadable file. */
const FILE_SCENARIO: Readonly<Record<string, string>> = {
  'quote.attest': 'response-length-lie',
  'quote.sig': 'response-length-lie',
  'ak.pub': 'response-length-lie',
  'ek.pub': 'response-length-lie',
  'pcrs.json': 'api-number-formats',
  'report.json': 'api-number-formats',
};

/** Scenario for an unreadable log, by the field that was wrong. */
function logScenario(error: InputError): string {
  if (!(error instanceof FormatError)) return 'evt-header-wrong';
  if (error.field === 'pcrIndex') return 'evt-pcr-range';
  if (error.field === 'eventSize' || error.field === 'event') return 'evt-size-bomb';
  return error.structure === 'TCG_EfiSpecIDEvent' || error.field.startsWith('digests')
    ? 'evt-header-wrong'
    : 'evt-truncated';
}

/** Reads every known file. Never throws for bad content. */
export function parseEvidence(files: EvidenceFiles): Evidence {
  const problems: Finding[] = [];
  const read = <T>(file: string, parse: (bytes: Uint8Array) => T): T | undefined => {
    const bytes = files.get(file);
    if (bytes === undefined) return undefined;
    try {
      return parse(bytes);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const scenario = file.endsWith('eventlog.bin') ? logScenario(error) : FILE_SCENARIO[file];
      problems.push(
        finding('FILE_MALFORMED', `${file} cannot be read: ${error.message}`, { where: { file }, scenario }),
      );
      return undefined;
    }
  };
  return {
    attest: read('quote.attest', parseAttest),
    signature: read('quote.sig', parseSignature),
    ak: read('ak.pub', parsePublicArea),
    ek: read('ek.pub', parsePublicArea),
    ekCertificate: read('ek.crt', parseCertificate),
    intermediates: read('ek-ca.pem', parseCertificatesPem) ?? [],
    log: read('eventlog.bin', (bytes) => parseEventLog(bytes)),
    txtLog: read('txt-eventlog.bin', (bytes) => parseEventLog(bytes)),
    pcrs: read('pcrs.json', parsePcrsJson),
    report: read('report.json', parseReport),
    installLog: read(INSTALL_LOG_FILE, fromLatin1),
    present: new Set(files.keys()),
    problems,
  };
}

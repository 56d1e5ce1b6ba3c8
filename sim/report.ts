/**
 * The vSphere attestation report of a booted host: PCR values read from the TPM, and the events of the logs in the API's
 * classes (facts §12, §13). Digests come from the log records, never from a second calculation.
 */
import { fromUtf8 } from '../src/bytes/bytes.ts';
import { InputError } from '../src/bytes/errors.ts';
import type { HashName } from '../src/crypto/primitives.ts';
import { parseCertificate } from '../src/crypto/x509.ts';
import { EV, type EventLog, type LogEvent, parseEventLog } from '../src/eventlog/index.ts';
import {
  attestationReport,
  bootCompleteEvent,
  bootSecurityOptionEvent,
  commandEvent,
  type DigestMethod,
  type EventHash,
  type HostTpmAttestationReport,
  type HostTpmEventDetailsType,
  type HostTpmEventLogEntry,
  logEntry,
  nvTagEvent,
  optionEvent,
  pcrValue,
  signerEvent,
  softwareComponentEvent,
  versionEvent,
} from '../src/vim/index.ts';
import { PCR_NUMBERS, type PcrBanks } from './pcrs.ts';

/** Names of the banks in the API. */
const METHOD: Readonly<Record<HashName, DigestMethod>> = {
  sha1: 'SHA1',
  sha256: 'SHA256',
  sha384: 'SHA384',
  sha512: 'SHA512',
};

/** Component name of measurements made before the hypervisor ran. */
const PREBOOT = 'TPM_EVENT_LOG_PREBOOT';
/** Component name of the measured launch environment (module `b`). */
const MLE_COMPONENT = 'b';

/** The VIB that owns a module. */
export interface ModuleOwner {
  readonly name: string;
  readonly version: string;
  readonly vendor: string;
}

/** What the report is made from. */
export interface ReportInputs {
  readonly banks: readonly HashName[];
  readonly pcrs: PcrBanks;
  /** Firmware and OS log. */
  readonly log: Uint8Array;
  /** TXT log, where a launch took place. */
  readonly txtLog: Uint8Array | undefined;
  /** File name of module 0. */
  readonly kernel: string;
  /** Content of the measured option files, by file name. */
  readonly optionFiles: ReadonlyMap<string, Uint8Array>;
  /** Owner of a module by file name; undefined where no installed VIB owns it. */
  readonly owners: ReadonlyMap<string, ModuleOwner>;
  /** Whether package information was complete. */
  readonly reliable: boolean;
}

/** The report of one boot. */
export function buildReport(inputs: ReportInputs): HostTpmAttestationReport {
  const pcrs = inputs.banks.flatMap((bank) =>
    PCR_NUMBERS.map((pcr) => pcrValue(METHOD[bank], pcr, inputs.pcrs.get(bank)?.[pcr] ?? new Uint8Array(0))),
  );
  // Each event names one bank: the strongest one reported.
  const bank = inputs.banks.at(-1) ?? 'sha256';
  const launch = inputs.txtLog === undefined ? [] : launchEntries(parseEventLog(inputs.txtLog), bank, inputs);
  return attestationReport(pcrs, [...launch, ...osEntries(parseEventLog(inputs.log), bank, inputs)], inputs.reliable);
}

function hashOf(event: LogEvent, bank: HashName): EventHash {
  return { dataHash: event.digests.get(bank) ?? new Uint8Array(0), dataHashMethod: METHOD[bank] };
}

/** PCR 17 and 18: anonymous components, except the MLE. */
function launchEntries(log: EventLog, bank: HashName, inputs: ReportInputs): HostTpmEventLogEntry[] {
  const owner = inputs.owners.get(inputs.kernel);
  return log.events
    .filter((event) => event.type !== EV.NO_ACTION)
    .map((event) => {
      const hash = hashOf(event, bank);
      const mle = event.type === EV.TXT_MLE_HASH;
      return logEntry(
        event.pcr,
        mle ? softwareComponentEvent(hash, MLE_COMPONENT, owner) : softwareComponentEvent(hash, PREBOOT),
      );
    });
}

/** The ESXi events of the OS log; firmware events of PCR 0–7 are not in the report. */
function osEntries(log: EventLog, bank: HashName, inputs: ReportInputs): HostTpmEventLogEntry[] {
  return log.events.flatMap((event) => {
    const details = osDetails(event, hashOf(event, bank), inputs);
    return details === undefined ? [] : [logEntry(event.pcr, details)];
  });
}

function osDetails(event: LogEvent, hash: EventHash, inputs: ReportInputs): HostTpmEventDetailsType | undefined {
  const esxi = event.decoded.kind === 'tagged' ? event.decoded.esxi : undefined;
  switch (esxi?.kind) {
    case 'module':
      return softwareComponentEvent(hash, esxi.name, inputs.owners.get(esxi.name));
    case 'bootOptions':
      return optionEvent(hash, esxi.name, inputs.optionFiles.get(esxi.name));
    case 'commandLine':
      return commandEvent(hash, esxi.text);
    case 'securityOption':
      return bootSecurityOptionEvent(hash, esxi.text);
    case 'assetTag':
      return nvTagEvent(hash, `AssetTag = ${fromUtf8(esxi.tag)}`);
    case 'signer':
      return signerEvent(hash, `Signer = ${signerName(esxi.certificate)}`);
    case 'version':
      return versionEvent(hash, esxi.bytes);
    case 'bootComplete':
      return bootCompleteEvent(hash);
    case undefined:
      return undefined;
  }
}

/** Subject of a signer's certificate. What real hosts put here is not published (docs/assumptions-eventlog.md). */
function signerName(certificate: Uint8Array): string {
  try {
    return parseCertificate(certificate).subject.text;
  } catch (error) {
    if (error instanceof InputError) return '';
    throw error;
  }
}

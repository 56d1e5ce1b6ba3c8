/**
 * The TPM attestation report of a host (`HostSystem.QueryTpmAttestationReport`, since vSphere API 5.1) as typed values,
 * with one builder per event type. PCR values and event hashes are bytes, never text.
 */
import type { VimObject } from './value.ts';

/** Digest algorithms as the API writes them. */
export type DigestMethod = 'SHA1' | 'MD5' | 'SHA256' | 'SHA384' | 'SHA512' | 'SM3_256';

/** One PCR of one bank. */
export interface HostTpmDigestInfo extends VimObject {
  readonly _typeName: 'HostTpmDigestInfo';
  readonly digestMethod: string;
  readonly digestValue: Uint8Array;
  readonly objectName?: string;
  readonly pcrNumber: number;
}

/** What every event has: the digest that was extended, and its algorithm (since 6.7). */
interface EventBase extends VimObject {
  readonly dataHash: Uint8Array;
  readonly dataHashMethod?: string;
}

/** An event about which nothing else is said. */
export interface HostTpmEventDetails extends EventBase {
  readonly _typeName: 'HostTpmEventDetails';
}

/** A boot module; the VIB it belongs to, or empty texts where it belongs to none. */
export interface HostTpmSoftwareComponentEventDetails extends EventBase {
  readonly _typeName: 'HostTpmSoftwareComponentEventDetails';
  readonly componentName: string;
  readonly vibName: string;
  readonly vibVersion: string;
  readonly vibVendor: string;
}

/** A boot command line. */
export interface HostTpmCommandEventDetails extends EventBase {
  readonly _typeName: 'HostTpmCommandEventDetails';
  readonly commandLine: string;
}

/** A file of boot options; `bootOptions` is its content. */
export interface HostTpmOptionEventDetails extends EventBase {
  readonly _typeName: 'HostTpmOptionEventDetails';
  readonly optionsFileName: string;
  readonly bootOptions?: Uint8Array;
}

/** A security option (`execInstalledOnly = FALSE`), an NV index measured at boot (7.0.2.0) or a module signer (8.0.0.1). */
export interface HostTpmBootSecurityOptionEventDetails extends EventBase {
  readonly _typeName:
    | 'HostTpmBootSecurityOptionEventDetails'
    | 'HostTpmNvTagEventDetails'
    | 'HostTpmSignerEventDetails';
  readonly bootSecurityOption: string;
}

/** The version record of a boot component (8.0.0.1). */
export interface HostTpmVersionEventDetails extends EventBase {
  readonly _typeName: 'HostTpmVersionEventDetails';
  readonly version: Uint8Array;
}

/** The end of the measured boot (8.0.1.0). */
export interface HostTpmBootCompleteEventDetails extends EventBase {
  readonly _typeName: 'HostTpmBootCompleteEventDetails';
}

/** The version of the whole system (9.1.0.0). */
export interface HostTpmSystemVersionEventDetails extends EventBase {
  readonly _typeName: 'HostTpmSystemVersionEventDetails';
  readonly systemVersion: string;
}

/** Details of an event, told apart by `_typeName`. */
export type HostTpmEventDetailsType =
  | HostTpmEventDetails
  | HostTpmSoftwareComponentEventDetails
  | HostTpmCommandEventDetails
  | HostTpmOptionEventDetails
  | HostTpmBootSecurityOptionEventDetails
  | HostTpmVersionEventDetails
  | HostTpmBootCompleteEventDetails
  | HostTpmSystemVersionEventDetails;

/** One entry of the log. */
export interface HostTpmEventLogEntry extends VimObject {
  readonly _typeName: 'HostTpmEventLogEntry';
  readonly pcrIndex: number;
  readonly eventDetails: HostTpmEventDetailsType;
}

/** The report. */
export interface HostTpmAttestationReport extends VimObject {
  readonly _typeName: 'HostTpmAttestationReport';
  readonly tpmPcrValues: readonly HostTpmDigestInfo[];
  readonly tpmEvents: readonly HostTpmEventLogEntry[];
  readonly tpmLogReliable: boolean;
}

/** Most events that a host records; if more happened the log is cut here and is not reliable. */
export const MAX_TPM_EVENTS = 1000;

/** A hash of one event: digest and algorithm; leave out the algorithm for hosts before 6.7. */
export interface EventHash {
  readonly dataHash: Uint8Array;
  readonly dataHashMethod?: DigestMethod;
}

function hashOf(hash: EventHash): EventHash {
  const { dataHash, dataHashMethod } = hash;
  return dataHashMethod === undefined ? { dataHash } : { dataHash, dataHashMethod };
}

/** One PCR of one bank. */
export function pcrValue(digestMethod: DigestMethod, pcrNumber: number, digestValue: Uint8Array): HostTpmDigestInfo {
  return { _typeName: 'HostTpmDigestInfo', digestMethod, digestValue, pcrNumber };
}

/** A log entry of `pcrIndex`. */
export function logEntry(pcrIndex: number, eventDetails: HostTpmEventDetailsType): HostTpmEventLogEntry {
  return { _typeName: 'HostTpmEventLogEntry', pcrIndex, eventDetails };
}

/** A boot module. Texts that do not apply are empty, never absent. */
export function softwareComponentEvent(
  hash: EventHash,
  componentName: string,
  vib: { readonly name: string; readonly version: string; readonly vendor: string } = {
    name: '',
    version: '',
    vendor: '',
  },
): HostTpmSoftwareComponentEventDetails {
  return {
    _typeName: 'HostTpmSoftwareComponentEventDetails',
    ...hashOf(hash),
    componentName,
    vibName: vib.name,
    vibVersion: vib.version,
    vibVendor: vib.vendor,
  };
}

/** A boot command line. */
export function commandEvent(hash: EventHash, commandLine: string): HostTpmCommandEventDetails {
  return { _typeName: 'HostTpmCommandEventDetails', ...hashOf(hash), commandLine };
}

/** A file of boot options with its content. */
export function optionEvent(
  hash: EventHash,
  optionsFileName: string,
  bootOptions?: Uint8Array,
): HostTpmOptionEventDetails {
  const event = { _typeName: 'HostTpmOptionEventDetails', ...hashOf(hash), optionsFileName } as const;
  return bootOptions === undefined ? event : { ...event, bootOptions };
}

/** A security option, text like `execInstalledOnly = FALSE`. */
export function bootSecurityOptionEvent(hash: EventHash, text: string): HostTpmBootSecurityOptionEventDetails {
  return { _typeName: 'HostTpmBootSecurityOptionEventDetails', ...hashOf(hash), bootSecurityOption: text };
}

/** A TPM NV index measured at boot, such as an asset tag (7.0.2.0). */
export function nvTagEvent(hash: EventHash, text: string): HostTpmBootSecurityOptionEventDetails {
  return { _typeName: 'HostTpmNvTagEventDetails', ...hashOf(hash), bootSecurityOption: text };
}

/** The certificate of the key that signs boot modules (8.0.0.1). */
export function signerEvent(hash: EventHash, text: string): HostTpmBootSecurityOptionEventDetails {
  return { _typeName: 'HostTpmSignerEventDetails', ...hashOf(hash), bootSecurityOption: text };
}

/** The version record of a boot component (8.0.0.1). */
export function versionEvent(hash: EventHash, version: Uint8Array): HostTpmVersionEventDetails {
  return { _typeName: 'HostTpmVersionEventDetails', ...hashOf(hash), version };
}

/** The end of the measured boot (8.0.1.0). */
export function bootCompleteEvent(hash: EventHash): HostTpmBootCompleteEventDetails {
  return { _typeName: 'HostTpmBootCompleteEventDetails', ...hashOf(hash) };
}

/**
 * A report. More than {@link MAX_TPM_EVENTS} entries are cut there and make the log unreliable, as on a host.
 *
 * @param reliable false where the host's record is otherwise incomplete (module of wrong origin, package data missing)
 */
export function attestationReport(
  pcrs: readonly HostTpmDigestInfo[],
  events: readonly HostTpmEventLogEntry[],
  reliable = true,
): HostTpmAttestationReport {
  return {
    _typeName: 'HostTpmAttestationReport',
    tpmPcrValues: pcrs,
    tpmEvents: events.slice(0, MAX_TPM_EVENTS),
    tpmLogReliable: reliable && events.length <= MAX_TPM_EVENTS,
  };
}

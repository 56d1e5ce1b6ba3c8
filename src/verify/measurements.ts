/** Measurements of a boot in one form, whichever file of the evidence they come from. */
import { toHex } from '../bytes/index.ts';
import {
  ESXI_TAG,
  type EsxiEvent,
  EV,
  eventTypeName,
  type LogAlgorithm,
  type LogEvent,
  parseSecurityOption,
} from '../eventlog/index.ts';
import { devicePathText, parseDevicePath } from '../uefi/device-path.ts';
import type { ReportEvent } from './report-evidence.ts';

/** What was measured. `firmware` and `txt` are told apart further by the event type. */
export type MeasurementKind =
  | EsxiEvent['kind']
  | 'systemVersion'
  | 'firmware'
  | 'txt'
  | 'preboot'
  | 'tagged'
  | 'unknown';

/** File a measurement comes from. */
export type MeasurementSource = 'log' | 'txt' | 'report';

/** File names by source. */
export const SOURCE_FILE: Readonly<Record<MeasurementSource, string>> = {
  log: 'eventlog.bin',
  txt: 'txt-eventlog.bin',
  report: 'report.json',
};

/** The VIB that a report names as owner of a module; a claim, not a proof. */
export interface VibIdentity {
  readonly name: string;
  readonly version: string;
  readonly vendor: string;
}

/** One measurement. */
export interface Measurement {
  readonly source: MeasurementSource;
  readonly pcr: number;
  /** Position in its file. */
  readonly index: number;
  /** Event type name, or the vSphere class of a report event. */
  readonly type: string;
  readonly kind: MeasurementKind;
  /** Module, option, variable or device path; empty where the kind says all. */
  readonly name: string;
  readonly digests: ReadonlyMap<LogAlgorithm, Uint8Array>;
  /** Readable content, where the event has it. */
  readonly text: string | undefined;
  /** Data of a UEFI variable. */
  readonly variable: Uint8Array | undefined;
  readonly vib: VibIdentity | undefined;
}

type Identity = Pick<Measurement, 'kind' | 'name' | 'text' | 'variable'>;

const identity = (kind: MeasurementKind, name = '', text?: string, variable?: Uint8Array): Identity => ({
  kind,
  name,
  text,
  variable,
});

/** File name part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function esxiIdentity(event: EsxiEvent): Identity {
  switch (event.kind) {
    case 'module':
    case 'bootOptions':
      return identity(event.kind, event.name);
    case 'commandLine':
      return identity(event.kind, '', event.text);
    case 'version': {
      const record = event.record;
      return identity(event.kind, baseName(record?.fileName ?? ''), record?.productVersion);
    }
    case 'securityOption':
      return identity(event.kind, parseSecurityOption(event.text)?.key ?? event.text, event.text);
    case 'assetTag':
      return identity(event.kind, '', toHex(event.tag));
    case 'signer':
    case 'bootComplete':
      return identity(event.kind);
  }
}

/** Text of a device path, or its bytes where it cannot be read. */
function pathName(bytes: Uint8Array): string {
  try {
    return devicePathText(parseDevicePath(bytes));
  } catch {
    return toHex(bytes.subarray(0, 64));
  }
}

/** Kind of a tagged event whose data could not be read: its tag still tells what it should be. */
const KIND_OF_TAG: ReadonlyMap<number, MeasurementKind> = new Map([
  [ESXI_TAG.MODULE, 'module'],
  [ESXI_TAG.BOOT_OPTIONS, 'bootOptions'],
  [ESXI_TAG.COMMAND_LINE, 'commandLine'],
  [ESXI_TAG.ASSET_TAG, 'assetTag'],
  [ESXI_TAG.SIGNER, 'signer'],
  [ESXI_TAG.VERSION, 'version'],
  [ESXI_TAG.SECURITY_OPTION, 'securityOption'],
  [ESXI_TAG.BOOT_COMPLETE, 'bootComplete'],
]);

/** The tag of an EV_EVENT_TAG event, whatever the rest of its data is. */
export function tagOf(event: Pick<LogEvent, 'type' | 'data'>): number | undefined {
  const { data } = event;
  if (event.type !== EV.EVENT_TAG || data.length < 4) return undefined;
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
}

function logIdentity(event: LogEvent): Identity {
  const { decoded } = event;
  switch (decoded.kind) {
    case 'tagged':
      return decoded.esxi === undefined
        ? identity('tagged', `tag 0x${decoded.tag.toString(16)}`)
        : esxiIdentity(decoded.esxi);
    case 'variable':
      return identity('firmware', decoded.name, undefined, decoded.data);
    case 'imageLoad':
      return identity('firmware', pathName(decoded.devicePath));
    case 'action':
    case 'text':
      return identity('firmware', decoded.text);
    case 'crtmVersion':
      return identity('firmware', '', decoded.version);
    case 'firmwareBlob':
      return identity('firmware', decoded.description ?? '');
    case 'txt':
      return identity('txt', '', decoded.value === undefined ? undefined : `0x${decoded.value.toString(16)}`);
    case 'invalid':
      return identity(KIND_OF_TAG.get(tagOf(event) ?? -1) ?? 'firmware');
    default:
      return identity('firmware');
  }
}

/** A log event as a measurement; undefined for EV_NO_ACTION, which measures nothing. */
export function fromLogEvent(event: LogEvent, source: MeasurementSource): Measurement | undefined {
  if (event.type === EV.NO_ACTION) return undefined;
  const { pcr, index, digests } = event;
  return { source, pcr, index, type: eventTypeName(event.type), ...logIdentity(event), digests, vib: undefined };
}

/** A report event as a measurement. */
export function fromReportEvent(event: ReportEvent): Measurement {
  const { pcr, index, className, kind, name, text, vib } = event;
  const digests = new Map([[event.bank, event.digest]]);
  return { source: 'report', pcr, index, type: className, kind, name, text, variable: undefined, digests, vib };
}

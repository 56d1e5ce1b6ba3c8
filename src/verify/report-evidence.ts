/**
 * `report.json`: the HostTpmAttestationReport of vSphere in its VI/JSON form, read strictly as evidence. Texts in it are
 * claims: only what a digest covers counts.
 */
import { z } from 'zod';
import { allBytes, FormatError, tryFromBase64, utf8 } from '../bytes/index.ts';
import { LOG_ALGORITHMS, type LogAlgorithm, type PcrValues, parseSecurityOption } from '../eventlog/index.ts';
import { parseJson } from './json.ts';
import type { MeasurementKind, VibIdentity } from './measurements.ts';

/** Digest bytes: some servers write signed numbers (catalogue entry `api-number-formats`). */
const Bytes = z.array(z.int().min(-128).max(255)).max(128);
const Text = z.string().max(65_536);
const Pcr = z.int().min(0).max(23);

const ReportFile = z.looseObject({
  tpmPcrValues: z
    .array(z.looseObject({ digestMethod: z.string().max(32), digestValue: Bytes, pcrNumber: Pcr }))
    .max(256),
  tpmEvents: z
    .array(
      z.looseObject({
        pcrIndex: Pcr,
        eventDetails: z.looseObject({
          _typeName: z.string().max(128),
          dataHash: Bytes,
          dataHashMethod: z.string().max(32).optional(),
          componentName: Text.optional(),
          vibName: Text.optional(),
          vibVersion: Text.optional(),
          vibVendor: Text.optional(),
          commandLine: Text.optional(),
          optionsFileName: Text.optional(),
          bootOptions: z.array(z.int().min(-128).max(255)).max(1_048_576).optional(),
          bootSecurityOption: Text.optional(),
          version: Text.optional(),
          systemVersion: Text.optional(),
        }),
      }),
    )
    .max(10_000),
  tpmLogReliable: z.boolean(),
});

type Details = z.infer<typeof ReportFile>['tpmEvents'][number]['eventDetails'];

/** One event of the report. */
export interface ReportEvent {
  /** Position in the report. */
  readonly index: number;
  readonly pcr: number;
  /** vSphere class name. */
  readonly className: string;
  readonly kind: MeasurementKind;
  readonly name: string;
  readonly text: string | undefined;
  readonly bank: LogAlgorithm;
  readonly digest: Uint8Array;
  readonly vib: VibIdentity | undefined;
  /** Byte strings of which one must hash to the digest; empty where the report does not hold what was hashed. */
  readonly covered: readonly Uint8Array[];
}

/** A report understood. */
export interface ReportEvidence {
  readonly pcrs: PcrValues;
  readonly events: readonly ReportEvent[];
  readonly reliable: boolean;
}

const METHODS: ReadonlyMap<string, LogAlgorithm> = new Map([
  ['SHA1', 'sha1'],
  ['SHA256', 'sha256'],
  ['SHA384', 'sha384'],
  ['SHA512', 'sha512'],
  ['SM3_256', 'sm3_256'],
]);

/** Component name that stands for measurements made before the VMkernel, whose nature the report does not tell. */
export const PREBOOT_COMPONENT = 'TPM_EVENT_LOG_PREBOOT';

/** Reads a digest. Without a method its length tells the bank (hosts before 6.7); a zero SHA-1 may have 40 bytes there. */
function readDigest(numbers: readonly number[], method: string | undefined, field: string) {
  const bytes = Uint8Array.from(numbers, (n) => n & 0xff);
  const value = bytes.length === 40 && allBytes(bytes, 0) ? bytes.slice(0, 20) : bytes;
  const row = LOG_ALGORITHMS.find((a) =>
    method === undefined ? a.size === value.length : a.name === METHODS.get(method) && a.size === value.length,
  );
  if (row === undefined) {
    const problem = `${value.length} bytes are not a ${method ?? 'known'} digest`;
    throw new FormatError({ structure: 'report.json', field, problem });
  }
  return { bank: row.name, digest: value };
}

type Meaning = Pick<ReportEvent, 'kind' | 'name' | 'text' | 'covered'>;

const nul = (text: string): readonly Uint8Array[] => [utf8(`${text}\0`)];

/** Content of an options file. The bootloader measures one zero byte for an empty one (catalogue: `zero-length-module`). */
function optionsContent(numbers: readonly number[] | undefined): readonly Uint8Array[] {
  if (numbers === undefined) return [];
  const content = Uint8Array.from(numbers, (n) => n & 0xff);
  return content.length === 0 ? [content, new Uint8Array(1)] : [content];
}

function base64(text: string | undefined): readonly Uint8Array[] {
  const bytes = text === undefined ? undefined : tryFromBase64(text);
  return bytes === undefined ? [] : [bytes];
}

/** What each class of event says, by its class name. */
const CLASSES: Readonly<Record<string, (d: Details) => Meaning>> = {
  HostTpmSoftwareComponentEventDetails: (d) => ({
    kind: d.componentName === PREBOOT_COMPONENT ? 'preboot' : 'module',
    name: d.componentName ?? '',
    text: undefined,
    covered: [],
  }),
  HostTpmCommandEventDetails: (d) => ({
    kind: 'commandLine',
    name: '',
    text: d.commandLine ?? '',
    // Collectors are known to blank the text (facts, 12.2); an empty text makes no claim.
    covered: d.commandLine === undefined || d.commandLine === '' ? [] : [utf8(d.commandLine)],
  }),
  HostTpmOptionEventDetails: (d) => ({
    kind: 'bootOptions',
    name: d.optionsFileName ?? '',
    text: undefined,
    covered: optionsContent(d.bootOptions),
  }),
  HostTpmBootSecurityOptionEventDetails: (d) => ({
    kind: 'securityOption',
    name: parseSecurityOption(d.bootSecurityOption ?? '')?.key ?? d.bootSecurityOption ?? '',
    text: d.bootSecurityOption ?? '',
    covered: nul(d.bootSecurityOption ?? ''),
  }),
  HostTpmNvTagEventDetails: () => ({ kind: 'assetTag', name: '', text: undefined, covered: [] }),
  HostTpmSignerEventDetails: () => ({ kind: 'signer', name: '', text: undefined, covered: [] }),
  HostTpmVersionEventDetails: (d) => ({
    kind: 'version',
    name: '',
    text: undefined,
    covered: base64(d.version),
  }),
  HostTpmBootCompleteEventDetails: () => ({
    kind: 'bootComplete',
    name: '',
    text: undefined,
    covered: nul('Boot Complete'),
  }),
  HostTpmSystemVersionEventDetails: (d) => ({
    kind: 'systemVersion',
    name: '',
    text: d.systemVersion ?? '',
    covered: nul(d.systemVersion ?? ''),
  }),
};

/** Reads `report.json`. An event of an unknown class keeps its digest and has kind `unknown`. Errors: FormatError. */
export function parseReport(bytes: Uint8Array): ReportEvidence {
  const file = parseJson('report.json', bytes, ReportFile);
  const pcrs = new Map<LogAlgorithm, Map<number, Uint8Array>>();
  file.tpmPcrValues.forEach((entry, i) => {
    const field = `tpmPcrValues.${i}`;
    const { bank, digest } = readDigest(entry.digestValue, entry.digestMethod, field);
    const values = pcrs.get(bank) ?? new Map<number, Uint8Array>();
    if (values.has(entry.pcrNumber)) {
      throw new FormatError({ structure: 'report.json', field, problem: `PCR ${entry.pcrNumber} is listed twice` });
    }
    pcrs.set(bank, values.set(entry.pcrNumber, digest));
  });
  const events = file.tpmEvents.map(({ pcrIndex, eventDetails: d }, index): ReportEvent => {
    const { bank, digest } = readDigest(d.dataHash, d.dataHashMethod, `tpmEvents.${index}.eventDetails.dataHash`);
    const known = Object.hasOwn(CLASSES, d._typeName) ? CLASSES[d._typeName] : undefined;
    const meaning = known?.(d) ?? { kind: 'unknown', name: d._typeName, text: undefined, covered: [] };
    const vib = { name: d.vibName ?? '', version: d.vibVersion ?? '', vendor: d.vibVendor ?? '' };
    return {
      index,
      pcr: pcrIndex,
      className: d._typeName,
      ...meaning,
      bank,
      digest,
      vib: vib.name === '' ? undefined : vib,
    };
  });
  return { pcrs, events, reliable: file.tpmLogReliable };
}

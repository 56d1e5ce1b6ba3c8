/**
 * What ESXi measures after the firmware, as EV_EVENT_TAG events: `u32 tag | u32 size | data`, little-endian.
 *
 * Tags 2 to 8 are those of VMware's bootloader. Which tags the VMkernel uses for boot security options and for "Boot
 * Complete" is not published; {@link ESXI_TAG} takes unused numbers for them (docs/assumptions-eventlog.md).
 */
import { ByteReader, ByteWriter, fromLatin1, tryFromUtf8, utf8 } from '../../bytes/index.ts';
import { parseVersionRecord, type VersionRecord } from '../../esxboot/version-record.ts';

/** Tag numbers of ESXi events. */
export const ESXI_TAG = {
  MODULE: 2,
  BOOT_OPTIONS: 3,
  COMMAND_LINE: 4,
  ASSET_TAG: 6,
  SIGNER: 7,
  VERSION: 8,
  /** Assumed number. */
  SECURITY_OPTION: 0x101,
  /** Assumed number. */
  BOOT_COMPLETE: 0x102,
} as const;

/** Text that ends the measurements of a boot; hashed with its NUL. */
export const BOOT_COMPLETE_TEXT = 'Boot Complete';

/** A measurement of ESXi, by what was measured. */
export type EsxiEvent =
  /** A boot module; the digest is that of its decompressed content, `name` is its base name. */
  | { readonly kind: 'module'; readonly name: string }
  /** A `*.gz` options file; the digest is that of its decompressed content. */
  | { readonly kind: 'bootOptions'; readonly name: string }
  /** The kernel command line, hashed without NUL. */
  | { readonly kind: 'commandLine'; readonly text: string }
  /** The asset tag of the NV index. */
  | { readonly kind: 'assetTag'; readonly tag: Uint8Array }
  /** A signer's certificate, DER; logged before the signature is checked. */
  | { readonly kind: 'signer'; readonly certificate: Uint8Array }
  /** The version record of `b` or `k`; only `bytes` matter for writing, `record` is there after reading. */
  | { readonly kind: 'version'; readonly record?: VersionRecord; readonly bytes: Uint8Array }
  /** A boot security option `KEY = VALUE`, hashed with its NUL. */
  | { readonly kind: 'securityOption'; readonly text: string }
  /** The boot came to its end. */
  | { readonly kind: 'bootComplete' };

/** TCG_PCClientTaggedEvent (PFP 10.2.2.1). */
export interface TaggedEvent {
  readonly kind: 'tagged';
  readonly tag: number;
  readonly data: Uint8Array;
  /** What the tag means on ESXi; undefined for another's tag. */
  readonly esxi: EsxiEvent | undefined;
}

interface TagRow {
  readonly kind: EsxiEvent['kind'];
  readonly tag: number;
  /** Whether the logged data is what was hashed. */
  readonly dataIsHashed: boolean;
}

const ROWS: readonly TagRow[] = [
  { kind: 'module', tag: ESXI_TAG.MODULE, dataIsHashed: false },
  { kind: 'bootOptions', tag: ESXI_TAG.BOOT_OPTIONS, dataIsHashed: false },
  { kind: 'commandLine', tag: ESXI_TAG.COMMAND_LINE, dataIsHashed: true },
  { kind: 'assetTag', tag: ESXI_TAG.ASSET_TAG, dataIsHashed: true },
  { kind: 'signer', tag: ESXI_TAG.SIGNER, dataIsHashed: true },
  { kind: 'version', tag: ESXI_TAG.VERSION, dataIsHashed: true },
  { kind: 'securityOption', tag: ESXI_TAG.SECURITY_OPTION, dataIsHashed: true },
  { kind: 'bootComplete', tag: ESXI_TAG.BOOT_COMPLETE, dataIsHashed: true },
];

const BY_TAG = new Map(ROWS.map((row) => [row.tag, row] as const));
const BY_KIND = new Map(ROWS.map((row) => [row.kind, row] as const));

/** Whether the digest of a tagged event must be the hash of its tagged data; undefined for an unknown tag. */
export function taggedDataIsHashed(tag: number): boolean | undefined {
  return BY_TAG.get(tag)?.dataIsHashed;
}

/** Event data of any tagged event. */
export function encodeTagged(tag: number, data: Uint8Array): Uint8Array {
  return new ByteWriter('little', 8 + data.length).u32(tag).u32(data.length).bytes(data).finish();
}

const withNul = (text: string): Uint8Array => utf8(`${text}\0`);

/** The tagged data of an event; for the kinds whose data is hashed, also exactly the bytes to hash. */
export function esxiTaggedData(event: EsxiEvent): Uint8Array {
  switch (event.kind) {
    case 'module':
    case 'bootOptions':
      return withNul(event.name);
    case 'commandLine':
      return utf8(event.text);
    case 'assetTag':
      return event.tag;
    case 'signer':
      return event.certificate;
    case 'version':
      return event.bytes;
    case 'securityOption':
      return withNul(event.text);
    case 'bootComplete':
      return withNul(BOOT_COMPLETE_TEXT);
  }
}

/** EV_EVENT_TAG event data of an ESXi event. */
export function encodeEsxiEvent(event: EsxiEvent): Uint8Array {
  return encodeTagged(esxiTag(event.kind), esxiTaggedData(event));
}

/** Tag number of a kind of event. */
export function esxiTag(kind: EsxiEvent['kind']): number {
  const row = BY_KIND.get(kind);
  if (row === undefined) throw new TypeError(`no tag for ${kind}`);
  return row.tag;
}

/** Reads EV_EVENT_TAG data; FormatError where sizes disagree or the data of an ESXi tag is not what the tag says. */
export function decodeTagged(data: Uint8Array, base = 0): TaggedEvent {
  const r = new ByteReader(data, 'TCG_PCClientTaggedEvent', 'little', base);
  const tag = r.u32('taggedEventID');
  const size = r.u32('taggedEventDataSize');
  const body = r.sub('taggedEventData', size);
  r.end();
  const bytes = body.rest();
  return { kind: 'tagged', tag, data: bytes, esxi: decodeEsxi(tag, bytes, base + 8) };
}

function decodeEsxi(tag: number, data: Uint8Array, base: number): EsxiEvent | undefined {
  const kind = BY_TAG.get(tag)?.kind;
  switch (kind) {
    case undefined:
      return undefined;
    case 'module':
    case 'bootOptions':
      return { kind, name: terminatedText(data, base, 'name') };
    case 'commandLine':
      return { kind, text: textOf(data) };
    case 'assetTag':
      return { kind, tag: data };
    case 'signer':
      return { kind, certificate: data };
    case 'version':
      return { kind, record: decodeVersionRecord(data, base), bytes: data };
    case 'securityOption':
      return { kind, text: terminatedText(data, base, 'option') };
    case 'bootComplete': {
      const text = terminatedText(data, base, 'text');
      if (text !== BOOT_COMPLETE_TEXT) {
        throw new ByteReader(data, 'ESXi event', 'little', base).error('text', `expected "${BOOT_COMPLETE_TEXT}"`);
      }
      return { kind };
    }
  }
}

/**
 * Reads a measured version record strictly.
 * The bootloader measures version records without checking their offsets, so a hostile one can point anywhere (catalogue
 * entry `version-record-hostile`): as an event it is then not readable.
 */
export function decodeVersionRecord(data: Uint8Array, base = 0): VersionRecord {
  const record = parseVersionRecord(data);
  const r = new ByteReader(data, 'version record', 'little', base);
  if (record.totalSize !== data.length) {
    throw r.error('totalSize', `${record.totalSize}, but ${data.length} bytes are logged`, base);
  }
  const [finding] = record.findings;
  if (finding !== undefined) {
    throw r.error(finding.field, `${finding.length} bytes at ${finding.offset}: ${finding.problem}`, base);
  }
  return record;
}

/** UTF-8 where the bytes are, else one character a byte, so that no two texts are confused by replacement characters. */
function textOf(bytes: Uint8Array): string {
  return tryFromUtf8(bytes) ?? fromLatin1(bytes);
}

function terminatedText(data: Uint8Array, base: number, field: string): string {
  const end = data.indexOf(0);
  if (end < 0 || end !== data.length - 1) {
    const r = new ByteReader(data, 'ESXi event', 'little', base);
    throw r.error(field, end < 0 ? 'text without its terminating NUL' : 'NUL inside the text', base + Math.max(end, 0));
  }
  return textOf(data.subarray(0, end));
}

/** A security option's text, `KEY = VALUE` with the spaces. */
export function securityOptionText(key: string, value: boolean | string): string {
  return `${key} = ${typeof value === 'boolean' ? (value ? 'TRUE' : 'FALSE') : value}`;
}

/** Key and value of `KEY = VALUE`; undefined where the text has another form. */
export function parseSecurityOption(text: string): { key: string; value: string } | undefined {
  const match = /^([^=\s]+)\s*=\s*(.*)$/s.exec(text);
  return match === null ? undefined : { key: match[1] ?? '', value: match[2] ?? '' };
}

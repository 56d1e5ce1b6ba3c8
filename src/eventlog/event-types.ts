/**
 * Event types of a TCG log, one row each: number, name, where it is defined, and how the digest relates to the event data.
 * Parser, printer and verifier all read this table.
 *
 * Sources: TCG PC Client Platform Firmware Profile (PFP) 10.4.1; Intel TXT event names as in the MLE Developer's Guide.
 */

/**
 * What the digest of an event covers:
 *
 * - `data`: the event data as logged, so a verifier may believe the data after hashing it;
 * - `variable`: the event data, or (older firmware, EV_EFI_VARIABLE_BOOT) only the variable's own data;
 * - `tagged`: what the tag says; see `esxi.ts` for the tags whose data is what was hashed;
 * - `value`: TXT events that log the hashed value itself where it is short, and nothing where it is long;
 * - `elsewhere`: bytes that the log does not hold (an image, a firmware volume, a table);
 * - `unspecified`: no rule holds for all firmware;
 * - `none`: the event is not extended.
 */
export type DigestRule = 'data' | 'variable' | 'tagged' | 'value' | 'elsewhere' | 'unspecified' | 'none';

/** Which decoder reads the event data. */
export type DecoderName =
  | 'noAction'
  | 'separator'
  | 'action'
  | 'tagged'
  | 'crtmVersion'
  | 'text'
  | 'variable'
  | 'imageLoad'
  | 'firmwareBlob'
  | 'firmwareBlob2'
  | 'handoffTables'
  | 'handoffTables2'
  | 'gpt'
  | 'txt'
  | 'opaque';

/** One row of {@link EVENT_TYPES}. */
export interface EventTypeRow {
  readonly type: number;
  readonly name: string;
  /** Specification and section. */
  readonly spec: string;
  readonly digest: DigestRule;
  readonly decoder: DecoderName;
}

const PFP = 'PFP 10.4.1';
const TXT = 'TXT MLE guide, event types';

const row = (type: number, name: string, spec: string, digest: DigestRule, decoder: DecoderName): EventTypeRow => ({
  type,
  name,
  spec,
  digest,
  decoder,
});

/** Every event type known here, ascending by number. */
export const EVENT_TYPES: readonly EventTypeRow[] = [
  row(0x0000_0000, 'EV_PREBOOT_CERT', PFP, 'unspecified', 'opaque'),
  row(0x0000_0001, 'EV_POST_CODE', PFP, 'elsewhere', 'opaque'),
  row(0x0000_0003, 'EV_NO_ACTION', PFP, 'none', 'noAction'),
  row(0x0000_0004, 'EV_SEPARATOR', PFP, 'data', 'separator'),
  row(0x0000_0005, 'EV_ACTION', PFP, 'data', 'action'),
  row(0x0000_0006, 'EV_EVENT_TAG', PFP, 'tagged', 'tagged'),
  row(0x0000_0007, 'EV_S_CRTM_CONTENTS', PFP, 'elsewhere', 'opaque'),
  row(0x0000_0008, 'EV_S_CRTM_VERSION', PFP, 'data', 'crtmVersion'),
  row(0x0000_0009, 'EV_CPU_MICROCODE', PFP, 'elsewhere', 'opaque'),
  row(0x0000_000a, 'EV_PLATFORM_CONFIG_FLAGS', PFP, 'unspecified', 'opaque'),
  row(0x0000_000b, 'EV_TABLE_OF_DEVICES', PFP, 'unspecified', 'opaque'),
  row(0x0000_000c, 'EV_COMPACT_HASH', PFP, 'elsewhere', 'opaque'),
  row(0x0000_000d, 'EV_IPL', PFP, 'elsewhere', 'opaque'),
  row(0x0000_000e, 'EV_IPL_PARTITION_DATA', PFP, 'unspecified', 'opaque'),
  row(0x0000_000f, 'EV_NONHOST_CODE', PFP, 'elsewhere', 'opaque'),
  row(0x0000_0010, 'EV_NONHOST_CONFIG', PFP, 'elsewhere', 'opaque'),
  row(0x0000_0011, 'EV_NONHOST_INFO', PFP, 'unspecified', 'opaque'),
  row(0x0000_0012, 'EV_OMIT_BOOT_DEVICE_EVENTS', PFP, 'data', 'action'),
  row(0x0000_0401, 'TXT_PCRMAPPING', TXT, 'value', 'txt'),
  row(0x0000_0402, 'TXT_HASH_START', TXT, 'elsewhere', 'txt'),
  row(0x0000_0403, 'TXT_COMBINED_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_0404, 'TXT_MLE_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_040a, 'TXT_BIOSAC_REG_DATA', TXT, 'value', 'txt'),
  row(0x0000_040b, 'TXT_CPU_SCRTM_STAT', TXT, 'value', 'txt'),
  row(0x0000_040c, 'TXT_LCP_CONTROL_HASH', TXT, 'value', 'txt'),
  row(0x0000_040d, 'TXT_ELEMENTS_HASH', TXT, 'value', 'txt'),
  row(0x0000_040e, 'TXT_STM_HASH', TXT, 'value', 'txt'),
  row(0x0000_040f, 'TXT_OSSINITDATA_CAP_HASH', TXT, 'value', 'txt'),
  row(0x0000_0410, 'TXT_SINIT_PUBKEY_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_0411, 'TXT_LCP_HASH', TXT, 'value', 'txt'),
  row(0x0000_0412, 'TXT_LCP_DETAILS_HASH', TXT, 'value', 'txt'),
  row(0x0000_0413, 'TXT_LCP_AUTHORITIES_HASH', TXT, 'value', 'txt'),
  row(0x0000_0414, 'TXT_NV_INFO_HASH', TXT, 'value', 'txt'),
  row(0x0000_0415, 'TXT_COLD_BOOT_BIOS_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_0416, 'TXT_KM_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_0417, 'TXT_BPM_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_0418, 'TXT_KM_INFO_HASH', TXT, 'value', 'txt'),
  row(0x0000_0419, 'TXT_BPM_INFO_HASH', TXT, 'value', 'txt'),
  row(0x0000_041a, 'TXT_BOOT_POL_HASH', TXT, 'elsewhere', 'txt'),
  row(0x0000_04fe, 'TXT_RANDOM_VALUE', TXT, 'value', 'txt'),
  row(0x0000_04ff, 'TXT_CAP_VALUE', TXT, 'value', 'txt'),
  row(0x8000_0001, 'EV_EFI_VARIABLE_DRIVER_CONFIG', PFP, 'data', 'variable'),
  row(0x8000_0002, 'EV_EFI_VARIABLE_BOOT', PFP, 'variable', 'variable'),
  row(0x8000_0003, 'EV_EFI_BOOT_SERVICES_APPLICATION', PFP, 'elsewhere', 'imageLoad'),
  row(0x8000_0004, 'EV_EFI_BOOT_SERVICES_DRIVER', PFP, 'elsewhere', 'imageLoad'),
  row(0x8000_0005, 'EV_EFI_RUNTIME_SERVICES_DRIVER', PFP, 'elsewhere', 'imageLoad'),
  row(0x8000_0006, 'EV_EFI_GPT_EVENT', PFP, 'data', 'gpt'),
  row(0x8000_0007, 'EV_EFI_ACTION', PFP, 'data', 'action'),
  row(0x8000_0008, 'EV_EFI_PLATFORM_FIRMWARE_BLOB', PFP, 'elsewhere', 'firmwareBlob'),
  row(0x8000_0009, 'EV_EFI_HANDOFF_TABLES', PFP, 'elsewhere', 'handoffTables'),
  row(0x8000_000a, 'EV_EFI_PLATFORM_FIRMWARE_BLOB2', PFP, 'elsewhere', 'firmwareBlob2'),
  row(0x8000_000b, 'EV_EFI_HANDOFF_TABLES2', PFP, 'elsewhere', 'handoffTables2'),
  row(0x8000_000c, 'EV_EFI_VARIABLE_BOOT2', PFP, 'data', 'variable'),
  row(0x8000_0010, 'EV_EFI_HCRTM_EVENT', PFP, 'elsewhere', 'text'),
  row(0x8000_00e0, 'EV_EFI_VARIABLE_AUTHORITY', PFP, 'data', 'variable'),
];

const BY_TYPE = new Map(EVENT_TYPES.map((r) => [r.type, r] as const));

/** Numbers of the types that code refers to, by their specification names. */
export const EV = {
  POST_CODE: 0x01,
  NO_ACTION: 0x03,
  SEPARATOR: 0x04,
  ACTION: 0x05,
  EVENT_TAG: 0x06,
  S_CRTM_CONTENTS: 0x07,
  S_CRTM_VERSION: 0x08,
  PLATFORM_CONFIG_FLAGS: 0x0a,
  IPL: 0x0d,
  TXT_HASH_START: 0x402,
  TXT_MLE_HASH: 0x404,
  TXT_BIOSAC_REG_DATA: 0x40a,
  TXT_CPU_SCRTM_STAT: 0x40b,
  TXT_LCP_CONTROL_HASH: 0x40c,
  TXT_STM_HASH: 0x40e,
  TXT_OSSINITDATA_CAP_HASH: 0x40f,
  TXT_SINIT_PUBKEY_HASH: 0x410,
  TXT_LCP_DETAILS_HASH: 0x412,
  TXT_LCP_AUTHORITIES_HASH: 0x413,
  TXT_NV_INFO_HASH: 0x414,
  EFI_VARIABLE_DRIVER_CONFIG: 0x8000_0001,
  EFI_VARIABLE_BOOT: 0x8000_0002,
  EFI_BOOT_SERVICES_APPLICATION: 0x8000_0003,
  EFI_BOOT_SERVICES_DRIVER: 0x8000_0004,
  EFI_RUNTIME_SERVICES_DRIVER: 0x8000_0005,
  EFI_GPT_EVENT: 0x8000_0006,
  EFI_ACTION: 0x8000_0007,
  EFI_PLATFORM_FIRMWARE_BLOB: 0x8000_0008,
  EFI_HANDOFF_TABLES: 0x8000_0009,
  EFI_PLATFORM_FIRMWARE_BLOB2: 0x8000_000a,
  EFI_HANDOFF_TABLES2: 0x8000_000b,
  EFI_VARIABLE_BOOT2: 0x8000_000c,
  EFI_HCRTM_EVENT: 0x8000_0010,
  EFI_VARIABLE_AUTHORITY: 0x8000_00e0,
} as const;

/** The row of an event type; undefined for a number no specification known here defines. */
export function eventType(type: number): EventTypeRow | undefined {
  return BY_TYPE.get(type);
}

/** The name of an event type, or its number as `0x…` where it is unknown. */
export function eventTypeName(type: number): string {
  return BY_TYPE.get(type)?.name ?? `0x${type.toString(16).padStart(8, '0')}`;
}

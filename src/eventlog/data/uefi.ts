/** UEFI event structures of the Platform Firmware Profile (PFP 10.2), little-endian, 64-bit UINTN. */
import { ByteReader, ByteWriter, fromLatin1, fromUtf16le, latin1, utf16le } from '../../bytes/index.ts';
import { guid as guidBytes, guidText } from '../../uefi/guid.ts';

/** Lists longer than this are refused. */
const MAX_COUNT = 4096;

/** UEFI_VARIABLE_DATA (PFP 10.2.6). */
export interface VariableEvent {
  readonly kind: 'variable';
  readonly guid: string;
  readonly name: string;
  readonly data: Uint8Array;
}

export function encodeVariable(event: Omit<VariableEvent, 'kind'>): Uint8Array {
  const w = new ByteWriter('little', 32 + event.name.length * 2 + event.data.length);
  w.bytes(guidBytes(event.guid)).u64(event.name.length).u64(event.data.length);
  return w.bytes(utf16le(event.name)).bytes(event.data).finish();
}

export function decodeVariable(data: Uint8Array, base = 0): VariableEvent {
  const r = new ByteReader(data, 'UEFI_VARIABLE_DATA', 'little', base);
  const guid = guidText(r.bytes('VariableName', 16));
  const nameChars = r.u64number('UnicodeNameLength', data.length);
  const size = r.u64number('VariableDataLength', data.length);
  const name = fromUtf16le(r.bytes('UnicodeName', nameChars * 2));
  const value = r.bytes('VariableData', size);
  r.end();
  return { kind: 'variable', guid, name, data: value };
}

/** UEFI_IMAGE_LOAD_EVENT (PFP 10.2.3); addresses are 64-bit. */
export interface ImageLoadEvent {
  readonly kind: 'imageLoad';
  readonly location: bigint;
  readonly length: bigint;
  readonly linkTimeAddress: bigint;
  /** EFI_DEVICE_PATH_PROTOCOL bytes. */
  readonly devicePath: Uint8Array;
}

export function encodeImageLoad(event: Omit<ImageLoadEvent, 'kind'>): Uint8Array {
  const w = new ByteWriter('little').u64(event.location).u64(event.length).u64(event.linkTimeAddress);
  return w.u64(event.devicePath.length).bytes(event.devicePath).finish();
}

export function decodeImageLoad(data: Uint8Array, base = 0): ImageLoadEvent {
  const r = new ByteReader(data, 'UEFI_IMAGE_LOAD_EVENT', 'little', base);
  const location = r.u64('ImageLocationInMemory');
  const length = r.u64('ImageLengthInMemory');
  const linkTimeAddress = r.u64('ImageLinkTimeAddress');
  const devicePath = r.bytes('DevicePath', r.u64number('LengthOfDevicePath', data.length));
  r.end();
  return { kind: 'imageLoad', location, length, linkTimeAddress, devicePath };
}

/** UEFI_PLATFORM_FIRMWARE_BLOB, or BLOB2 where `description` is present (PFP 10.2.5). */
export interface FirmwareBlobEvent {
  readonly kind: 'firmwareBlob';
  readonly base: bigint;
  readonly length: bigint;
  readonly description: string | undefined;
}

export function encodeFirmwareBlob(event: { base: bigint; length: bigint; description?: string }): Uint8Array {
  const w = new ByteWriter('little');
  if (event.description !== undefined) w.u8(event.description.length).bytes(latin1(event.description));
  return w.u64(event.base).u64(event.length).finish();
}

export function decodeFirmwareBlob(data: Uint8Array, base = 0): FirmwareBlobEvent {
  const r = new ByteReader(data, 'UEFI_PLATFORM_FIRMWARE_BLOB', 'little', base);
  const event = { base: r.u64('BlobBase'), length: r.u64('BlobLength') };
  r.end();
  return { kind: 'firmwareBlob', ...event, description: undefined };
}

export function decodeFirmwareBlob2(data: Uint8Array, base = 0): FirmwareBlobEvent {
  const r = new ByteReader(data, 'UEFI_PLATFORM_FIRMWARE_BLOB2', 'little', base);
  const description = fromLatin1(r.bytes('BlobDescription', r.u8('BlobDescriptionSize')));
  const event = { base: r.u64('BlobBase'), length: r.u64('BlobLength') };
  r.end();
  return { kind: 'firmwareBlob', ...event, description };
}

/** UEFI_HANDOFF_TABLE_POINTERS, or POINTERS2 where `description` is present (PFP 10.2.4). */
export interface HandoffTablesEvent {
  readonly kind: 'handoffTables';
  readonly description: string | undefined;
  readonly tables: readonly { readonly guid: string; readonly address: bigint }[];
}

export function encodeHandoffTables(
  event: Omit<HandoffTablesEvent, 'kind' | 'description'> & { description?: string },
) {
  const w = new ByteWriter('little');
  if (event.description !== undefined) w.u8(event.description.length).bytes(latin1(event.description));
  w.u64(event.tables.length);
  for (const table of event.tables) w.bytes(guidBytes(table.guid)).u64(table.address);
  return w.finish();
}

function readTables(r: ByteReader): { guid: string; address: bigint }[] {
  const count = r.u64number('NumberOfTables', MAX_COUNT);
  const tables: { guid: string; address: bigint }[] = [];
  for (let i = 0; i < count; i++) {
    const guid = guidText(r.bytes(`TableEntry[${i}].VendorGuid`, 16));
    tables.push({ guid, address: r.u64(`TableEntry[${i}].VendorTable`) });
  }
  r.end();
  return tables;
}

export function decodeHandoffTables(data: Uint8Array, base = 0): HandoffTablesEvent {
  const r = new ByteReader(data, 'UEFI_HANDOFF_TABLE_POINTERS', 'little', base);
  return { kind: 'handoffTables', description: undefined, tables: readTables(r) };
}

export function decodeHandoffTables2(data: Uint8Array, base = 0): HandoffTablesEvent {
  const r = new ByteReader(data, 'UEFI_HANDOFF_TABLE_POINTERS2', 'little', base);
  const description = fromLatin1(r.bytes('TableDescription', r.u8('TableDescriptionSize')));
  return { kind: 'handoffTables', description, tables: readTables(r) };
}

/** UEFI_GPT_DATA (PFP 10.2.7): the partition table header and the entries in use, as they are on disk. */
export interface GptEvent {
  readonly kind: 'gpt';
  /** UEFI partition table header, 92 bytes. */
  readonly header: Uint8Array;
  /** Partition entries, 128 bytes each. */
  readonly partitions: readonly Uint8Array[];
}

const GPT_HEADER_SIZE = 92;
const GPT_ENTRY_SIZE = 128;

export function encodeGpt(event: Omit<GptEvent, 'kind'>): Uint8Array {
  const w = new ByteWriter('little').bytes(event.header).u64(event.partitions.length);
  for (const entry of event.partitions) w.bytes(entry);
  return w.finish();
}

export function decodeGpt(data: Uint8Array, base = 0): GptEvent {
  const r = new ByteReader(data, 'UEFI_GPT_DATA', 'little', base);
  const header = r.bytes('UEFIPartitionHeader', GPT_HEADER_SIZE);
  const count = r.u64number('NumberOfPartitions', MAX_COUNT);
  const partitions: Uint8Array[] = [];
  for (let i = 0; i < count; i++) partitions.push(r.bytes(`Partitions[${i}]`, GPT_ENTRY_SIZE));
  r.end();
  return { kind: 'gpt', header, partitions };
}

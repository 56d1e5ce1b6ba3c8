/** GUID partition table (UEFI 2.10, 5.3) and the event that measures it (PCR 5, EV_EFI_GPT_EVENT). Little-endian. */
import { primitives } from '#primitives';
import { equalBytes, fromUtf16le, latin1, utf16le } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { GUID_SIZE, guid } from './guid.ts';

/** Sizes in bytes. */
export const GPT_HEADER_SIZE = 92;
export const GPT_ENTRY_SIZE = 128;
/** Entries of the array on disk. */
export const GPT_ENTRY_COUNT = 128;
const NAME_CHARACTERS = 36;
const SIGNATURE = latin1('EFI PART');
const REVISION = 0x00010000;
const HEADER_CRC_OFFSET = 16;

/** Partition types. */
export const PARTITION_TYPE = {
  efiSystem: guid('c12a7328-f81f-11d2-ba4b-00a0c93ec93b'),
  basicData: guid('ebd0a0a2-b9e5-4433-87c0-68b6b72699c7'),
  vmfs: guid('aa31e02a-400f-11db-9590-000c2911d1b8'),
  vmkCore: guid('9d275380-40ad-11db-bf97-000c2911d1b8'),
} as const;

/** One partition; addresses in blocks, last block included. */
export interface Partition {
  readonly type: Uint8Array;
  readonly id: Uint8Array;
  readonly first: bigint;
  readonly last: bigint;
  readonly attributes?: bigint;
  readonly name: string;
}

/** A disk's table. */
export interface Gpt {
  readonly diskId: Uint8Array;
  /** Blocks of the disk. */
  readonly blocks: bigint;
  readonly partitions: readonly Partition[];
}

function entryBytes(partition: Partition): Uint8Array {
  const w = new ByteWriter('little', GPT_ENTRY_SIZE);
  w.bytes(partition.type)
    .bytes(partition.id)
    .u64(partition.first)
    .u64(partition.last)
    .u64(partition.attributes ?? 0n);
  const name = utf16le(partition.name.slice(0, NAME_CHARACTERS));
  return w
    .bytes(name)
    .fill(2 * NAME_CHARACTERS - name.length)
    .finish();
}

/** The primary header with both CRCs and the full entry array. */
export function buildGpt(gpt: Gpt): { header: Uint8Array; entries: Uint8Array } {
  const entries = new Uint8Array(GPT_ENTRY_COUNT * GPT_ENTRY_SIZE);
  for (const [i, partition] of gpt.partitions.entries()) entries.set(entryBytes(partition), i * GPT_ENTRY_SIZE);
  const w = new ByteWriter('little', GPT_HEADER_SIZE);
  w.bytes(SIGNATURE).u32(REVISION).u32(GPT_HEADER_SIZE).u32(0).u32(0);
  // This header, backup header, first and last usable block: both tables take 1 + 32 blocks of 512 bytes.
  w.u64(1)
    .u64(gpt.blocks - 1n)
    .u64(34)
    .u64(gpt.blocks - 34n);
  w.bytes(gpt.diskId).u64(2).u32(GPT_ENTRY_COUNT).u32(GPT_ENTRY_SIZE).u32(primitives.crc32(entries));
  const header = w.finish();
  new DataView(header.buffer).setUint32(HEADER_CRC_OFFSET, primitives.crc32(header), true);
  return { header, entries };
}

/** Event data of EV_EFI_GPT_EVENT: header, number of used partitions, their entries. */
export function gptEvent(gpt: Gpt): Uint8Array {
  const w = new ByteWriter('little', 1024);
  w.bytes(buildGpt(gpt).header).u64(gpt.partitions.length);
  for (const partition of gpt.partitions) w.bytes(entryBytes(partition));
  return w.finish();
}

/** What {@link parseGptEvent} finds. */
export interface GptEvent {
  readonly diskId: Uint8Array;
  /** Whether the header's own CRC is right. */
  readonly headerCrcOk: boolean;
  readonly partitions: readonly Partition[];
}

/** Reads the data of an EV_EFI_GPT_EVENT. Throws FormatError. */
export function parseGptEvent(bytes: Uint8Array): GptEvent {
  const r = new ByteReader(bytes, 'UEFI_GPT_DATA', 'little');
  const header = r.bytes('UEFIPartitionHeader', GPT_HEADER_SIZE).slice();
  if (!equalBytes(header.subarray(0, 8), SIGNATURE)) throw r.error('Signature', 'not EFI PART', 0);
  const view = new DataView(header.buffer);
  const stated = view.getUint32(HEADER_CRC_OFFSET, true);
  view.setUint32(HEADER_CRC_OFFSET, 0, true);
  const count = r.u64number('NumberOfPartitions', GPT_ENTRY_COUNT);
  const partitions = Array.from({ length: count }, (_, i) => readEntry(r.sub(`Partitions[${i}]`, GPT_ENTRY_SIZE)));
  r.end();
  return { diskId: header.slice(56, 56 + GUID_SIZE), headerCrcOk: primitives.crc32(header) === stated, partitions };
}

function readEntry(r: ByteReader): Partition {
  return {
    type: r.bytes('PartitionTypeGUID', GUID_SIZE),
    id: r.bytes('UniquePartitionGUID', GUID_SIZE),
    first: r.u64('StartingLBA'),
    last: r.u64('EndingLBA'),
    attributes: r.u64('Attributes'),
    name: fromUtf16le(r.bytes('PartitionName', 2 * NAME_CHARACTERS)).split('\0', 1)[0] ?? '',
  };
}

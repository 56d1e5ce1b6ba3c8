/** Writing ZIP archives: the same files give the same bytes everywhere (no times, no owners, files in the order given). */

import { deflateSync } from 'fflate';
import { primitives } from '#primitives';
import { concat, utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { unsafePath } from '../vib/payload.ts';
import { asSource, type ByteSource, piecesOf } from './source.ts';
import { SEE_64, ZIP, ZIP_FLAG, ZIP_METHOD, ZIP_SIZE, ZIP64_EXTRA } from './zip-format.ts';

/** A file to be written. */
export interface ZipInput {
  readonly name: string;
  /** A source is read twice, piece by piece, and always stored. */
  readonly data: Uint8Array | ByteSource;
  /** Deflate it; for files that are compressed already this costs time and gains nothing. Default false. */
  readonly compress?: boolean;
}

/** Choices of {@link writeZip}. */
export interface ZipWriteOptions {
  /** Writes 64-bit records although nothing needs them. Default: only where a size, offset or count does. */
  readonly zip64?: boolean;
}

/** 1980-01-01 00:00, the earliest time the format has: date word, time word 0. */
const EARLIEST_DATE = (1 << 5) | 1;
const VERSION = { plain: 20, zip64: 45 } as const;
const MADE_BY_UNIX = 3 << 8;
const REGULAR_FILE = (0o100644 << 16) >>> 0;

interface Row {
  readonly name: Uint8Array;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
}

/** Version, flags, method, time, date and CRC: the part that both headers share. */
function common(w: ByteWriter, row: Row, is64: boolean): void {
  w.u16(is64 ? VERSION.zip64 : VERSION.plain)
    .u16(ZIP_FLAG.utf8)
    .u16(row.method)
    .u16(0)
    .u16(EARLIEST_DATE)
    .u32(row.crc);
}

const needs64 = (row: Row): boolean => Math.max(row.size, row.compressedSize, row.offset) >= SEE_64.u32;

function localHeader(row: Row, is64: boolean): Uint8Array {
  const w = new ByteWriter('little', 128).u32(ZIP.local);
  common(w, row, is64);
  w.u32(is64 ? SEE_64.u32 : row.compressedSize).u32(is64 ? SEE_64.u32 : row.size);
  w.u16(row.name.length)
    .u16(is64 ? 20 : 0)
    .bytes(row.name);
  if (is64) w.u16(ZIP64_EXTRA).u16(16).u64(row.size).u64(row.compressedSize);
  return w.finish();
}

function centralHeader(row: Row, is64: boolean): Uint8Array {
  const w = new ByteWriter('little', 128).u32(ZIP.central);
  w.u16(MADE_BY_UNIX | (is64 ? VERSION.zip64 : VERSION.plain));
  common(w, row, is64);
  w.u32(is64 ? SEE_64.u32 : row.compressedSize).u32(is64 ? SEE_64.u32 : row.size);
  w.u16(row.name.length)
    .u16(is64 ? 28 : 0)
    .u16(0)
    .u16(0)
    .u16(0)
    .u32(REGULAR_FILE);
  w.u32(is64 ? SEE_64.u32 : row.offset).bytes(row.name);
  if (is64) w.u16(ZIP64_EXTRA).u16(24).u64(row.size).u64(row.compressedSize).u64(row.offset);
  return w.finish();
}

function endRecords(count: number, size: number, offset: number, forced: boolean): Uint8Array {
  const w = new ByteWriter('little', 128);
  const is64 = forced || count >= SEE_64.u16 || offset + size >= SEE_64.u32;
  if (is64) {
    w.u32(ZIP.end64)
      .u64(ZIP_SIZE.end64 - 12)
      .u16(MADE_BY_UNIX | VERSION.zip64)
      .u16(VERSION.zip64)
      .u32(0)
      .u32(0);
    w.u64(count).u64(count).u64(size).u64(offset);
    w.u32(ZIP.locator64)
      .u32(0)
      .u64(offset + size)
      .u32(1);
  }
  const entries = is64 ? SEE_64.u16 : count;
  w.u32(ZIP.end).u16(0).u16(0).u16(entries).u16(entries);
  return w
    .u32(is64 ? SEE_64.u32 : size)
    .u32(is64 ? SEE_64.u32 : offset)
    .u16(0)
    .finish();
}

function crcOf(source: ByteSource): number {
  let crc = 0;
  for (const piece of piecesOf(source)) crc = primitives.crc32(piece, crc);
  return crc;
}

/**
 * The archive piece by piece, each only until the next is asked for. Files are taken from `inputs` one at a time. A name that
 * a reader would refuse, or one that appears twice, is an InputError.
 */
export function* zipParts(inputs: Iterable<ZipInput>, { zip64 = false }: ZipWriteOptions = {}): Generator<Uint8Array> {
  const directory: Uint8Array[] = [];
  const names = new Set<string>();
  let offset = 0;
  for (const { name, data, compress = false } of inputs) {
    const unsafe = unsafePath(name);
    if (unsafe !== undefined) throw new InputError(`zip: name ${JSON.stringify(name)} ${unsafe}`);
    if (names.has(name)) throw new InputError(`zip: ${name} appears twice`);
    names.add(name);
    const deflated = compress && !('read' in data) ? deflateSync(data, { level: 9 }) : undefined;
    const body = asSource(deflated ?? data);
    const row = {
      name: utf8(name),
      method: deflated === undefined ? ZIP_METHOD.stored : ZIP_METHOD.deflated,
      crc: crcOf(asSource(data)),
      compressedSize: body.size,
      size: asSource(data).size,
      offset,
    };
    const is64 = zip64 || needs64(row);
    const header = localHeader(row, is64);
    directory.push(centralHeader(row, is64));
    yield header;
    yield* piecesOf(body);
    offset += header.length + body.size;
  }
  const bytes = concat(...directory);
  yield bytes;
  yield endRecords(directory.length, bytes.length, offset, zip64);
}

/** The archive as one byte string. */
export function writeZip(inputs: Iterable<ZipInput>, options: ZipWriteOptions = {}): Uint8Array {
  return concat(...Array.from(zipParts(inputs, options), (part) => part.slice()));
}

/**
 * The integers of TPM structures (Part 2, 5.1), big-endian. A value that does not fit is refused, never cut: a handle or a size
 * that became another one on its way is found late.
 */
import { shownValue } from '../bytes/arguments.ts';
import type { ByteWriter } from '../bytes/writer.ts';
import type { Codec } from './codec.ts';
import { unwritable } from './wire-error.ts';

const unfit = (name: string, value: unknown, from: number | bigint, to: number | bigint, hint = ''): Error =>
  unwritable(name, `expected an integer from ${from} to ${to}, not ${shownValue(value)}${hint}`);

/** JavaScript's bit operations give signed numbers, so `0x81000000 | 1` is negative. */
const signedHint = (value: unknown): string =>
  typeof value === 'number' && (value | 0) === value ? ' (a result of bit operations needs >>> 0)' : '';

export const u8: Codec<number> = {
  name: 'UINT8',
  read: (reader) => reader.u8(''),
  write(writer, value) {
    // Bit operations leave exactly the whole numbers of the range as they are.
    if (typeof value !== 'number' || (value & 0xff) !== value) throw unfit('UINT8', value, 0, 0xff);
    writer.u8(value);
  },
};

export const u16: Codec<number> = {
  name: 'UINT16',
  read: (reader) => reader.u16(''),
  write(writer, value) {
    if (typeof value !== 'number' || (value & 0xffff) !== value) throw unfit('UINT16', value, 0, 0xffff);
    writer.u16(value);
  },
};

export const u32: Codec<number> = {
  name: 'UINT32',
  read: (reader) => reader.u32(''),
  write(writer, value) {
    if (typeof value !== 'number' || value >>> 0 !== value)
      throw unfit('UINT32', value, 0, 0xffff_ffff, signedHint(value));
    writer.u32(value);
  },
};

const MAX_U64 = 0xffff_ffff_ffff_ffffn;

export const u64: Codec<bigint> = {
  name: 'UINT64',
  read: (reader) => reader.u64(''),
  write(writer, value) {
    const fits = typeof value === 'bigint' ? value >= 0n && value <= MAX_U64 : isSafeCount(value);
    if (!fits) throw unfit('UINT64', value, 0, MAX_U64);
    writer.u64(value);
  },
};

/** A plain number stands for the same bigint in JavaScript callers. */
const isSafeCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** INT8, a signed byte on the wire. */
export const i8: Codec<number> = {
  name: 'INT8',
  read: (reader) => (reader.u8('') << 24) >> 24,
  write(writer, value) {
    if (typeof value !== 'number' || (value << 24) >> 24 !== value) throw unfit('INT8', value, -0x80, 0x7f);
    writer.u8(value & 0xff);
  },
};

/** INT32, two's complement on the wire. */
export const i32: Codec<number> = {
  name: 'INT32',
  read: (reader) => reader.u32('') | 0,
  write(writer, value) {
    if (typeof value !== 'number' || (value | 0) !== value) throw unfit('INT32', value, -0x8000_0000, 0x7fff_ffff);
    writer.u32(value >>> 0);
  },
};

/**
 * A word of attribute bits. JavaScript's bit operations give a signed number once bit 31 is set (`a | TPMA_NV.readStClear` is
 * negative): such a word is the same bits.
 */
export const word32: Codec<number> = {
  name: 'UINT32',
  read: u32.read,
  write(writer: ByteWriter, value: number) {
    u32.write(writer, typeof value === 'number' && (value | 0) === value ? value >>> 0 : value);
  },
};

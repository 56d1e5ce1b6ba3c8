/**
 * A dozen combinators for big-endian TPM structures. One definition gives reader, writer and TypeScript type. How the
 * prefixes of Part 2 map to host types:
 *
 * | Part 2 | here |
 * |---|---|
 * | UINT8..UINT32, TPM_*, TPMI_*, TPMA_* | number (ranges checked by the codec) |
 * | UINT64 | bigint |
 * | TPM2B of bytes | Uint8Array |
 * | TPM2B of a structure | that structure's object ({@link sized}) |
 * | TPML | array ({@link list}) |
 * | TPMS | object ({@link struct}) |
 * | TPMT + TPMU | union of objects told apart by the selector field ({@link variant}) |
 *
 * Reading throws only {@link WireError}/FormatError: structure, field path, offset, and the response code a TPM gives.
 * Byte fields are views of the input, not copies. Writing throws {@link WireError} where a value is not of its kind or does not
 * fit its field; values that fit but are not allowed are written: a client may want to know what a TPM says to them.
 */
import { isBytes, needObject, shownValue } from '../bytes/arguments.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import type { ExtraAlgorithm } from './extra-algorithms.ts';
import { TPM_RC } from './response-code.ts';
import { inside, noBytes, refuse, unwritable, WireError } from './wire-error.ts';

export { u8, u16, u32, u64 } from './integers.ts';
export { refuse, responseCodeOf, WireError } from './wire-error.ts';

/** Reads and writes one type. */
export interface Codec<T> {
  /** Specification name. */
  readonly name: string;
  /** Section of the specification that defines it, e.g. `Part 2, 10.12.8`. */
  readonly spec?: string;
  read(reader: ByteReader): T;
  write(writer: ByteWriter, value: T): void;
}

/** The TypeScript type of a codec's values. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Named codecs in wire order. */
export type Fields = Readonly<Record<string, Codec<unknown>>>;

/** Object type of named codecs. */
export type StructOf<F extends Fields> = { -readonly [K in keyof F]: Infer<F[K]> };

/** Reads exactly one value from bytes; bytes left over are refused. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  needObject('decode', codec, ['read()'], 'a codec comes first, the bytes after it');
  const reader = new ByteReader(bytes, codec.name);
  const value = codec.read(reader);
  reader.end();
  return value;
}

/** Bytes of one value. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  needObject('encode', codec, ['write()'], 'a codec comes first, the value after it');
  const writer = new ByteWriter();
  codec.write(writer, value);
  return writer.finish();
}

const shown = (value: number): string => `0x${value.toString(16)}`;

/** An integer that must be one of `allowed`; otherwise `rc`. */
export function oneOf(name: string, base: Codec<number>, allowed: Iterable<number>, rc: number): Codec<number> {
  const set = new Set(allowed);
  return range(name, base, (value) => set.has(value), rc);
}

/** As {@link oneOf}, and the value of an algorithm that not every TPM has: `rc` where the reader is that of one that lacks it. */
export function oneOfOrExtra(
  name: string,
  base: Codec<number>,
  allowed: Iterable<number>,
  extra: { readonly value: number; readonly algorithm: ExtraAlgorithm },
  rc: number,
): Codec<number> {
  const set = new Set(allowed);
  const isExtra = (value: number, reader: ByteReader): boolean =>
    value === extra.value && (reader.extensions?.includes(extra.algorithm) ?? true);
  return range(name, base, (value, reader) => set.has(value) || isExtra(value, reader), rc);
}

/** An integer for which `allowed` must hold; otherwise `rc`. */
export function range(
  name: string,
  base: Codec<number>,
  allowed: (value: number, reader: ByteReader) => boolean,
  rc: number,
): Codec<number> {
  return {
    name,
    read(reader) {
      const value = base.read(reader);
      if (!allowed(value, reader)) throw refuse(reader, rc, `${shown(value)} is not a ${name}`);
      return value;
    },
    write: base.write,
  };
}

/** A set of bits; a bit outside `mask` is TPM_RC_RESERVED_BITS. 32-bit sets take what JavaScript's bit operations make: {@link word32}. */
export function bits(name: string, base: Codec<number>, mask: number): Codec<number> {
  return range(name, base, (value) => (value & ~mask) === 0, TPM_RC.RESERVED_BITS);
}

/** TPM2B of at most `max` bytes; a larger size is TPM_RC_SIZE. With `extra` it is `max` where the reader's TPM has the algorithm. */
export function tpm2b(
  name: string,
  max: number,
  extra?: { readonly without: number; readonly algorithm: ExtraAlgorithm },
): Codec<Uint8Array> {
  const lacks = ({ extensions }: ByteReader): boolean =>
    extra !== undefined && extensions !== undefined && !extensions.includes(extra.algorithm);
  return {
    name,
    read(reader) {
      const size = reader.u16('size');
      if (size > max || (extra !== undefined && size > extra.without && lacks(reader)))
        throw refuse(reader, TPM_RC.SIZE, `size ${size} exceeds ${max}`, reader.offset - 2);
      return reader.bytes('', size);
    },
    write(writer, value) {
      if (!isBytes(value)) throw noBytes(name, value);
      if (value.length > max) throw tooLong(name, value.length, max);
      writer.u16(value.length).bytes(value);
    },
  };
}

function tooLong(structure: string, size: number, max: number): WireError {
  return new WireError({ structure, field: 'size', problem: `${size} exceeds ${max}` }, TPM_RC.SIZE);
}

/**
 * The structure after a size field. It is read from the whole input, as the reference code does: a structure that takes
 * more bytes than `size` says is a size error, not a short input, unless the input itself ends.
 */
function readSized<T>(reader: ByteReader, size: number, inner: Codec<T>): T {
  const start = reader.offset;
  const value = inner.read(reader);
  const used = reader.offset - start;
  if (used !== size) throw refuse(reader, TPM_RC.SIZE, `says ${size} bytes, holds ${used}`, start - 2);
  return value;
}

function writeSized<T>(writer: ByteWriter, inner: Codec<T>, value: T): void {
  const at = writer.length;
  inner.write(writer.u16(0), value);
  writer.setU16(at, writer.length - at - 2);
}

/** TPM2B holding a structure: the size must be exactly what the structure takes, and an empty one is refused. */
export function sized<T>(name: string, inner: Codec<T>): Codec<T> {
  return {
    name,
    read(reader) {
      const size = reader.u16('size');
      if (size === 0) throw refuse(reader, TPM_RC.SIZE, 'is empty', reader.offset - 2);
      return readSized(reader, size, inner);
    },
    write: (writer, value) => writeSized(writer, inner, value),
  };
}

/** TPM2B holding a structure that may be absent (size 0 = undefined). */
export function sizedOptional<T>(name: string, inner: Codec<T>): Codec<T | undefined> {
  return {
    name,
    read(reader) {
      const size = reader.u16('size');
      return size === 0 ? undefined : readSized(reader, size, inner);
    },
    write(writer, value) {
      if (value === undefined) writer.u16(0);
      else writeSized(writer, inner, value);
    },
  };
}

/** TPML: a 32-bit count of at most `max` (else TPM_RC_SIZE) and the elements. */
export function list<T>(name: string, element: Codec<T>, max: number, min = 0): Codec<T[]> {
  return {
    name,
    read(reader) {
      const count = reader.u32('count');
      if (count > max || count < min) {
        throw refuse(reader, TPM_RC.SIZE, `count ${count} is not ${min} to ${max}`, reader.offset - 4);
      }
      const out: T[] = [];
      try {
        while (out.length < count) out.push(element.read(reader));
      } catch (error) {
        throw inside(error, name, `[${out.length}]`);
      }
      return out;
    },
    write(writer, value) {
      if (!Array.isArray(value)) throw unwritable(name, `expected an array, not ${shownValue(value)}`);
      if (value.length > max) throw tooLong(name, value.length, max);
      writer.u32(value.length);
      let at = 0;
      try {
        for (; at < value.length; at++) element.write(writer, value[at] as T);
      } catch (error) {
        throw inside(error, name, `[${at}]`);
      }
    },
  };
}

/** A fixed number of bytes without a size field. */
export function fixedBytes(name: string, size: number): Codec<Uint8Array> {
  return {
    name,
    read: (reader) => reader.bytes('', size),
    write(writer, value) {
      if (!isBytes(value)) throw noBytes(name, value);
      if (value.length !== size) throw unwritable(name, `expected ${size} bytes, not ${value.length}`);
      writer.bytes(value);
    },
  };
}

/** Everything that is left. */
export function restBytes(name: string): Codec<Uint8Array> {
  return {
    name,
    read: (reader) => reader.rest(),
    write(writer, value) {
      if (!isBytes(value)) throw noBytes(name, value);
      writer.bytes(value);
    },
  };
}

/** Bytes after an 8-bit size, of which a TPM takes those of `size` bytes; others are `rc`. Without `size` it takes any. */
export function shortBytes(name: string, spec: string, size?: number, rc: number = TPM_RC.VALUE): Codec<Uint8Array> {
  return {
    name,
    spec,
    read(reader) {
      const found = reader.u8('size');
      if (size !== undefined && found !== size) {
        throw refuse(reader, rc, `size ${found} is not ${size}`, reader.offset - 1);
      }
      return reader.bytes('', found);
    },
    write(writer, value) {
      if (!isBytes(value)) throw noBytes(name, value);
      if (value.length > 0xff) throw tooLong(name, value.length, 0xff);
      writer.u8(value.length).bytes(value);
    },
  };
}

type Values = Record<string, unknown>;

/** The fields of a structure to write. */
function fieldsOf(structure: string, value: unknown): Values {
  if (typeof value === 'object' && value !== null) return value as Values;
  throw unwritable(structure, `expected an object with its fields, not ${shownValue(value)}`);
}

class FieldRun {
  readonly #names: readonly string[];
  readonly #codecs: readonly Codec<unknown>[];

  constructor(fields: Fields) {
    this.#names = Object.keys(fields);
    this.#codecs = Object.values(fields);
  }

  read(reader: ByteReader, structure: string, out: Values): void {
    const names = this.#names;
    const codecs = this.#codecs;
    let name = '';
    try {
      for (let i = 0; i < names.length; i++) {
        name = names[i] as string;
        out[name] = (codecs[i] as Codec<unknown>).read(reader);
      }
    } catch (error) {
      throw inside(error, structure, name);
    }
  }

  write(writer: ByteWriter, structure: string, value: Values): void {
    const names = this.#names;
    const codecs = this.#codecs;
    let name = '';
    try {
      for (let i = 0; i < names.length; i++) {
        name = names[i] as string;
        (codecs[i] as Codec<unknown>).write(writer, value[name]);
      }
    } catch (error) {
      throw inside(error, structure, name);
    }
  }
}

/** TPMS: fields in order. */
export function struct<F extends Fields>(name: string, spec: string, fields: F): Codec<StructOf<F>> {
  const run = new FieldRun(fields);
  return {
    name,
    spec,
    read(reader) {
      const out: Values = {};
      run.read(reader, name, out);
      return out as StructOf<F>;
    },
    write: (writer, value) => run.write(writer, name, fieldsOf(name, value)),
  };
}

/** Cases of a {@link variant}: the fields that follow for each selector value. */
export type Cases = Readonly<Record<number, Fields>>;

type Flat<T> = { [K in keyof T]: T[K] };

/** Union of objects, one for each selector value. */
export type VariantOf<H extends Fields, S extends keyof H, C extends Cases> = {
  [K in keyof C & number]: Flat<Omit<StructOf<H>, S> & { [P in S]: K } & StructOf<C[K]>>;
}[keyof C & number];

/**
 * TPMT with TPMU members: common fields, one of which selects the fields that follow. A selector that the common field
 * accepts but no case covers is `rc` (TPM_RC_SELECTOR unless given).
 */
export function variant<H extends Fields, S extends keyof H & string, C extends Cases>(
  name: string,
  spec: string,
  head: H,
  selector: S,
  cases: C,
  rc: number = TPM_RC.SELECTOR,
): Codec<VariantOf<H, S, C>> {
  const first = new FieldRun(head);
  const tails = new Map(Object.entries(cases).map(([key, fields]) => [Number(key), new FieldRun(fields)]));
  return {
    name,
    spec,
    read(reader) {
      const out: Values = {};
      first.read(reader, name, out);
      const chosen = out[selector];
      const tail = tails.get(Number(chosen));
      if (tail === undefined) {
        throw inside(refuse(reader, rc, `${shown(Number(chosen))} selects nothing`), name, selector);
      }
      tail.read(reader, name, out);
      return out as VariantOf<H, S, C>;
    },
    write(writer, value) {
      const values = fieldsOf(name, value);
      first.write(writer, name, values);
      const tail = tails.get(Number(values[selector]));
      if (tail === undefined) {
        const problem = `${shown(Number(values[selector]))} selects nothing`;
        throw new WireError({ structure: name, field: selector, problem }, rc);
      }
      tail.write(writer, name, values);
    },
  };
}

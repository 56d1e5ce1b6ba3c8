/**
 * Plain data as bytes and back: what the TPM's state is made of, whatever fields it has. Each value is a tag byte and its
 * content; counts and lengths are 32-bit big-endian. Equal values give equal bytes: keys of objects are sorted (the order of
 * Map and Set entries is part of the value).
 */
import { equalBytes, float64At, float64Bytes, fromUtf8, toHex, utf8 } from '../../src/bytes/bytes.ts';
import type { ByteReader } from '../../src/bytes/reader.ts';
import type { ByteWriter } from '../../src/bytes/writer.ts';

const TAG = {
  UNDEFINED: 0,
  NULL: 1,
  FALSE: 2,
  TRUE: 3,
  NUMBER: 4,
  BIGINT: 5,
  STRING: 6,
  BYTES: 7,
  ARRAY: 8,
  OBJECT: 9,
  MAP: 10,
  SET: 11,
} as const;

/** Deepest nesting read or written. */
const MAX_DEPTH = 24;

/** Whether the value is an object made by a literal, as opposed to one of a class. */
export function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = utf8(text);
  writer.u32(bytes.length).bytes(bytes);
}

/** Names of fields as bytes: there are a few hundred, and encoding them anew takes longer than all else. */
const names = new Map<string, Uint8Array>();
const MOST_NAMES = 1024;

function nameBytes(name: string): Uint8Array {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = utf8(name);
  if (names.size < MOST_NAMES) names.set(name, bytes);
  return bytes;
}

function writeBigint(writer: ByteWriter, value: bigint): void {
  writer.u8(TAG.BIGINT);
  writeText(writer, value.toString(16));
}

function writeObject(writer: ByteWriter, value: object, depth: number): void {
  if (value instanceof Uint8Array) {
    writer.u8(TAG.BYTES).u32(value.length).bytes(value);
  } else if (Array.isArray(value)) {
    writer.u8(TAG.ARRAY).u32(value.length);
    for (const item of value) writeValue(writer, item, depth + 1);
  } else if (value instanceof Map) {
    writer.u8(TAG.MAP).u32(value.size);
    for (const [key, item] of value) {
      writeValue(writer, key, depth + 1);
      writeValue(writer, item, depth + 1);
    }
  } else if (value instanceof Set) {
    writer.u8(TAG.SET).u32(value.size);
    for (const item of value) writeValue(writer, item, depth + 1);
  } else if (isPlain(value)) {
    // Names of fields are ASCII: their order as text is that of their bytes.
    const keys = Object.keys(value).toSorted();
    writer.u8(TAG.OBJECT).u32(keys.length);
    for (const key of keys) {
      const name = nameBytes(key);
      writer.u32(name.length).bytes(name);
      writeValue(writer, value[key], depth + 1);
    }
  } else {
    throw new TypeError(`the TPM's state holds an object of class ${value.constructor.name}`);
  }
}

/** Appends one value. A TypeError is a mistake in the program: the state holds something that is not plain data. */
export function writeValue(writer: ByteWriter, value: unknown, depth = 0): void {
  if (depth > MAX_DEPTH) throw new TypeError("the TPM's state is nested too deeply");
  if (value === undefined) writer.u8(TAG.UNDEFINED);
  else if (value === null) writer.u8(TAG.NULL);
  else if (typeof value === 'boolean') writer.u8(value ? TAG.TRUE : TAG.FALSE);
  else if (typeof value === 'number') writer.u8(TAG.NUMBER).bytes(float64Bytes(value));
  else if (typeof value === 'bigint') writeBigint(writer, value);
  else if (typeof value === 'string') {
    writer.u8(TAG.STRING);
    writeText(writer, value);
  } else if (typeof value === 'object') writeObject(writer, value, depth);
  else throw new TypeError(`the TPM's state holds a ${typeof value}`);
}

/** A count of things of at least one byte each: more than bytes are left is refused before anything is allocated. */
function readCount(reader: ByteReader): number {
  const count = reader.u32('count');
  if (count > reader.remaining) throw reader.error('count', `${count} exceeds the ${reader.remaining} bytes left`);
  return count;
}

const readText = (reader: ByteReader): string => fromUtf8(reader.bytes('text', readCount(reader)));

function readBigint(reader: ByteReader): bigint {
  const text = readText(reader);
  const match = /^(-?)([0-9a-f]+)$/.exec(text);
  if (match === null) throw reader.error('bigint', `"${text.slice(0, 20)}" is not a hexadecimal number`);
  const value = BigInt(`0x${match[2]}`);
  return match[1] === '-' ? -value : value;
}

function readMany(reader: ByteReader, depth: number): unknown[] {
  const count = readCount(reader);
  const out: unknown[] = [];
  while (out.length < count) out.push(readValue(reader, depth + 1));
  return out;
}

function readObject(reader: ByteReader, depth: number): Record<string, unknown> {
  const count = readCount(reader);
  const out: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const key = readText(reader);
    if (key === '__proto__') throw reader.error('key', 'is not a field of a state');
    out[key] = readValue(reader, depth + 1);
  }
  return out;
}

function readMap(reader: ByteReader, depth: number): Map<unknown, unknown> {
  const count = readCount(reader);
  const out = new Map<unknown, unknown>();
  for (let i = 0; i < count; i++) {
    const key = readValue(reader, depth + 1);
    out.set(key, readValue(reader, depth + 1));
  }
  return out;
}

/** Reads one value; FormatError where the bytes are something else. */
export function readValue(reader: ByteReader, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw reader.error('', 'is nested too deeply');
  const tag = reader.u8('tag');
  switch (tag) {
    case TAG.UNDEFINED:
      return undefined;
    case TAG.NULL:
      return null;
    case TAG.FALSE:
      return false;
    case TAG.TRUE:
      return true;
    case TAG.NUMBER:
      return float64At(reader.bytes('number', 8), 0);
    case TAG.BIGINT:
      return readBigint(reader);
    case TAG.STRING:
      return readText(reader);
    case TAG.BYTES:
      return reader.bytes('bytes', readCount(reader)).slice();
    case TAG.ARRAY:
      return readMany(reader, depth);
    case TAG.OBJECT:
      return readObject(reader, depth);
    case TAG.MAP:
      return readMap(reader, depth);
    case TAG.SET:
      return new Set(readMany(reader, depth));
    default:
      throw reader.error('tag', `${tag} is unknown`, reader.offset - 1);
  }
}

/** An independent copy of plain data. */
export function cloneValue<T>(value: T): T {
  const copy = (one: unknown): unknown => {
    if (typeof one !== 'object' || one === null) return one;
    if (one instanceof Uint8Array) return one.slice();
    if (Array.isArray(one)) return one.map(copy);
    if (one instanceof Map) return new Map([...one].map(([key, item]) => [copy(key), copy(item)]));
    if (one instanceof Set) return new Set([...one].map(copy));
    if (!isPlain(one)) throw new TypeError(`the TPM's state holds an object of class ${one.constructor.name}`);
    return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, copy(item)]));
  };
  return copy(value) as T;
}

function equalMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false;
  const others = b.entries();
  for (const [key, item] of a) {
    const other = others.next();
    if (other.done === true || !equalValues(key, other.value[0]) || !equalValues(item, other.value[1])) return false;
  }
  return true;
}

function equalObjects(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys) if (!(key in b) || !equalValues(a[key], b[key])) return false;
  return true;
}

/** Whether {@link writeValue} writes the same for both, found without writing either. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && equalBytes(a, b);
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => equalValues(item, b[i]));
  if (a instanceof Map) return b instanceof Map && equalMaps(a, b);
  if (a instanceof Set) return b instanceof Set && equalValues([...a], [...b]);
  return kindOf(b) === 'object' && isPlain(a) && isPlain(b) && equalObjects(a, b);
}

/** What kind of data a value is: two states of the same layout have the same kinds at the same places. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'array';
  if (value instanceof Map) return 'map';
  return value instanceof Set ? 'set' : 'object';
}

/** A value for a person: numbers in decimal, bytes in hexadecimal (long ones cut), containers by their size. */
export function showValue(value: unknown): string {
  if (value instanceof Uint8Array) {
    const hex = toHex(value.subarray(0, 32));
    return value.length > 32 ? `${hex}… (${value.length} bytes)` : hex === '' ? '(empty)' : hex;
  }
  if (Array.isArray(value)) return `(${value.length} entries)`;
  if (value instanceof Map || value instanceof Set) return `(${value.size} entries)`;
  return typeof value === 'object' && value !== null ? '(structure)' : String(value);
}

/** Values from VI/JSON, driven by the type table. The input is untrusted: everything wrong is a FormatError. */
import { tryFromBase64 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { type Field, fieldsOf, isScalar, isSubtype, typeNote } from './model.ts';
import { inRange, isDateTime, isInteger } from './scalar-decode.ts';
import { boxed, make, moref, type VimObject, type VimValue } from './value.ts';

const MAX_DEPTH = 64;

type JsonObject = Readonly<Record<string, unknown>>;

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class Decoder {
  readonly #structure: string;
  #depth = 0;

  constructor(structure: string) {
    this.#structure = structure;
  }

  #fail(field: string, problem: string): never {
    throw new FormatError({ structure: this.#structure, field, problem });
  }

  fields(fields: readonly Field[], from: JsonObject, path: string): Record<string, VimValue> {
    const out: Record<string, VimValue> = {};
    const known = new Set(fields.map((f) => f.name));
    for (const name of Object.keys(from)) {
      if (name !== '_typeName' && !known.has(name)) this.#fail(path, `unexpected field ${name.slice(0, 64)}`);
    }
    for (const f of fields) {
      const at = path === '' ? f.name : `${path}.${f.name}`;
      const given = Object.hasOwn(from, f.name) ? from[f.name] : undefined;
      const value = given === undefined || given === null ? undefined : this.#field(f, given, at);
      if (value !== undefined) out[f.name] = value;
      else if (f.array && !f.optional) out[f.name] = [];
      else if (!f.optional) this.#fail(at, 'is required');
    }
    return out;
  }

  #field(f: Field, given: unknown, path: string): VimValue | undefined {
    if (!f.array) return this.value(f.type, given, path);
    if (!Array.isArray(given)) this.#fail(path, 'is not a list');
    return (given as readonly unknown[]).flatMap((item, i) => this.value(f.type, item, `${path}[${i}]`) ?? []);
  }

  value(type: string, given: unknown, path: string): VimValue | undefined {
    if (this.#depth >= MAX_DEPTH) this.#fail(path, `nested deeper than ${MAX_DEPTH}`);
    this.#depth++;
    const value = this.#value(type, given, path);
    this.#depth--;
    return value;
  }

  #value(type: string, given: unknown, path: string): VimValue | undefined {
    if (type === 'anyType') return this.#any(given, path);
    if (type === 'moref') return this.#moref(given, path);
    if (isScalar(type)) return this.#scalar(type, given) ?? this.#fail(path, `is not a ${type}`);
    const note = typeNote(type);
    if (note === undefined) return undefined;
    if (note.kind === 'enum') {
      const found = note.values.find(([v]) => v === given);
      return found === undefined ? this.#fail(path, `is not a ${type}`) : found[0];
    }
    return this.#object(type, given, path);
  }

  #object(declared: string, given: unknown, path: string): VimObject {
    if (!isJsonObject(given)) return this.#fail(path, `is not a ${declared}`);
    const named = given._typeName ?? declared;
    const type = typeof named === 'string' ? named : '';
    if (!isSubtype(type, declared) || typeNote(type)?.kind !== 'object') {
      this.#fail(path, `${type.slice(0, 64)} is not a ${declared}`);
    }
    return make(type, this.fields(fieldsOf(type), given, path));
  }

  #scalar(type: string, given: unknown): VimValue | undefined {
    if (typeof given === 'number') {
      return isInteger(type)
        ? inRange(type, given)
          ? given
          : undefined
        : /float|double/.test(type)
          ? given
          : undefined;
    }
    if (typeof given === 'boolean') return type === 'boolean' ? given : undefined;
    if (type === 'byte[]') return bytesOf(given);
    if (typeof given !== 'string') return undefined;
    if (type === 'binary') return tryFromBase64(given);
    if (type === 'dateTime') return isDateTime(given) ? given : undefined;
    return type === 'string' ? given : undefined;
  }

  #moref(given: unknown, path: string): VimObject {
    if (isJsonObject(given) && typeof given.type === 'string' && typeof given.value === 'string') {
      return moref(given.type, given.value);
    }
    return this.#fail(path, 'is not a reference');
  }

  #any(given: unknown, path: string): VimValue | undefined {
    if (typeof given === 'string' || typeof given === 'boolean') return given;
    if (!isJsonObject(given) || typeof given._typeName !== 'string') return this.#fail(path, 'has no _typeName');
    const name = given._typeName === 'base64Binary' ? 'binary' : given._typeName;
    if (name === 'ManagedObjectReference') return this.#moref(given._value ?? given, path);
    if (!Object.hasOwn(given, '_value')) return this.#object(name, given, path);
    if (name === 'ArrayOfByte') return boxed(name, bytesOf(given._value) ?? this.#fail(path, 'is not bytes'));
    const list = given._value;
    if (name.startsWith('ArrayOf')) {
      if (!Array.isArray(list)) return this.#fail(path, 'is not a list');
      const item = name.slice('ArrayOf'.length);
      const lower = item.charAt(0).toLowerCase() + item.slice(1);
      const of = item === 'ManagedObjectReference' ? 'moref' : isScalar(lower) ? lower : item;
      return boxed(
        name,
        (list as readonly unknown[]).flatMap((v, i) => this.value(of, v, `${path}[${i}]`) ?? []),
      );
    }
    const value = this.value(name, list, path);
    if (value === undefined) return this.#fail(path, `type ${name.slice(0, 64)} is not known`);
    return name === 'string' || name === 'boolean' ? value : boxed(name, value);
  }
}

/** Bytes as numbers (0 … 255, or -128 … 127 as some servers write) or as base64 text. */
function bytesOf(given: unknown): Uint8Array | undefined {
  if (typeof given === 'string') return tryFromBase64(given);
  if (!Array.isArray(given)) return undefined;
  const out = new Uint8Array(given.length);
  for (const [i, value] of (given as readonly unknown[]).entries()) {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < -128 || value > 255) return undefined;
    out[i] = value & 0xff;
  }
  return out;
}

/** JSON of a text of at most `maxLength` UTF-16 units; FormatError where it is none. */
export function parseJson(structure: string, text: string, maxLength: number): unknown {
  if (text.length > maxLength) {
    throw new FormatError({
      structure,
      field: '',
      problem: `text of ${text.length} characters, the limit is ${maxLength}`,
    });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new FormatError({ structure, field: '', problem: 'is not JSON' });
  }
}

/** The values of `fields` in a JSON object; `structure` names the whole in errors. */
export function decodeJsonFields(
  structure: string,
  fields: readonly Field[],
  from: unknown,
): Readonly<Record<string, VimValue>> {
  if (!isJsonObject(from)) throw new FormatError({ structure, field: '', problem: 'is not an object' });
  return new Decoder(structure).fields(fields, from, '');
}

/** One JSON value declared as `type`. */
export function decodeJsonValue(structure: string, type: string, given: unknown): VimValue | undefined {
  return new Decoder(structure).value(type, given, '');
}

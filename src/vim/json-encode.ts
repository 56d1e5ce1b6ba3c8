/**
 * vSphere values as VI/JSON (since 8.0 U1): `_typeName` in every object, byte arrays as numbers 0 … 255, binary as base64,
 * references as objects, scalars of anyType boxed. Filtered by API version like the SOAP form.
 */
import { toBase64 } from '../bytes/bytes.ts';
import { fieldOf, fieldsOf, hasEnumValue, isScalar, typeAt, typeNote } from './model.ts';
import { arrayTypeName, field, isBoxed, isObject, type VimObject, type VimValue } from './value.ts';
import { type ApiVersion, DEFAULT_API_VERSION, isKnownAt } from './versions.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

function boxedJson(type: string, value: Json): Json {
  return { _typeName: type === 'binary' ? 'base64Binary' : type, _value: value };
}

function encodeAny(value: VimValue, version: ApiVersion): Json | undefined {
  if (typeof value === 'string') return boxedJson('string', value);
  if (typeof value === 'boolean') return boxedJson('boolean', value);
  if (isBoxed(value)) return encodeBoxed(value._typeName, value._value, version);
  if (isObject(value)) return encodeObject(value, version);
  throw new Error('cannot encode: an anyType number, byte string or list must be boxed');
}

function encodeBoxed(type: string, value: VimValue, version: ApiVersion): Json | undefined {
  if (type === 'ArrayOfByte' && value instanceof Uint8Array) return boxedJson(type, [...value]);
  if (type.startsWith('ArrayOf') && Array.isArray(value)) {
    const tag = type.slice('ArrayOf'.length);
    const lower = tag.charAt(0).toLowerCase() + tag.slice(1);
    const item = tag === 'ManagedObjectReference' ? 'moref' : isScalar(lower) ? lower : tag;
    return boxedJson(arrayTypeName(item), encodeJsonValue({ type: item, array: true }, value, version) ?? []);
  }
  if (value instanceof Uint8Array) return boxedJson(type, toBase64(value));
  if (typeof value === 'object') throw new Error(`cannot encode: boxed ${type}`);
  return boxedJson(type, value);
}

function encodeObject(value: VimObject, version: ApiVersion): Json | undefined {
  if (value._typeName === 'ManagedObjectReference') {
    return { _typeName: value._typeName, type: String(field(value, 'type')), value: String(field(value, 'value')) };
  }
  const type = typeAt(value._typeName, version);
  if (type === undefined) return undefined;
  for (const name of Object.keys(value)) {
    if (name !== '_typeName' && fieldOf(value._typeName, name) === undefined) {
      throw new Error(`cannot encode: ${value._typeName} has no field ${name}`);
    }
  }
  const out: { [name: string]: Json } = { _typeName: type };
  for (const f of fieldsOf(type)) {
    const v = isKnownAt(f.since, version) ? field(value, f.name) : undefined;
    const json = v === undefined ? undefined : encodeJsonValue(f, v, version);
    if (json !== undefined) out[f.name] = json;
  }
  return out;
}

/** One value in VI/JSON; undefined where the peer's version does not know it. Values come from the program. */
export function encodeJsonValue(
  at: { readonly type: string; readonly array: boolean },
  value: VimValue,
  version: ApiVersion = DEFAULT_API_VERSION,
): Json | undefined {
  if (at.array) {
    if (!Array.isArray(value)) throw new Error('cannot encode: not a list');
    const item = { type: at.type, array: false };
    const out: Json[] = [];
    for (const v of value as readonly VimValue[]) {
      const json = encodeJsonValue(item, v, version);
      if (json !== undefined) out.push(json);
    }
    return out;
  }
  if (at.type === 'anyType') return encodeAny(value, version);
  if (value instanceof Uint8Array) return at.type === 'byte[]' ? [...value] : toBase64(value);
  if (isObject(value)) return encodeObject(value, version);
  if (typeNote(at.type)?.kind === 'enum')
    return hasEnumValue(at.type, String(value), version) ? String(value) : undefined;
  return typeof value === 'object' ? undefined : value;
}

/** Values of vSphere types: plain objects that name their type, as in VI/JSON. */

/** A data object: `_typeName` and the fields of that type. Absent fields are unset. */
export interface VimObject {
  readonly _typeName: string;
}

/** A reference to a managed object. */
export interface ManagedObjectReference extends VimObject {
  readonly _typeName: 'ManagedObjectReference';
  /** Managed type, e.g. `HostSystem`. */
  readonly type: string;
  /** Id, e.g. `host-21`. */
  readonly value: string;
}

/**
 * A scalar or an array with its type, where the declared type is `anyType`: `{ _typeName: 'long', _value: 5 }`,
 * `{ _typeName: 'ArrayOfString', _value: ['a'] }`.
 */
export interface Boxed extends VimObject {
  readonly _value: VimValue;
}

/**
 * A value: text (also dateTime, as ISO 8601), boolean, number (also long, up to 2^53), bytes (`byte[]` and `binary`),
 * a data object, or a list of those.
 */
export type VimValue = string | boolean | number | Uint8Array | VimObject | readonly VimValue[];

/** A reference to the managed object `value` of type `type`. */
export function moref(type: string, value: string): ManagedObjectReference {
  return { _typeName: 'ManagedObjectReference', type, value };
}

/** Whether a value is a reference to a managed object. */
export function isMoref(value: VimValue | undefined): value is ManagedObjectReference {
  return isObject(value) && value._typeName === 'ManagedObjectReference';
}

/** Whether a value is a data object (not bytes, not a list). */
export function isObject(value: VimValue | undefined): value is VimObject {
  return typeof value === 'object' && !(value instanceof Uint8Array) && !Array.isArray(value);
}

/** Whether an object is a box around a scalar or an array. */
export function isBoxed(value: VimValue | undefined): value is Boxed {
  return isObject(value) && '_value' in value;
}

/** The field `name` of a data object; undefined where it is unset. */
export function field(value: VimObject, name: string): VimValue | undefined {
  return Object.hasOwn(value, name) ? (Reflect.get(value, name) as VimValue | undefined) : undefined;
}

/** A data object of type `type`; fields that are undefined stay unset. */
export function make(type: string, fields: Readonly<Record<string, VimValue | undefined>> = {}): VimObject {
  const out: Record<string, VimValue> & VimObject = { _typeName: type };
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) out[name] = value;
  return out;
}

/** Name of an array type in anyType: `string` → `ArrayOfString`, `byte[]` → `ArrayOfByte`. */
export function arrayTypeName(type: string): string {
  if (type === 'byte[]') return 'ArrayOfByte';
  if (type === 'moref') return 'ArrayOfManagedObjectReference';
  return `ArrayOf${type.charAt(0).toUpperCase()}${type.slice(1)}`;
}

/** `value` with its type, for a place that is declared anyType: `boxed('long', 5)`. */
export function boxed(type: string, value: VimValue): Boxed {
  return { _typeName: type, _value: value };
}

/** `value` of the declared type as an anyType value: data objects and references stay, the rest is boxed. */
export function box(type: string, array: boolean, value: VimValue): VimValue {
  if (array || type === 'byte[]') return boxed(arrayTypeName(type), value);
  return isObject(value) ? value : boxed(type, value);
}

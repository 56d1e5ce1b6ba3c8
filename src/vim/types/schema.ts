/**
 * The notation in which the table of vSphere types is written. A field is a short text:
 *
 *     TYPE [ '[]' ] [ '?' ] [ '@' VERSION ]      e.g. 'string', 'HostTpmDigestInfo[]', 'string?@6.7'
 *
 * `[]` repeated, `?` optional, `@6.7` the first API version that knows the field (none: the type's own). TYPE is a name
 * of the table or a scalar; `byte[]` is one value (a Uint8Array), `binary` is xsd:base64Binary.
 */
import type { ApiVersion } from '../versions.ts';

/** Types that are not in the table. `moref` is a reference to a managed object. */
export const SCALARS = [
  'string',
  'boolean',
  'byte',
  'short',
  'int',
  'long',
  'float',
  'double',
  'dateTime',
  'byte[]',
  'binary',
  'moref',
  'anyType',
] as const;

/** A scalar's name. */
export type ScalarType = (typeof SCALARS)[number];

/** Notation of a type: `name: field text`, in the order of the wire. */
export type FieldNotes = Readonly<Record<string, string>>;

/** A data object or fault as written down. */
export interface ObjectNote {
  readonly kind: 'object';
  readonly since: ApiVersion;
  /** Name of the base type; empty for none. */
  readonly base: string;
  readonly fields: FieldNotes;
}

/** An enumeration as written down. */
export interface EnumNote {
  readonly kind: 'enum';
  readonly since: ApiVersion;
  /** Values, each with the first version that knows it. */
  readonly values: readonly (readonly [value: string, since: ApiVersion])[];
}

/** A method as written down. */
export interface MethodNote {
  readonly since: ApiVersion;
  /** What the caller must be allowed to do, e.g. `System.Read`; `System.Anonymous` needs no session. */
  readonly privilege: string;
  readonly parameters: FieldNotes;
  /** Field notation of the result; `void` for none. */
  readonly returns: string;
}

/** A managed object type as written down. */
export interface ManagedNote {
  readonly kind: 'managed';
  readonly since: ApiVersion;
  readonly base: string;
  readonly properties: FieldNotes;
  readonly methods: Readonly<Record<string, MethodNote>>;
}

/** A type as written down. */
export type TypeNote = ObjectNote | EnumNote | ManagedNote;

/** Part of the table. */
export type TypeTable = Readonly<Record<string, TypeNote>>;

/** A data object: `object('5.1', 'HostTpmEventDetails', { commandLine: 'string' })`. */
export function object(since: ApiVersion, base: string, fields: FieldNotes): ObjectNote {
  return { kind: 'object', since, base, fields };
}

/** An enumeration: values in one text, `SHA256@6.7` for a value newer than the type. */
export function values(since: ApiVersion, text: string): EnumNote {
  return {
    kind: 'enum',
    since,
    values: text.split(' ').map((word) => {
      const [value = '', own] = word.split('@');
      return [value, (own as ApiVersion | undefined) ?? since] as const;
    }),
  };
}

/** A managed object type with its properties and methods. */
export function managed(
  since: ApiVersion,
  base: string,
  properties: FieldNotes,
  methods: Readonly<Record<string, MethodNote>> = {},
): ManagedNote {
  return { kind: 'managed', since, base, properties, methods };
}

/** A method: `method('5.1', 'System.Read', {}, 'HostTpmAttestationReport?')`. */
export function method(since: ApiVersion, privilege: string, parameters: FieldNotes, returns: string): MethodNote {
  return { since, privilege, parameters, returns };
}

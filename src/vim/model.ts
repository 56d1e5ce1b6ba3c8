/** The table of types compiled for use: fields with inheritance, subtypes, and what a given API version knows. */
import { ALL_TYPES } from './types/index.ts';
import { type FieldNotes, SCALARS, type TypeNote } from './types/schema.ts';
import { type ApiVersion, isApiVersion, isKnownAt } from './versions.ts';

/** A field, property or parameter. */
export interface Field {
  readonly name: string;
  /** Scalar or table type. */
  readonly type: string;
  readonly array: boolean;
  readonly optional: boolean;
  readonly since: ApiVersion;
}

/** A method of a managed object type. */
export interface Method {
  readonly name: string;
  /** Type that declares it. */
  readonly declaredBy: string;
  readonly since: ApiVersion;
  readonly privilege: string;
  readonly parameters: readonly Field[];
  /** The result; undefined for none. */
  readonly returns: Field | undefined;
}

const SCALAR_NAMES: ReadonlySet<string> = new Set(SCALARS);
const TABLE: ReadonlyMap<string, TypeNote> = new Map(Object.entries<TypeNote>(ALL_TYPES));
const NOTATION = /^([A-Za-z0-9]+(?:\[\])?)(\[\])?(\?)?(?:@([0-9a-z.]+))?$/;

/** Reads one field in the table's notation. A mistake in the table is a bug (Error). */
export function parseField(name: string, note: string, own: ApiVersion): Field {
  const match = NOTATION.exec(note);
  const since = match?.[4] ?? own;
  if (match?.[1] === undefined || !isApiVersion(since)) throw new Error(`type table: bad field ${name}: ${note}`);
  const isBytes = match[1] === 'byte[]';
  const array = match[2] !== undefined || (!isBytes && match[1].endsWith('[]'));
  const type = isBytes ? match[1] : match[1].replace('[]', '');
  return { name, type, array, optional: match[3] !== undefined, since };
}

function parseFields(notes: FieldNotes, own: ApiVersion): readonly Field[] {
  return Object.entries(notes).map(([name, note]) => parseField(name, note, own));
}

function memo<T>(make: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined && !known.has(name)) {
      value = make(name);
      // Only names of the table are kept, so that names chosen by a client cannot fill the memory.
      if (TABLE.has(name)) known.set(name, value);
    }
    return value as T;
  };
}

/** The table's entry of a type; undefined where the table does not have it. */
export function typeNote(name: string): TypeNote | undefined {
  return TABLE.get(name);
}

/** Whether `name` is a scalar of the notation. */
export function isScalar(name: string): boolean {
  return SCALAR_NAMES.has(name);
}

/** `name` and its ancestors, nearest first; empty for a type that is not in the table. */
export const ancestry: (name: string) => readonly string[] = memo((name) => {
  const out: string[] = [];
  for (let at = name; at !== ''; ) {
    const note = TABLE.get(at);
    if (note === undefined) break;
    out.push(at);
    at = note.kind === 'enum' ? '' : note.base;
  }
  return out;
});

/** Whether `name` is `ancestor` or derived from it. */
export function isSubtype(name: string, ancestor: string): boolean {
  return ancestry(name).includes(ancestor);
}

/** All fields of a data object, or all properties of a managed object: base type first, in the order of the wire. */
export const fieldsOf: (name: string) => readonly Field[] = memo((name) =>
  [...ancestry(name)].reverse().flatMap((type) => {
    const note = TABLE.get(type);
    if (note?.kind === 'object') return parseFields(note.fields, note.since);
    return note?.kind === 'managed' ? parseFields(note.properties, note.since) : [];
  }),
);

const fieldMaps = memo((name): ReadonlyMap<string, Field> => new Map(fieldsOf(name).map((f) => [f.name, f])));

/** One field or property of a type by name. */
export function fieldOf(type: string, name: string): Field | undefined {
  return fieldMaps(type).get(name);
}

const methodMaps = memo((name): ReadonlyMap<string, Method> => {
  const out = new Map<string, Method>();
  for (const type of [...ancestry(name)].reverse()) {
    const note = TABLE.get(type);
    if (note?.kind !== 'managed') continue;
    for (const [method, m] of Object.entries(note.methods)) {
      out.set(method, {
        name: method,
        declaredBy: type,
        since: m.since,
        privilege: m.privilege,
        parameters: parseFields(m.parameters, m.since),
        returns: m.returns === 'void' ? undefined : parseField('returnval', m.returns, m.since),
      });
    }
  }
  return out;
});

/** A method of a managed object type, inherited ones too. */
export function methodOf(type: string, name: string): Method | undefined {
  return methodMaps(type).get(name);
}

/** The type itself or its nearest ancestor that a peer of `version` knows; undefined where there is none. */
export function typeAt(name: string, version: ApiVersion): string | undefined {
  return ancestry(name).find((type) => {
    const note = TABLE.get(type);
    return note !== undefined && isKnownAt(note.since, version);
  });
}

/** Whether an enumeration has `value` at `version`. */
export function hasEnumValue(type: string, value: string, version: ApiVersion): boolean {
  const note = TABLE.get(type);
  return note?.kind === 'enum' && note.values.some(([v, since]) => v === value && isKnownAt(since, version));
}

/** Every name of the table. */
export function typeNames(): readonly string[] {
  return [...TABLE.keys()];
}

const BASES: ReadonlySet<string> = new Set(
  [...TABLE.values()].flatMap((note) => (note.kind === 'enum' || note.base === '' ? [] : [note.base])),
);

/** Whether a type has derived types in the table, so that a value must say which one it is. */
export function isPolymorphic(name: string): boolean {
  return BASES.has(name);
}

/** Property paths: `summary.runtime.bootTime`, `config.option["Key"]`. */
import {
  box,
  faults,
  field,
  fieldOf,
  fieldsOf,
  isObject,
  isScalar,
  typeNote,
  type VimValue,
} from '../../../src/vim/index.ts';
import { isKnownAt } from '../../../src/vim/versions.ts';
import type { Call, ManagedObject } from '../managed-object.ts';

const MAX_PATH = 512;
const STEP = /^([A-Za-z_][A-Za-z0-9_]*)(?:\["([^"]*)"\])?$/;

interface Step {
  readonly name: string;
  readonly key: string | undefined;
}

const parsed = new Map<string, readonly Step[]>();
const MAX_PARSED = 2000;

/** The steps of a path; InvalidProperty where it is none. */
function parsePath(path: string): readonly Step[] {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  // Dots inside a quoted key belong to the key.
  const parts = path.length > MAX_PATH ? [] : (path.match(/(?:[^."]|"[^"]*")+/g) ?? []);
  const steps = parts.map((part): Step => {
    const match = STEP.exec(part);
    if (match?.[1] === undefined) throw faults.invalidProperty(path);
    return { name: match[1], key: match[2] };
  });
  if (steps.length === 0 || parts.join('.') !== path) throw faults.invalidProperty(path);
  if (parsed.size < MAX_PARSED) parsed.set(path, steps);
  return steps;
}

function keyed(value: VimValue | undefined, key: string): VimValue | undefined {
  if (!Array.isArray(value)) return undefined;
  return (value as readonly VimValue[]).find((item) => isObject(item) && String(field(item, 'key')) === key);
}

/**
 * The value of a property path of an object, boxed for anyType; undefined where it is unset. InvalidProperty where the
 * client's API version has no such property. Below a type that the table does not describe everything is unset.
 */
export function readPath(object: ManagedObject, path: string, call: Call): VimValue | undefined {
  let type = object.ref.type;
  let value: VimValue | undefined;
  let array = false;
  let root = true;
  for (const step of parsePath(path)) {
    if (!root && (isScalar(type) || array)) throw faults.invalidProperty(path);
    const note = typeNote(type);
    if (note === undefined) return undefined;
    const declared = fieldOf(type, step.name) ?? fieldOf(runtimeType(value), step.name);
    if (declared === undefined || !isKnownAt(declared.since, call.version)) throw faults.invalidProperty(path);
    if (root) value = object.properties[step.name]?.(call);
    else value = isObject(value) ? field(value, step.name) : undefined;
    type = declared.type;
    array = declared.array;
    if (step.key !== undefined) {
      if (!array) throw faults.invalidProperty(path);
      value = keyed(value, step.key);
      array = false;
    }
    root = false;
  }
  return value === undefined ? undefined : box(type, array, value);
}

function runtimeType(value: VimValue | undefined): string {
  return isObject(value) ? value._typeName : '';
}

/** Names of all properties that the client's API version knows. */
export function propertyNames(object: ManagedObject, call: Call): readonly string[] {
  return fieldsOf(object.ref.type)
    .filter((f) => isKnownAt(f.since, call.version))
    .map((f) => f.name);
}

/** Selection: which objects a PropertyFilterSpec means, by walking its traversals. */
import { faults, field, isMoref, isObject, isSubtype, type VimObject, type VimValue } from '../../../src/vim/index.ts';
import { fieldOf } from '../../../src/vim/model.ts';
import { isKnownAt } from '../../../src/vim/versions.ts';
import { type Call, list, type ManagedObject } from '../managed-object.ts';

/** Most steps of one selection, so that a small request cannot cost unbounded time. */
const MAX_STEPS = 500_000;
const MAX_SPECS = 1000;

/** What is wanted of the objects of a type. */
interface Wanted {
  readonly type: string;
  readonly all: boolean;
  readonly paths: readonly string[];
}

/** One object with everything that is wanted of it. */
export interface Selected {
  readonly object: ManagedObject;
  readonly all: boolean;
  readonly paths: readonly string[];
}

/** The result of a selection: objects in the order found, and references that lead nowhere. */
export interface Selection {
  readonly selected: readonly Selected[];
  readonly missing: readonly VimObject[];
}

function objects(value: readonly VimValue[]): readonly VimObject[] {
  return value.filter(isObject);
}

function textOf(value: VimObject, name: string): string {
  const v = field(value, name);
  return typeof v === 'string' ? v : '';
}

/** All traversals below an object spec, by name where they have one. */
function namedTraversals(specs: readonly VimObject[]): ReadonlyMap<string, VimObject> {
  const out = new Map<string, VimObject>();
  const queue = [...specs];
  for (let i = 0; i < queue.length; i++) {
    if (i > MAX_SPECS) throw faults.invalidArgument('selectSet');
    const spec = queue[i];
    if (spec?._typeName !== 'TraversalSpec') continue;
    const name = textOf(spec, 'name');
    if (name !== '') out.set(name, spec);
    queue.push(...objects(list(spec, 'selectSet')));
  }
  return out;
}

class Walk {
  readonly found = new Map<string, ManagedObject>();
  readonly #call: Call;
  readonly #named: ReadonlyMap<string, VimObject>;
  // A traversal may name itself, directly or by a circle: each is done once for each object.
  readonly #done = new Map<VimObject, Set<string>>();
  #steps = 0;

  constructor(call: Call, named: ReadonlyMap<string, VimObject>) {
    this.#call = call;
    this.#named = named;
  }

  run(start: ManagedObject, specs: readonly VimObject[]): void {
    const queue: { object: ManagedObject; specs: readonly VimObject[] }[] = [{ object: start, specs }];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const spec of at.specs) {
        if (++this.#steps > MAX_STEPS) throw faults.invalidArgument('specSet');
        const traversal = spec._typeName === 'TraversalSpec' ? spec : this.#named.get(textOf(spec, 'name'));
        if (traversal === undefined) throw faults.invalidArgument('selectSet.name');
        if (!this.#first(traversal, at.object)) continue;
        const next = objects(list(traversal, 'selectSet'));
        const skip = field(traversal, 'skip') === true;
        const targets = this.#targets(traversal, at.object);
        for (const target of targets) if (!skip) this.found.set(target.ref.value, target);
        if (next.length > 0) for (const target of [...targets].reverse()) queue.push({ object: target, specs: next });
      }
    }
  }

  #first(traversal: VimObject, object: ManagedObject): boolean {
    const done = this.#done.get(traversal) ?? new Set<string>();
    this.#done.set(traversal, done);
    if (done.has(object.ref.value)) return false;
    done.add(object.ref.value);
    return true;
  }

  #targets(traversal: VimObject, object: ManagedObject): readonly ManagedObject[] {
    if (!isSubtype(object.ref.type, textOf(traversal, 'type'))) return [];
    const path = textOf(traversal, 'path');
    const declared = fieldOf(object.ref.type, path);
    if (declared === undefined || !isKnownAt(declared.since, this.#call.version)) throw faults.invalidProperty(path);
    const value = object.properties[path]?.(this.#call);
    const refs = isMoref(value) ? [value] : Array.isArray(value) ? (value as readonly VimValue[]).filter(isMoref) : [];
    this.#steps += refs.length;
    return refs.flatMap((ref) => this.#call.service.find(ref.value, this.#call.session) ?? []);
  }
}

function wantedOf(spec: VimObject): readonly Wanted[] {
  return objects(list(spec, 'propSet')).map((p) => ({
    type: textOf(p, 'type'),
    all: field(p, 'all') === true,
    paths: list(p, 'pathSet').filter((path) => typeof path === 'string'),
  }));
}

/**
 * The objects that `specs` (PropertyFilterSpec) select. Types match by ancestry; an object found twice is listed once
 * with the union of what is wanted. A start object that does not exist is ManagedObjectNotFound unless the spec says to
 * report it as missing.
 */
export function select(specs: readonly VimObject[], call: Call): Selection {
  const selected = new Map<string, { object: ManagedObject; all: boolean; paths: Set<string> }>();
  const missing: VimObject[] = [];
  for (const spec of specs) {
    const wanted = wantedOf(spec);
    for (const start of objects(list(spec, 'objectSet'))) {
      const ref = field(start, 'obj');
      if (!isMoref(ref)) throw faults.invalidArgument('specSet.objectSet.obj');
      const object = call.service.find(ref.value, call.session);
      if (object === undefined) {
        if (field(spec, 'reportMissingObjectsInResults') !== true) throw faults.managedObjectNotFound(ref);
        missing.push(ref);
        continue;
      }
      const selectSet = objects(list(start, 'selectSet'));
      const walk = new Walk(call, namedTraversals(selectSet));
      if (field(start, 'skip') !== true) walk.found.set(object.ref.value, object);
      walk.run(object, selectSet);
      for (const found of walk.found.values()) {
        const matching = wanted.filter((w) => isSubtype(found.ref.type, w.type));
        if (matching.length === 0) continue;
        const entry = selected.get(found.ref.value) ?? { object: found, all: false, paths: new Set<string>() };
        selected.set(found.ref.value, entry);
        for (const w of matching) {
          if (w.all) entry.all = true;
          for (const path of w.paths) entry.paths.add(path);
        }
      }
    }
  }
  return {
    selected: [...selected.values()].map((s) => ({ object: s.object, all: s.all, paths: [...s.paths] })),
    missing,
  };
}

/** Filters: what a client watches, and the changes since it last asked. */
import {
  encodeSoapValue,
  type ManagedObjectReference,
  make,
  type VimObject,
  type VimValue,
} from '../../../src/vim/index.ts';
import type { Call } from '../managed-object.ts';
import { readPath } from './path.ts';
import { mayRead, wantedPaths } from './retrieve.ts';
import { select } from './select.ts';

type Snapshot = Map<string, { ref: ManagedObjectReference; values: Map<string, string> }>;

/** A property filter with the state that was last reported. */
export class PropertyFilter {
  readonly ref: ManagedObjectReference;
  readonly spec: VimObject;
  readonly partialUpdates: boolean;
  #reported: Snapshot = new Map();

  constructor(ref: ManagedObjectReference, spec: VimObject, partialUpdates: boolean) {
    this.ref = ref;
    this.spec = spec;
    this.partialUpdates = partialUpdates;
  }

  /** Forgets what was reported: the next update is the full state. */
  reset(): void {
    this.#reported = new Map();
  }

  /**
   * The changes since the last call as a PropertyFilterUpdate; undefined where there are none. A changed property is
   * reported whole (`assign`), which is right with and without partial updates.
   */
  update(call: Call): VimObject | undefined {
    const now: Snapshot = new Map();
    const objectSet: VimObject[] = [];
    for (const wanted of select([this.spec], call).selected) {
      const { ref } = wanted.object;
      if (!mayRead(wanted.object, call)) continue;
      const before = this.#reported.get(ref.value);
      const values = new Map<string, string>();
      const changeSet: VimObject[] = [];
      for (const name of wantedPaths(wanted, call)) {
        const val = readPath(wanted.object, name, call);
        const key = val === undefined ? '' : encoded(val, call);
        values.set(name, key);
        if (before === undefined ? val !== undefined : before.values.get(name) !== key) {
          changeSet.push(make('PropertyChange', { name, op: 'assign', val }));
        }
      }
      now.set(ref.value, { ref, values });
      if (before === undefined) objectSet.push(make('ObjectUpdate', { kind: 'enter', obj: ref, changeSet }));
      else if (changeSet.length > 0) objectSet.push(make('ObjectUpdate', { kind: 'modify', obj: ref, changeSet }));
    }
    for (const [id, { ref }] of this.#reported) {
      if (!now.has(id)) objectSet.push(make('ObjectUpdate', { kind: 'leave', obj: ref }));
    }
    this.#reported = now;
    return objectSet.length === 0 ? undefined : make('PropertyFilterUpdate', { filter: this.ref, objectSet });
  }
}

function encoded(value: VimValue, call: Call): string {
  return encodeSoapValue({ name: 'v', type: 'anyType', array: false }, value, call.version);
}

/** OptionManager: settings by key, of the service or of a host. */
import { boxed, faults, field, type ManagedObjectReference, make, type VimObject } from '../../../src/vim/index.ts';
import type { ManagedObject } from '../managed-object.ts';

/** Settings as they are now. */
export type Settings = () => Readonly<Record<string, string | boolean | number>>;

function optionValues(settings: Settings): readonly VimObject[] {
  return Object.entries(settings()).map(([key, value]) =>
    make('OptionValue', { key, value: boxed(typeof value === 'number' ? 'long' : typeof value, value) }),
  );
}

/** Options whose key is `name`, or begins with it where `name` ends in a dot; all of them without a name. */
function query(settings: Settings, name: unknown): readonly VimObject[] {
  const all = optionValues(settings);
  if (typeof name !== 'string' || name === '') return all;
  const found = all.filter((option) => {
    const key = String(field(option, 'key'));
    return name.endsWith('.') ? key.startsWith(name) : key === name;
  });
  if (found.length === 0) throw faults.invalidArgument('name');
  return found;
}

/** An option manager over settings. */
export function optionManager(ref: ManagedObjectReference, settings: Settings): ManagedObject {
  return {
    ref,
    properties: { setting: () => optionValues(settings) },
    methods: { QueryOptions: (args) => query(settings, args.name) },
  };
}

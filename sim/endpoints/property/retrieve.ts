/** Reading properties: the one engine behind RetrieveProperties, RetrievePropertiesEx, Fetch and update filters. */
import { faults, localized, make, type VimObject, type VimValue } from '../../../src/vim/index.ts';
import type { Call, ManagedObject } from '../managed-object.ts';
import { propertyNames, readPath } from './path.ts';
import { type Selected, select } from './select.ts';

/** Types whose properties may be read before login. */
const OPEN_TYPES: ReadonlySet<string> = new Set(['ServiceInstance', 'SessionManager']);

/** Whether the caller may read the properties of an object. */
export function mayRead(object: ManagedObject, call: Call): boolean {
  return call.session !== undefined || OPEN_TYPES.has(object.ref.type);
}

/** The paths that are wanted of an object: each once, all properties first where asked for. */
export function wantedPaths(wanted: Selected, call: Call): readonly string[] {
  if (!wanted.all) return wanted.paths;
  return [...new Set([...propertyNames(wanted.object, call), ...wanted.paths])];
}

/** One object as ObjectContent. */
export function objectContent(wanted: Selected, call: Call): VimObject {
  const { object } = wanted;
  const paths = wantedPaths(wanted, call);
  if (!mayRead(object, call)) {
    const fault = localized(faults.notAuthenticated(object.ref, 'System.Read'));
    return make('ObjectContent', {
      obj: object.ref,
      missingSet: paths.map((path) => make('MissingProperty', { path, fault })),
    });
  }
  const propSet: VimObject[] = [];
  for (const name of paths) {
    const val = readPath(object, name, call);
    if (val !== undefined) propSet.push(make('DynamicProperty', { name, val }));
  }
  return make('ObjectContent', { obj: object.ref, propSet });
}

/** All ObjectContents that `specs` select. Objects of a type that nothing is asked of do not appear. */
export function retrieve(specs: readonly VimObject[], call: Call): readonly VimObject[] {
  const { selected } = select(specs, call);
  return selected.map((wanted) => objectContent(wanted, call));
}

/** One property by name (method Fetch). */
export function fetchProperty(object: ManagedObject, name: string, call: Call): VimValue | undefined {
  if (!mayRead(object, call)) throw faults.notAuthenticated(object.ref, 'System.Read');
  return readPath(object, name, call);
}

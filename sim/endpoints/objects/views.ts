/** ViewManager and the views that a session makes. */
import {
  faults,
  isMoref,
  isSubtype,
  type ManagedObjectReference,
  moref,
  type VimValue,
} from '../../../src/vim/index.ts';
import { type Call, flag, list, type ManagedObject, reference, references, sessionOf } from '../managed-object.ts';
import { MAX_SESSION_OBJECTS, type Session } from '../sessions.ts';

/** Properties that lead from a container to what it holds. */
const CHILDREN: readonly (readonly [type: string, property: string])[] = [
  ['Folder', 'childEntity'],
  ['Datacenter', 'vmFolder'],
  ['Datacenter', 'hostFolder'],
  ['Datacenter', 'datastoreFolder'],
  ['Datacenter', 'networkFolder'],
  ['ComputeResource', 'host'],
  ['ComputeResource', 'resourcePool'],
  ['ResourcePool', 'resourcePool'],
  ['HostSystem', 'vm'],
];

function refsOf(value: VimValue | undefined): readonly ManagedObjectReference[] {
  if (isMoref(value)) return [value];
  return Array.isArray(value) ? (value as readonly VimValue[]).filter(isMoref) : [];
}

/** Everything in a container, depth first; only the direct content where not `recursive`. */
function contents(container: ManagedObject, recursive: boolean, call: Call): readonly ManagedObject[] {
  const out = new Map<string, ManagedObject>();
  const visit = (object: ManagedObject): void => {
    for (const [type, property] of CHILDREN) {
      if (!isSubtype(object.ref.type, type)) continue;
      for (const ref of refsOf(object.properties[property]?.(call))) {
        const child = call.service.find(ref.value, call.session);
        if (child === undefined || out.has(ref.value)) continue;
        out.set(ref.value, child);
        if (recursive) visit(child);
      }
    }
  };
  visit(container);
  return [...out.values()];
}

function viewRef(type: string, session: Session): ManagedObjectReference {
  if (session.objects.size >= MAX_SESSION_OBJECTS) throw faults.systemError('too many objects in this session');
  return moref(type, `session[${session.key}]view-${session.nextObject++}`);
}

function destroy(session: Session, ref: ManagedObjectReference) {
  return () => {
    session.objects.delete(ref.value);
    return undefined;
  };
}

function containerView(container: ManagedObject, types: readonly string[], recursive: boolean, session: Session) {
  const ref = viewRef('ContainerView', session);
  session.objects.set(ref.value, {
    ref,
    properties: {
      container: () => container.ref,
      type: () => types,
      recursive: () => recursive,
      view: (call) =>
        contents(container, recursive, call)
          .filter((object) => types.length === 0 || types.some((type) => isSubtype(object.ref.type, type)))
          .map((object) => object.ref),
    },
    methods: { DestroyView: destroy(session, ref) },
  });
  return ref;
}

function listView(start: readonly ManagedObjectReference[], session: Session): ManagedObjectReference {
  const ref = viewRef('ListView', session);
  const members = new Map(start.map((m) => [m.value, m]));
  // References that lead nowhere are left out and returned to the caller.
  const enter = (refs: readonly ManagedObjectReference[], call: Call): readonly ManagedObjectReference[] => {
    const unknown: ManagedObjectReference[] = [];
    for (const m of refs) {
      if (call.service.find(m.value, session) === undefined) unknown.push(m);
      else members.set(m.value, m);
    }
    call.service.changed();
    return unknown;
  };
  session.objects.set(ref.value, {
    ref,
    properties: { view: () => [...members.values()] },
    methods: {
      DestroyView: destroy(session, ref),
      ModifyListView: (args, call) => {
        for (const m of references(args, 'remove')) members.delete(m.value);
        return enter(references(args, 'add'), call);
      },
      ResetListView: (args, call) => {
        members.clear();
        return enter(references(args, 'obj'), call);
      },
    },
  });
  return ref;
}

/** The view manager. Views are kept by the session of their maker. */
export function viewManager(ref: ManagedObjectReference): ManagedObject {
  return {
    ref,
    properties: {
      viewList: (call) =>
        [...(call.session?.objects.values() ?? [])].map((o) => o.ref).filter((r) => isSubtype(r.type, 'View')),
    },
    methods: {
      CreateContainerView: (args, call) => {
        const session = sessionOf(call, ref);
        const container = call.service.get(reference(args, 'container'), session);
        if (!CHILDREN.some(([type]) => isSubtype(container.ref.type, type))) throw faults.invalidArgument('container');
        const types = list(args, 'type').filter((type) => typeof type === 'string');
        return containerView(container, types, flag(args, 'recursive'), session);
      },
      CreateListView: (args, call) => {
        const session = sessionOf(call, ref);
        return listView(
          references(args, 'obj').filter((m) => call.service.find(m.value, session) !== undefined),
          session,
        );
      },
    },
  };
}

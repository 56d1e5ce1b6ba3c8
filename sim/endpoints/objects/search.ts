/** SearchIndex: hosts by UUID or name, and everything by its path in the inventory. */
import { isMoref, type ManagedObjectReference, type VimValue } from '../../../src/vim/index.ts';
import { type Call, flag, type ManagedObject, text } from '../managed-object.ts';
import type { HostNode } from './host-node.ts';

function refsOf(value: VimValue | undefined): readonly ManagedObjectReference[] {
  if (isMoref(value)) return [value];
  return Array.isArray(value) ? (value as readonly VimValue[]).filter(isMoref) : [];
}

/** Children whose names are parts of inventory paths. */
function namedChildren(object: ManagedObject, call: Call): readonly ManagedObject[] {
  const properties = [
    'childEntity',
    'vmFolder',
    'hostFolder',
    'datastoreFolder',
    'networkFolder',
    'host',
    'resourcePool',
  ];
  return properties
    .flatMap((name) => refsOf(object.properties[name]?.(call)))
    .flatMap((ref) => call.service.find(ref.value, call.session) ?? []);
}

function byPath(root: ManagedObjectReference, path: string, call: Call): ManagedObjectReference | undefined {
  let at = call.service.find(root.value, call.session);
  for (const part of path.split('/').filter((p) => p !== '')) {
    if (at === undefined) return undefined;
    at = namedChildren(at, call).find((child) => child.properties.name?.(call) === part);
  }
  return at?.ref;
}

/** The search index over the hosts of an inventory. There are no virtual machines to find. */
export function searchIndex(
  ref: ManagedObjectReference,
  root: ManagedObjectReference,
  nodes: readonly HostNode[],
): ManagedObject {
  const host = (args: Parameters<typeof flag>[0], matches: (node: HostNode) => boolean) =>
    flag(args, 'vmSearch') ? undefined : nodes.find(matches)?.ref;
  return {
    ref,
    properties: {},
    methods: {
      FindByUuid: (args) => {
        const uuid = text(args, 'uuid').toLowerCase();
        return host(args, (node) => node.host.facts.uuid.toLowerCase() === uuid);
      },
      FindByDnsName: (args) => {
        const name = text(args, 'dnsName').toLowerCase();
        return host(args, (node) => node.host.name.toLowerCase() === name);
      },
      FindByIp: (args) => host(args, (node) => node.host.name === text(args, 'ip')),
      FindByInventoryPath: (args, call) => byPath(root, text(args, 'inventoryPath'), call),
    },
  };
}

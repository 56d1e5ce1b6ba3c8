/**
 * The inventory: a vCenter's tree (root folder, datacenter, folders, compute resources, hosts) or the fixed tree of one
 * host's own API, and the managers beside it. Ids follow the patterns of the real products.
 */
import { type ManagedObjectReference, moref } from '../../src/vim/index.ts';
import type { ManagedObject } from './managed-object.ts';
import { propertyCollector } from './objects/collector.ts';
import { hostSystem } from './objects/host.ts';
import { type HostNode, hostNode } from './objects/host-node.ts';
import { imageConfigManager } from './objects/image.ts';
import { optionManager } from './objects/options.ts';
import { searchIndex } from './objects/search.ts';
import { type ManagerRefs, serviceInstance, sessionManager } from './objects/service-instance.ts';
import { taskManager } from './objects/tasks.ts';
import { computeResource, datacenter, folder, resourcePool } from './objects/tree.ts';
import { viewManager } from './objects/views.ts';
import { type EndpointWorld, Service } from './service.ts';

export type { AcceptanceLevel, AttestationStatus, HostFacts, ServedHost, SoftwareFacts } from './served-host.ts';
export type { EndpointWorld, Service } from './service.ts';

/** Folder and manager ids of the two products. */
const IDS = {
  vCenter: {
    root: ['group-d1', 'Datacenters'],
    datacenter: ['datacenter-2', 'Datacenter'],
    folders: { vm: 'group-v3', host: 'group-h4', datastore: 'group-s5', network: 'group-n6' },
    collector: 'propertyCollector',
    setting: 'VpxSettings',
    sessions: 'SessionManager',
    tasks: 'TaskManager',
    search: 'SearchIndex',
  },
  host: {
    root: ['ha-folder-root', 'ha-folder-root'],
    datacenter: ['ha-datacenter', 'ha-datacenter'],
    folders: {
      vm: 'ha-folder-vm',
      host: 'ha-folder-host',
      datastore: 'ha-folder-datastore',
      network: 'ha-folder-network',
    },
    collector: 'ha-property-collector',
    setting: 'HostAgentSettings',
    sessions: 'ha-sessionmgr',
    tasks: 'ha-taskmgr',
    search: 'ha-searchindex',
  },
} as const;

/** First number of the hosts' own ids; lower ones are taken by the folders. */
const FIRST_ID = 8;

interface Placed {
  readonly nodes: readonly HostNode[];
  /** Compute resources, in the host folder. */
  readonly groups: readonly { readonly ref: ManagedObjectReference; readonly object: ManagedObject }[];
  readonly objects: readonly ManagedObject[];
}

/** Hosts of a vCenter: each in its own compute resource, or all in one cluster. */
function placeInVCenter(world: EndpointWorld, hostFolder: ManagedObjectReference): Placed {
  const nodes: HostNode[] = [];
  const groups: Placed['groups'][number][] = [];
  const objects: ManagedObject[] = [];
  let id = FIRST_ID;
  const group = (
    type: string,
    prefix: string,
    name: () => string,
    own: readonly HostNode[],
  ): ManagedObjectReference => {
    const ref = moref(type, `domain-${prefix}${id++}`);
    const pool = moref('ResourcePool', `resgroup-${id++}`);
    const object = computeResource(ref, name, hostFolder, pool, own);
    groups.push({ ref, object });
    objects.push(object, resourcePool(pool, ref));
    return ref;
  };
  const { cluster } = world;
  const shared = cluster === undefined ? undefined : group('ClusterComputeResource', 'c', () => cluster, nodes);
  for (const host of world.hosts) {
    const own: HostNode[] = [];
    const parent = shared ?? group('ComputeResource', 's', () => host.name, own);
    const number = String(id++);
    const node = hostNode(host, moref('HostSystem', `host-${number}`), parent, number);
    own.push(node);
    nodes.push(node);
  }
  return { nodes, groups, objects };
}

/** The one host of a host's own API. */
function placeOnHost(world: EndpointWorld, hostFolder: ManagedObjectReference): Placed {
  const parent = moref('ComputeResource', 'ha-compute-res');
  const pool = moref('ResourcePool', 'ha-root-pool');
  const nodes = world.hosts.slice(0, 1).map((host) => hostNode(host, moref('HostSystem', 'ha-host'), parent, ''));
  const object = computeResource(parent, () => nodes[0]?.host.name ?? '', hostFolder, pool, nodes);
  return { nodes, groups: [{ ref: parent, object }], objects: [object, resourcePool(pool, parent)] };
}

/** The service with its whole inventory. Hosts of the result are in the order of the world's. */
export function createService(world: EndpointWorld): {
  readonly service: Service;
  readonly nodes: readonly HostNode[];
} {
  const service = new Service(world);
  const ids = IDS[world.mode];
  const root = moref('Folder', ids.root[0]);
  const dc = moref('Datacenter', ids.datacenter[0]);
  const folders = {
    vm: moref('Folder', ids.folders.vm),
    host: moref('Folder', ids.folders.host),
    datastore: moref('Folder', ids.folders.datastore),
    network: moref('Folder', ids.folders.network),
  };
  const placed = world.mode === 'host' ? placeOnHost(world, folders.host) : placeInVCenter(world, folders.host);
  const managers: ManagerRefs = {
    rootFolder: root,
    propertyCollector: moref('PropertyCollector', ids.collector),
    viewManager: moref('ViewManager', 'ViewManager'),
    setting: moref('OptionManager', ids.setting),
    sessionManager: moref('SessionManager', ids.sessions),
    taskManager: moref('TaskManager', ids.tasks),
    searchIndex: moref('SearchIndex', ids.search),
  };
  const none = () => [];
  const tree: readonly ManagedObject[] = [
    folder(root, ids.root[1], undefined, ['Folder', 'Datacenter'], () => [dc]),
    datacenter(dc, ids.datacenter[1], root, folders),
    folder(folders.vm, 'vm', dc, ['Folder', 'VirtualMachine', 'VirtualApp'], none),
    folder(folders.host, 'host', dc, ['Folder', 'ComputeResource'], () => placed.groups.map((g) => g.ref)),
    folder(folders.datastore, 'datastore', dc, ['Folder', 'Datastore', 'StoragePod'], none),
    folder(folders.network, 'network', dc, ['Folder', 'Network', 'DistributedVirtualSwitch'], none),
  ];
  const settings = () => ({
    'VirtualCenter.InstanceName': 'esxsim',
    'config.vmacore.soap.sessionTimeout': 30,
  });
  const others: readonly ManagedObject[] = [
    serviceInstance(moref('ServiceInstance', 'ServiceInstance'), managers, service),
    sessionManager(managers.sessionManager, service),
    propertyCollector(managers.propertyCollector),
    viewManager(managers.viewManager),
    optionManager(managers.setting, settings),
    taskManager(managers.taskManager, service),
    searchIndex(managers.searchIndex, root, placed.nodes),
  ];
  for (const object of [...tree, ...placed.objects, ...others]) service.add(object);
  for (const node of placed.nodes) {
    service.add(hostSystem(node, service));
    service.add(imageConfigManager(node));
    service.add(optionManager(node.advancedOption, () => node.host.facts.options ?? {}));
  }
  return { service, nodes: placed.nodes };
}

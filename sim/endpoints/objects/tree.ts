/** Folders, datacenters, compute resources and resource pools: what lies between the root and the hosts. */
import { type ManagedObjectReference, make, type VimValue } from '../../../src/vim/index.ts';
import type { ManagedObject } from '../managed-object.ts';
import type { HostNode } from './host-node.ts';

type Reader = () => VimValue | undefined;

/** Properties that every entity has. */
function entity(name: Reader, parent: ManagedObjectReference | undefined): Record<string, Reader> {
  return {
    name,
    parent: () => parent,
    overallStatus: () => 'green',
    configStatus: () => 'green',
    effectiveRole: () => [-1],
    disabledMethod: () => [],
    alarmActionsEnabled: () => true,
  };
}

/** A folder; `children` is read anew each time. */
export function folder(
  ref: ManagedObjectReference,
  name: string,
  parent: ManagedObjectReference | undefined,
  childType: readonly string[],
  children: () => readonly ManagedObjectReference[],
): ManagedObject {
  return {
    ref,
    properties: { ...entity(() => name, parent), childType: () => childType, childEntity: children },
    methods: {},
  };
}

/** The datacenter with its four folders. */
export function datacenter(
  ref: ManagedObjectReference,
  name: string,
  parent: ManagedObjectReference,
  folders: Readonly<Record<'vm' | 'host' | 'datastore' | 'network', ManagedObjectReference>>,
): ManagedObject {
  return {
    ref,
    properties: {
      ...entity(() => name, parent),
      vmFolder: () => folders.vm,
      hostFolder: () => folders.host,
      datastoreFolder: () => folders.datastore,
      networkFolder: () => folders.network,
      datastore: () => [],
      network: () => [],
    },
    methods: {},
  };
}

function sum(nodes: readonly HostNode[], value: (node: HostNode) => number): number {
  return nodes.reduce((total, node) => total + value(node), 0);
}

function summary(type: string, nodes: readonly HostNode[]) {
  const mhz = sum(nodes, ({ host }) => Math.floor(host.facts.cpu.hz / 1_000_000) * host.facts.cpu.cores);
  const memory = sum(nodes, ({ host }) => host.facts.memorySize);
  return make(type, {
    totalCpu: mhz,
    totalMemory: memory,
    numCpuCores: sum(nodes, ({ host }) => host.facts.cpu.cores),
    numCpuThreads: sum(nodes, ({ host }) => host.facts.cpu.threads),
    effectiveCpu: mhz,
    // In MB, unlike totalMemory.
    effectiveMemory: Math.floor(memory / 2 ** 20),
    numHosts: nodes.length,
    numEffectiveHosts: nodes.filter((node) => node.connectionState === 'connected').length,
    overallStatus: 'green',
    ...(type === 'ClusterComputeResourceSummary' ? { currentFailoverLevel: 0, numVmotions: 0 } : {}),
  });
}

/** A compute resource or cluster with its hosts; a lone host's compute resource has the host's name. */
export function computeResource(
  ref: ManagedObjectReference,
  name: () => string,
  parent: ManagedObjectReference,
  pool: ManagedObjectReference,
  nodes: readonly HostNode[],
): ManagedObject {
  const cluster = ref.type === 'ClusterComputeResource';
  return {
    ref,
    properties: {
      ...entity(name, parent),
      resourcePool: () => pool,
      host: () => nodes.map((node) => node.ref),
      datastore: () => [],
      network: () => [],
      summary: () => summary(cluster ? 'ClusterComputeResourceSummary' : 'ComputeResourceSummary', nodes),
      configurationEx: () =>
        cluster ? undefined : make('ComputeResourceConfigInfo', { vmSwapPlacement: 'vmDirectory' }),
    },
    methods: {},
  };
}

/** The root resource pool of a compute resource. */
export function resourcePool(ref: ManagedObjectReference, owner: ManagedObjectReference): ManagedObject {
  return {
    ref,
    properties: {
      ...entity(() => 'Resources', owner),
      owner: () => owner,
      resourcePool: () => [],
      vm: () => [],
    },
    methods: {},
  };
}

/** HostSystem: properties, the attestation report, and the tasks that change its state. */
import { faults, type VimValue } from '../../../src/vim/index.ts';
import { type Call, flag, type ManagedObject, type MethodBody } from '../managed-object.ts';
import type { Service } from '../service.ts';
import type { HostNode } from './host-node.ts';
import {
  datastoreBrowser,
  hostCapability,
  hostConfig,
  hostConfigManager,
  hostHardware,
  hostRuntime,
  hostSummary,
  overallStatus,
} from './host-values.ts';
import { startTask } from './tasks.ts';

function connected(node: HostNode): void {
  if (node.connectionState !== 'connected') throw faults.hostNotConnected();
}

function report(node: HostNode, call: Call): VimValue | undefined {
  connected(node);
  const value = node.host.report();
  // A host itself refuses where it has no TPM; through vCenter there is just no value (as in govmomi's simulator).
  if (value === undefined && call.service.world.mode === 'host') throw faults.notSupported();
  return value;
}

/** Stopping a host needs maintenance mode, or force. */
function mayStop(node: HostNode, force: boolean): void {
  connected(node);
  if (!force && !node.inMaintenanceMode) throw faults.invalidState();
}

function hostTask(node: HostNode, name: string, run: (call: Call) => Promise<void> | void): MethodBody {
  return (_args, call) => startTask(node, name, call, async () => run(call));
}

async function reboot(node: HostNode, call: Call): Promise<void> {
  node.connectionState = 'notResponding';
  call.service.changed();
  try {
    await node.host.reboot?.();
  } finally {
    node.connectionState = 'connected';
    call.service.changed();
  }
}

function methods(node: HostNode): Readonly<Record<string, MethodBody>> {
  const enter = hostTask(node, 'EnterMaintenanceMode_Task', () => {
    node.inMaintenanceMode = true;
  });
  const exit = hostTask(node, 'ExitMaintenanceMode_Task', () => {
    node.inMaintenanceMode = false;
  });
  return {
    QueryTpmAttestationReport: (_args, call) => report(node, call),
    RebootHost_Task: (args, call) => {
      mayStop(node, flag(args, 'force'));
      if (node.host.reboot === undefined) throw faults.notSupported();
      return hostTask(node, 'RebootHost_Task', (c) => reboot(node, c))(args, call);
    },
    ShutdownHost_Task: (args, call) => {
      mayStop(node, flag(args, 'force'));
      return hostTask(node, 'ShutdownHost_Task', () => {
        node.connectionState = 'notResponding';
        node.powerState = 'poweredOff';
      })(args, call);
    },
    EnterMaintenanceMode_Task: (args, call) => {
      connected(node);
      if (node.inMaintenanceMode) throw faults.invalidState();
      return enter(args, call);
    },
    ExitMaintenanceMode_Task: (args, call) => {
      connected(node);
      if (!node.inMaintenanceMode) throw faults.invalidState();
      return exit(args, call);
    },
    DisconnectHost_Task: (args, call) => {
      if (call.service.world.mode === 'host') throw faults.notSupported();
      return hostTask(node, 'DisconnectHost_Task', () => {
        node.connectionState = 'disconnected';
      })(args, call);
    },
    ReconnectHost_Task: (args, call) => {
      if (call.service.world.mode === 'host') throw faults.notSupported();
      if (node.connectionState === 'connected' || node.powerState !== 'poweredOn') throw faults.invalidState();
      return hostTask(node, 'ReconnectHost_Task', () => {
        node.connectionState = 'connected';
      })(args, call);
    },
  };
}

/** The managed object of a host. */
export function hostSystem(node: HostNode, service: Service): ManagedObject {
  const { world, apiVersion } = service;
  return {
    ref: node.ref,
    properties: {
      name: () => node.host.name,
      parent: () => node.parent,
      overallStatus: () => overallStatus(node, world.mode),
      configStatus: () => overallStatus(node, world.mode),
      effectiveRole: () => [-1],
      disabledMethod: () => [],
      alarmActionsEnabled: () => true,
      recentTask: () => node.recentTasks,
      runtime: () => hostRuntime(node),
      summary: () => hostSummary(node, apiVersion, world.mode, world.clock.now()),
      hardware: () => hostHardware(node.host.facts),
      capability: () => hostCapability(node.host.facts),
      config: () => hostConfig(node, apiVersion),
      configManager: () => hostConfigManager(node.advancedOption, node.imageConfig),
      datastoreBrowser: () => datastoreBrowser(node),
      vm: () => [],
      datastore: () => [],
      network: () => [],
    },
    methods: methods(node),
  };
}

/** A host as the inventory sees it: the host itself and the state that the management side keeps about it. */
import { type ManagedObjectReference, moref } from '../../../src/vim/index.ts';
import type { ServedHost } from '../served-host.ts';

/** How the management side reaches a host. */
export type ConnectionState = 'connected' | 'notResponding' | 'disconnected';

/** One host of the inventory. */
export interface HostNode {
  readonly host: ServedHost;
  readonly ref: ManagedObjectReference;
  /** The compute resource or cluster that holds it. */
  readonly parent: ManagedObjectReference;
  readonly imageConfig: ManagedObjectReference;
  readonly advancedOption: ManagedObjectReference;
  /** As clients see it; a connected host that does not run is not responding. */
  connectionState: ConnectionState;
  powerState: 'poweredOn' | 'poweredOff';
  inMaintenanceMode: boolean;
  /** Set while a task of the host runs. */
  busy: boolean;
  /** Acceptance level set through the API; undefined: as the host reports. */
  acceptanceLevel: string | undefined;
  /** Tasks of this host, newest first. */
  recentTasks: ManagedObjectReference[];
}

/** A connected, running host. `suffix` makes the ids of its managers unique; empty on a host's own API. */
export function hostNode(
  host: ServedHost,
  ref: ManagedObjectReference,
  parent: ManagedObjectReference,
  suffix: string,
): HostNode {
  const alone = suffix === '';
  let connection: ConnectionState = 'connected';
  return {
    host,
    ref,
    parent,
    imageConfig: moref('HostImageConfigManager', alone ? 'ha-image-config-manager' : `imageConfigManager-${suffix}`),
    advancedOption: moref('OptionManager', alone ? 'ha-adv-options' : `EsxHostAdvSettings-${suffix}`),
    get connectionState(): ConnectionState {
      return connection === 'connected' && host.running === false ? 'notResponding' : connection;
    },
    set connectionState(state: ConnectionState) {
      connection = state;
    },
    powerState: 'poweredOn',
    inMaintenanceMode: false,
    busy: false,
    acceptanceLevel: undefined,
    recentTasks: [],
  };
}

/** HostImageConfigManager: acceptance level, image profile and packages of a host. */
import { faults, make, type VimObject } from '../../../src/vim/index.ts';
import { isoTime } from '../../clock.ts';
import { type Call, type ManagedObject, text } from '../managed-object.ts';
import type { AcceptanceLevel, SoftwareFacts } from '../served-host.ts';
import type { HostNode } from './host-node.ts';

/** Acceptance levels in the words of this interface. */
const API_LEVEL: Readonly<Record<AcceptanceLevel, string>> = {
  VMwareCertified: 'vmware_certified',
  VMwareAccepted: 'vmware_accepted',
  PartnerSupported: 'partner',
  CommunitySupported: 'community',
};

function softwarePackage(vib: SoftwareFacts): VimObject {
  return make('SoftwarePackage', {
    name: vib.name,
    version: vib.version,
    type: vib.type,
    vendor: vib.vendor,
    acceptanceLevel: API_LEVEL[vib.acceptanceLevel],
    summary: vib.summary,
    description: vib.description,
    creationDate: vib.creationDate === undefined ? undefined : isoTime(vib.creationDate),
    maintenanceModeRequired: vib.maintenanceModeRequired ?? true,
    capability: make('SoftwarePackageCapability', {
      liveInstallAllowed: vib.liveInstallAllowed ?? false,
      liveRemoveAllowed: vib.liveRemoveAllowed ?? false,
      statelessReady: vib.statelessReady ?? true,
      overlay: vib.overlay ?? false,
    }),
    payload: vib.payloads,
  });
}

function reachable(node: HostNode): void {
  if (node.connectionState !== 'connected') throw faults.hostNotConnected();
}

/** A level may be lowered or raised, but not above the lowest level of an installed package. */
function setLevel(node: HostNode, level: string, call: Call): undefined {
  const order = Object.values(API_LEVEL);
  const rank = order.indexOf(level);
  if (rank < 0) throw faults.invalidArgument('newAcceptanceLevel');
  const below = node.host.facts.software.find((vib) => order.indexOf(API_LEVEL[vib.acceptanceLevel]) > rank);
  if (below !== undefined) {
    throw faults.hostConfigFault(`Package ${below.name} has acceptance level ${API_LEVEL[below.acceptanceLevel]}.`);
  }
  node.acceptanceLevel = level;
  call.service.changed();
  return undefined;
}

/** The image configuration manager of a host. */
export function imageConfigManager(node: HostNode): ManagedObject {
  const facts = () => {
    reachable(node);
    return node.host.facts;
  };
  return {
    ref: node.imageConfig,
    properties: {},
    methods: {
      HostImageConfigGetAcceptance: () => node.acceptanceLevel ?? API_LEVEL[facts().acceptanceLevel],
      HostImageConfigGetProfile: () => make('HostImageProfileSummary', { ...facts().imageProfile }),
      UpdateHostImageAcceptanceLevel: (args, call) => {
        reachable(node);
        return setLevel(node, text(args, 'newAcceptanceLevel'), call);
      },
      fetchSoftwarePackages: () => facts().software.map(softwarePackage),
      installDate: () => isoTime(facts().installDate),
    },
  };
}

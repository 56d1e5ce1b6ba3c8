/** The image of a host: profile, acceptance level, packages. */
import { object, type TypeTable, values } from './schema.ts';

export const IMAGE_TYPES = {
  HostImageProfileSummary: object('5.0', '', { name: 'string', vendor: 'string' }),
  HostImageAcceptanceLevel: values('5.0', 'vmware_certified vmware_accepted partner community'),
  SoftwarePackage: object('6.5', '', {
    name: 'string',
    version: 'string',
    type: 'string',
    vendor: 'string',
    acceptanceLevel: 'string',
    summary: 'string',
    description: 'string',
    referenceURL: 'string[]?',
    creationDate: 'dateTime?',
    depends: 'Relation[]?',
    conflicts: 'Relation[]?',
    replaces: 'Relation[]?',
    provides: 'string[]?',
    maintenanceModeRequired: 'boolean?',
    hardwarePlatformsRequired: 'string[]?',
    capability: 'SoftwarePackageCapability',
    tag: 'string[]?',
    payload: 'string[]?',
  }),
  SoftwarePackageCapability: object('6.5', '', {
    liveInstallAllowed: 'boolean?',
    liveRemoveAllowed: 'boolean?',
    statelessReady: 'boolean?',
    overlay: 'boolean?',
  }),
  Relation: object('6.5', '', { constraint: 'string?', name: 'string', version: 'string?' }),
} as const satisfies TypeTable;

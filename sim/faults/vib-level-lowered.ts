import { addPackage, checkName, foreignPackage } from './boot-disk.ts';
import type { Fault } from './fault.ts';

const DEFAULT_NAME = 'community-agent';

/** Catalogue entry 6. */
export const VIB_LEVEL_LOWERED: Fault = {
  id: 'vib-level-lowered',
  title: 'Acceptance level lowered so that an unsigned package installs without force',
  about:
    'The host’s acceptance level is set to CommunitySupported, and an unsigned package of that level is installed.',
  shows:
    'The level is a configuration property of the host, not a measurement; measured are the further component and the ' +
    'changed image database. With Secure Boot on the boot stops: unsigned packages do not start.',
  parameter: { name: 'name', about: 'name of the package, at most 16 characters', default: DEFAULT_NAME },
  expect: { verdict: 'UNTRUSTED', finding: 'COMPONENT_ADDED' },
  patchSpec: (spec) => ({ ...spec, acceptanceLevel: 'CommunitySupported' }),
  patchImage: (image, parameter) => {
    const name = checkName('vib-level-lowered', 'package name', parameter ?? DEFAULT_NAME);
    const head = { name, vendor: 'COMMUNITY', version: '0.1.0-1', acceptanceLevel: 'community' };
    addPackage(image, 'vib-level-lowered', foreignPackage(head));
  },
};

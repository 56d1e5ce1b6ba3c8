import { vibId } from '../../src/vib/index.ts';
import { addPackage, checkName, foreignPackage, logInstall } from './boot-disk.ts';
import type { Fault } from './fault.ts';

const DEFAULT_NAME = 'lsuv2-agent';

/** Catalogue entry 1. */
export const VIB_LEVEL_SPOOF: Fault = {
  id: 'vib-level-spoof',
  title: 'Unsigned package that claims a partner acceptance level',
  about:
    'A package whose descriptor says PartnerSupported and vendor VMW, but which carries no signature, is installed with the ' +
    'force option: module file, boot.cfg and image database are as an installer leaves them.',
  shows:
    'A further component under the name the descriptor claims, and another image database. With Secure Boot on the boot ' +
    'stops at the check of package signatures; with it off everything runs. The installer’s log tells of the force option.',
  parameter: { name: 'name', about: 'name of the package, at most 16 characters', default: DEFAULT_NAME },
  expect: { verdict: 'UNTRUSTED', finding: 'COMPONENT_ADDED' },
  patchImage: (image, parameter, time) => {
    const name = checkName('vib-level-spoof', 'package name', parameter ?? DEFAULT_NAME);
    const head = { name, vendor: 'VMW', version: '1.0.0-1vmw', acceptanceLevel: 'partner' };
    const vib = foreignPackage(head);
    addPackage(image, 'vib-level-spoof', vib);
    const id = vibId(vib.descriptor);
    const message = `VIB ${id} claims PartnerSupported, but is not signed`;
    logInstall(image, time, id, 'force', [{ code: 'signature', vib: id, message }]);
  },
};

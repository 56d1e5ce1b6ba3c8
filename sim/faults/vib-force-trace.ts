import { InputError } from '../../src/bytes/errors.ts';
import { vibId } from '../../src/vib/index.ts';
import { logInstall, readDatabase } from './boot-disk.ts';
import type { Fault } from './fault.ts';

const BYPASSES = ['force', 'no-sig-check'] as const;
const DEFAULT_BYPASS = 'force';

/** Catalogue entry 2. */
export const VIB_FORCE_TRACE: Fault = {
  id: 'vib-force-trace',
  title: 'Package installed with the checks switched off: only the installer’s log tells',
  about:
    'A package of the image was once more installed with --force or --no-sig-check. It is a good one, so the boot disk is the ' +
    'same as before; the installer wrote into esxupdate.log what it was told not to check.',
  shows:
    'No measurement differs. Where the installer’s log is part of the evidence (esxupdate.log) it has the line; a log without ' +
    'such a line proves nothing, since nothing protects it.',
  parameter: { name: 'option', about: `the option used: ${BYPASSES.join(' or ')}`, default: DEFAULT_BYPASS },
  expect: { verdict: 'UNTRUSTED', finding: 'INSTALL_CHECKS_BYPASSED' },
  patchImage: (image, parameter, time) => {
    const option = BYPASSES.find((each) => each === (parameter ?? DEFAULT_BYPASS));
    if (option === undefined) {
      throw new InputError(
        `fault vib-force-trace: ${JSON.stringify(parameter)} is no option; there are ${BYPASSES.join(' and ')}`,
      );
    }
    const { vibs } = readDatabase(image, 'vib-force-trace');
    const vib = vibs.findLast(({ descriptor }) => descriptor.name !== 'esx-base');
    logInstall(image, time, vib && vibId(vib.descriptor), option);
  },
};

import { utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { withDirectories } from '../../src/esxboot/archive-tree.ts';
import { gzip, writeVmtar } from '../../src/vib/index.ts';
import { findFile } from '../image.ts';
import { addModule, checkName } from './boot-disk.ts';
import type { Fault } from './fault.ts';

const DEFAULT_FILE = 'extra.v00';

/** Catalogue entry 4. */
export const VIB_UNLISTED_TARDISK: Fault = {
  id: 'vib-unlisted-tardisk',
  title: 'Module archive that no installed VIB owns',
  about: 'An archive is put into the boot bank and into boot.cfg; the image database does not know it.',
  shows:
    'A further component event with empty VIB fields; the log is not reliable. With Secure Boot on the boot stops and names ' +
    'the unrecognized tardisk.',
  parameter: { name: 'file', about: 'file name in the boot bank', default: DEFAULT_FILE },
  expect: { verdict: 'UNTRUSTED', finding: 'COMPONENT_UNEXPECTED' },
  patchImage: (image, parameter) => {
    const file = checkName('vib-unlisted-tardisk', 'file name', parameter ?? DEFAULT_FILE).toLowerCase();
    if (findFile(image.bootbank, file) !== undefined) {
      throw new InputError(`fault vib-unlisted-tardisk: ${file} is in the boot bank already`);
    }
    const script = '#!/bin/sh\n# stands for foreign code; does nothing\nexit 0\n';
    const files = withDirectories([{ name: 'usr/lib/vmware/extra/agent', mode: 0o755, data: utf8(script) }]);
    addModule(image, 'vib-unlisted-tardisk', file, gzip(writeVmtar(files)));
  },
};

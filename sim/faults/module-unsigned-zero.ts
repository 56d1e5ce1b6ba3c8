import { InputError } from '../../src/bytes/errors.ts';
import { parseTrailer, stripTrailer } from '../../src/esxboot/index.ts';
import { gzip, isGzip } from '../../src/vib/index.ts';
import { unpacked } from '../boot/modules.ts';
import { findFile } from '../image.ts';
import type { Fault } from './fault.ts';

const DEFAULT_MODULE = 'b.b00';

/** Catalogue entry 12. */
export const MODULE_UNSIGNED_ZERO: Fault = {
  id: 'module-unsigned-zero',
  title: 'Module 0 without a signature: the loader takes the whole set for unsigned',
  about:
    'The signature trailer is cut off module 0 (or another module). With Secure Boot on mboot refuses the boot; with it off it ' +
    'only says so and goes on, without measuring any signer.',
  shows:
    'With Secure Boot on the boot does not complete. With it off: another digest of that module and no signer events.',
  parameter: { name: 'module', about: 'file in the boot bank', default: DEFAULT_MODULE },
  expect: { verdict: 'UNTRUSTED', finding: 'BOOT_NOT_COMPLETE' },
  patchImage: (image, parameter) => {
    const name = (parameter ?? DEFAULT_MODULE).toLowerCase();
    const file = findFile(image.bootbank, name);
    if (file === undefined)
      throw new InputError(`fault module-unsigned-zero: no module ${JSON.stringify(name)} in the boot bank`);
    const content = unpacked(file);
    if (!parseTrailer(content).ok) throw new InputError(`fault module-unsigned-zero: ${name} carries no signature`);
    const bare = stripTrailer(content);
    image.bootbank.set(name, isGzip(file) ? gzip(bare) : bare);
  },
};

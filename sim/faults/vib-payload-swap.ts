import { gzipSync } from 'fflate';
import { InputError } from '../../src/bytes/errors.ts';
import { isElf, parseTrailer } from '../../src/esxboot/index.ts';
import { isGzip, readVmtar } from '../../src/vib/index.ts';
import { unpacked } from '../boot/modules.ts';
import { findFile } from '../image.ts';
import type { Fault, MutableImage } from './fault.ts';

/** Driver archive changed where the user names none. */
const DEFAULT_MODULE = 'nvmxnet3.v00';

/** Changes one byte of code, in the middle of the part that is not a signature trailer; an empty module gets one. */
function flipByte(content: Uint8Array, start: number, size: number): Uint8Array {
  if (content.length === 0) return new Uint8Array([1]);
  const out = content.slice();
  const at = start + Math.floor(size / 2);
  out[at] = (out[at] ?? 0) ^ 0x01;
  return out;
}

/** Where to change a module: inside the largest ELF file of an archive, else anywhere in the content. */
function target(content: Uint8Array): { start: number; size: number } {
  const covered = (bytes: Uint8Array): number => {
    const trailer = parseTrailer(bytes);
    return trailer.ok ? trailer.trailer.signedData.length : bytes.length;
  };
  try {
    const files = readVmtar(content).filter((entry) => isElf(entry.data));
    const largest = files.toSorted((a, b) => b.data.length - a.data.length)[0];
    if (largest !== undefined) {
      return { start: largest.data.byteOffset - content.byteOffset, size: covered(largest.data) };
    }
  } catch (error) {
    // Not an archive: a kernel module stands on its own.
    if (!(error instanceof InputError)) throw error;
  }
  return { start: 0, size: covered(content) };
}

function patchImage(image: MutableImage, parameter: string | undefined): void {
  const name = parameter ?? DEFAULT_MODULE;
  const file = findFile(image.bootbank, name);
  if (file === undefined) {
    const known = [...image.bootbank.keys()].filter((n) => /\.[bvt]\d\d$/.test(n)).join(' ');
    throw new InputError(
      `fault vib-payload-swap: no module ${JSON.stringify(name)} in the boot bank; there are ${known}`,
    );
  }
  const content = unpacked(file);
  const { start, size } = target(content);
  const changed = flipByte(content, start, size);
  image.bootbank.set(name.toLowerCase(), isGzip(file) ? gzipSync(changed, { mtime: 0 }) : changed);
}

/** Catalogue entry 3. */
export const VIB_PAYLOAD_SWAP: Fault = {
  id: 'vib-payload-swap',
  title: 'Module file altered in the boot bank after installation',
  about:
    'One byte of code inside a module of the boot bank is changed; descriptor and signature of its VIB stay as installed. ' +
    'An early module (b, k, s, sb, esxupdt …) then fails the bootloader’s signature check: with Secure Boot on the boot is refused.',
  shows: 'The measured digest of that module differs; the descriptor signature still verifies.',
  parameter: { name: 'module', about: 'file in the boot bank, e.g. nvmxnet3.v00 or k.b00', default: DEFAULT_MODULE },
  expect: { verdict: 'UNTRUSTED', finding: 'COMPONENT_DIGEST_MISMATCH' },
  patchImage,
};

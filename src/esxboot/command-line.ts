/** Kernel options and the command line that mboot hands to the kernel (facts: esxi-measured-boot §2.4). */

import { utf8 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';

/** Most bytes of a command line, including its NUL. */
export const COMMAND_LINE_MAX = 4096;
/** Most bytes of the string (name and options) of one other module, including its NUL. */
export const MODULE_STRING_MAX = 256;

/** Where kernel options come from, in the order in which they are joined. */
export interface KernelOptionSources {
  /** `kernelopt` of boot.cfg. */
  readonly kernelopt?: string | undefined;
  /** Non-option words of mboot's own command line, e.g. `bootUUID=…`. */
  readonly loaderArguments?: readonly string[] | undefined;
  /** MAC address (12 hex digits or `aa:bb:…`) of the boot interface where the host booted over the network. */
  readonly bootInterface?: string | undefined;
  /** `nobootif=1`: leave BOOTIF out. */
  readonly noBootif?: boolean | undefined;
  /** What the user left in the option editor (Shift+O): replaces everything before it. */
  readonly edited?: string | undefined;
}

/** All kernel options, joined with single spaces; empty where there are none. */
export function assembleKernelOptions(sources: KernelOptionSources): string {
  if (sources.edited !== undefined) return merge(sources.edited);
  const parts = [sources.kernelopt ?? '', ...(sources.loaderArguments ?? [])];
  const present = /(^|\s)BOOTIF=/.test(parts.join(' '));
  if (sources.bootInterface !== undefined && sources.noBootif !== true && !present) {
    const digits = sources.bootInterface.toLowerCase().replace(/[^0-9a-f]/g, '');
    if (digits.length !== 12) throw new InputError(`boot interface ${sources.bootInterface}: not a MAC address`);
    parts.push(`BOOTIF=01-${digits.match(/../g)?.join('-')}`);
  }
  return merge(parts.join(' '));
}

const merge = (text: string): string => text.split(/\s+/).filter(Boolean).join(' ');

/**
 * The command line: name of module 0, then one space and the options where there are any. Throws InputError where it
 * does not fit in {@link COMMAND_LINE_MAX} bytes with its NUL.
 */
export function commandLine(kernelFile: string, options: string): string {
  const text = options === '' ? kernelFile : `${kernelFile} ${options}`;
  const size = utf8(text).length + 1;
  if (size > COMMAND_LINE_MAX) throw new InputError(`command line of ${size} bytes exceeds ${COMMAND_LINE_MAX}`);
  return text;
}

/** The module that the VMkernel itself is. */
import { isElf } from '../../src/esxboot/index.ts';
import type { BootModule } from '../boot/modules.ts';

/** What is said where there is none. */
export const NO_KERNEL = 'The VMkernel image (k) is missing or not an ELF file';

/** The VMkernel's image among the modules of a boot; undefined where the host halts for want of one. */
export function kernelImage(modules: readonly BootModule[]): BootModule | undefined {
  const kernel = modules.find(({ stem }) => stem === 'k');
  return kernel !== undefined && isElf(kernel.head) ? kernel : undefined;
}

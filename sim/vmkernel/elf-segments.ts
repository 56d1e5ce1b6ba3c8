import { type ElfFile, PF, PT, SHF } from '../../src/esxboot/index.ts';
import type { Permissions, Segment } from './address-space.ts';

const permissionsOf = (write: boolean, execute: boolean): Permissions => (execute ? 'r-x' : write ? 'rw-' : 'r--');

/**
 * The mappings of a relocatable module (a driver): its allocated sections gathered by permission, code first. A section that
 * asks to be writable and executable at once becomes code only: pages are never both.
 */
export function moduleSegments(elf: ElfFile): Segment[] {
  const sizes = new Map<Permissions, number>();
  for (const section of elf.sections) {
    if ((section.flags & SHF.ALLOC) === 0) continue;
    const permissions = permissionsOf((section.flags & SHF.WRITE) !== 0, (section.flags & SHF.EXECINSTR) !== 0);
    sizes.set(permissions, (sizes.get(permissions) ?? 0) + section.size);
  }
  return namedSegments(sizes);
}

/** The mappings of an executable or shared object: its loadable segments gathered by permission. */
export function imageSegments(elf: ElfFile): Segment[] {
  const sizes = new Map<Permissions, number>();
  for (const segment of elf.segments) {
    if (segment.type !== PT.LOAD) continue;
    const permissions = permissionsOf((segment.flags & PF.W) !== 0, (segment.flags & PF.X) !== 0);
    sizes.set(permissions, (sizes.get(permissions) ?? 0) + segment.memSize);
  }
  return namedSegments(sizes);
}

const NAMES: readonly (readonly [Permissions, string])[] = [
  ['r-x', 'text'],
  ['r--', 'rodata'],
  ['rw-', 'data'],
];

function namedSegments(sizes: ReadonlyMap<Permissions, number>): Segment[] {
  return NAMES.flatMap(([permissions, name]) => {
    const size = sizes.get(permissions) ?? 0;
    return size === 0 ? [] : [{ name, size, permissions }];
  });
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Entropy } from '../entropy.ts';
import { AddressSpace, layoutJson, PAGE, type Region, WINDOWS } from './address-space.ts';

const KERNEL = [
  { name: '.text', size: 0x12_3456, permissions: 'r-x' },
  { name: '.rodata', size: 0x4000, permissions: 'r--' },
  { name: '.data', size: 0x8001, permissions: 'rw-' },
] as const;

function build(seed: string | undefined): readonly Region[] {
  const space = new AddressSpace(seed === undefined ? undefined : new Entropy(seed).stream('aslr'));
  space.placeKernel(KERNEL);
  for (let i = 0; i < 20; i++) space.placeModule(`driver${i}`, KERNEL);
  for (let i = 0; i < 8; i++) space.place(`world${i}`, WINDOWS.userImage, KERNEL);
  for (let i = 0; i < 8; i++)
    space.place(`world${i}`, WINDOWS.userStack, [{ name: 'stack', size: 1 << 20, permissions: 'rw-' }]);
  for (let i = 0; i < 8; i++)
    space.place(`heap${i}`, WINDOWS.heap, [{ name: 'heap', size: 1 << 24, permissions: 'rw-' }]);
  return space.regions;
}

describe('AddressSpace', () => {
  it('places everything page-aligned, apart, and never writable and executable', () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const regions = build(seed);
        for (const [i, r] of regions.entries()) {
          expect(r.base % PAGE).toBe(0n);
          expect(r.size % PAGE).toBe(0n);
          expect(r.permissions).toMatch(/^(r--|r-x|rw-)$/);
          const next = regions[i + 1];
          if (next !== undefined) expect(r.base + r.size <= next.base).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('puts the kernel on 2 MiB steps within 1 GiB of its region, all over it', () => {
    const starts = new Set<bigint>();
    for (let seed = 0; seed < 400; seed++) {
      const space = new AddressSpace(new Entropy(seed).stream('aslr'));
      const base = space.placeKernel(KERNEL);
      expect((base - 0x4180_0000_0000n) % 0x20_0000n).toBe(0n);
      expect(base).toBeLessThan(0x4180_4000_0000n);
      starts.add(base);
    }
    // 400 draws from 512 places hit 277 different ones on average (512·(1−(511/512)^400)).
    expect(starts.size).toBeGreaterThan(230);
    expect(starts.size).toBeLessThan(325);
  });

  it('is repeated by its seed, moved by another, and fixed with randomisation off', () => {
    expect(build('a')).toEqual(build('a'));
    expect(build('a')).not.toEqual(build('b'));
    expect(build(undefined)).toEqual(build(undefined));
    expect(layoutJson(build(undefined)).regions.every((r) => r.entropyBits === 0)).toBe(true);
  });
});

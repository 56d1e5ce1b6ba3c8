/**
 * The VMkernel's address space layout randomisation. VMware documents that the kernel, user applications and executable
 * components are placed at random addresses with the CPU's memory protections; the windows, granules and numbers of bits
 * here are our model (docs/assumptions-aslr.md), fitted to the few crash screens published. Addresses are never measured.
 */
import { InputError } from '../../src/bytes/errors.ts';
import type { RandomStream } from '../entropy.ts';

/** Page permissions; a page is never writable and executable at once, so no such value exists. */
export type Permissions = 'r--' | 'r-x' | 'rw-';

/** A placed range of addresses. */
export interface Region {
  readonly name: string;
  /** Module, user world or subsystem the region belongs to. */
  readonly owner: string;
  readonly base: bigint;
  /** Bytes, a multiple of the page size. */
  readonly size: bigint;
  readonly permissions: Permissions;
  /** log2 of the number of places this region could have had. */
  readonly entropyBits: number;
}

/** Size of a page. */
export const PAGE = 0x1000n;

const GiB = 1n << 30n;
const TiB = 1n << 40n;

/** Where a kind of region may lie. */
interface Window {
  /** Lowest address. */
  readonly base: bigint;
  /** Distance of neighbouring places. */
  readonly granule: bigint;
  /** Number of places, before the size of what is placed is taken off. */
  readonly slots: bigint;
}

/** The windows of the model. None overlaps another. */
export const WINDOWS = {
  /** VMkernel image: 2 MiB steps in 1 GiB above 0x418000000000 (seen in crash screens: at most 512 places). */
  kernel: { base: 0x4180_0000_0000n, granule: 2n << 20n, slots: 512n },
  /** Kernel heaps, 1 GiB steps above 0x430000000000 (addresses 0x4300… and 0x4303… seen). */
  heap: { base: 0x4300_0000_0000n, granule: GiB, slots: 1024n },
  /** World stacks, 1 GiB steps above 0x450000000000 (0x451a… seen). */
  stack: { base: 0x4500_0000_0000n, granule: GiB, slots: 1024n },
  /** Position-independent executables of user worlds. */
  userImage: { base: 0x0000_1000_0000n, granule: PAGE, slots: 1n << 28n },
  /** Shared libraries and mappings of user worlds. */
  userLibrary: { base: 0x7000_0000_0000n, granule: PAGE, slots: 1n << 28n },
  /** Stacks of user worlds. */
  userStack: { base: 0x7ff0_0000_0000n, granule: PAGE, slots: 1n << 22n },
} as const satisfies Record<string, Window>;

/** Gap in front of each module in the code window above the kernel: 1 to 1024 pages. */
const MODULE_GAP_PAGES = 1024;

/** One part of an image: its pages share permissions. */
export interface Segment {
  readonly name: string;
  readonly size: number;
  readonly permissions: Permissions;
}

const pages = (bytes: number): bigint => ((BigInt(bytes) + PAGE - 1n) / PAGE) * PAGE;

/** Bits of `slots` equally likely places, rounded to hundredths so that the text form is the same everywhere. */
function bitsOf(slots: bigint): number {
  return Math.round(Math.log2(Number(slots)) * 100) / 100;
}

/** A random multiple in 0 … slots−1 (slots up to 2^28 and more: drawn as 48-bit numbers). */
function draw(random: RandomStream | undefined, slots: bigint): bigint {
  return random === undefined ? 0n : BigInt(random.below(Number(slots)));
}

/** One address space being filled. Every placement is checked against all earlier ones. */
export class AddressSpace {
  readonly #random: RandomStream | undefined;
  readonly #regions: Region[] = [];
  #moduleEnd = 0n;

  /** @param random source of addresses; without it everything lies at the lowest place (randomisation off) */
  constructor(random: RandomStream | undefined) {
    this.#random = random;
  }

  /** All regions by address. */
  get regions(): readonly Region[] {
    return this.#regions.toSorted((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
  }

  #free(base: bigint, size: bigint): boolean {
    return this.#regions.every((r) => base + size <= r.base || r.base + r.size <= base);
  }

  #add(owner: string, segments: readonly Segment[], base: bigint, entropyBits: number): void {
    let at = base;
    for (const segment of segments) {
      const size = pages(segment.size);
      if (size === 0n) continue;
      this.#regions.push({ name: segment.name, owner, base: at, size, permissions: segment.permissions, entropyBits });
      at += size;
    }
  }

  /**
   * Places segments one after the other at a random place of a window, away from everything placed before.
   * @returns the base address
   */
  place(owner: string, window: Window, segments: readonly Segment[]): bigint {
    const size = segments.reduce((sum, s) => sum + pages(s.size), 0n);
    const slots = window.slots - (size === 0n ? 0n : (size - 1n) / window.granule);
    if (slots < 1n) throw new InputError(`address space: ${owner} (${size} bytes) does not fit its window`);
    const entropyBits = this.#random === undefined ? 0 : bitsOf(slots);
    let slot = draw(this.#random, slots);
    for (let tries = 0n; tries < slots; tries++) {
      const base = window.base + slot * window.granule;
      if (this.#free(base, size)) {
        this.#add(owner, segments, base, entropyBits);
        return base;
      }
      slot = this.#random === undefined ? slot + 1n : draw(this.#random, slots);
    }
    throw new InputError(`address space: no room left for ${owner}`);
  }

  /** Places the VMkernel image; modules follow it in the same window. */
  placeKernel(segments: readonly Segment[]): bigint {
    const base = this.place('vmkernel', WINDOWS.kernel, segments);
    this.#moduleEnd = base + segments.reduce((sum, s) => sum + pages(s.size), 0n);
    return base;
  }

  /** Places a module above the kernel and the earlier modules, after a random gap. */
  placeModule(owner: string, segments: readonly Segment[]): bigint {
    const gap = this.#random === undefined ? 1 : 1 + this.#random.below(MODULE_GAP_PAGES);
    const base = this.#moduleEnd + BigInt(gap) * PAGE;
    this.#moduleEnd = base + segments.reduce((sum, s) => sum + pages(s.size), 0n);
    if (this.#moduleEnd > WINDOWS.kernel.base + TiB) throw new InputError('address space: the module area is full');
    this.#add(owner, segments, base, this.#random === undefined ? 0 : bitsOf(BigInt(MODULE_GAP_PAGES)));
    return base;
  }
}

/** A region as `layout.json` holds it (design §6). */
export interface LayoutRegion {
  readonly name: string;
  readonly owner: string;
  readonly base: string;
  readonly size: number;
  readonly permissions: Permissions;
  readonly entropyBits: number;
}

/** The JSON form of a layout. */
export function layoutJson(regions: readonly Region[]): { regions: LayoutRegion[] } {
  return {
    regions: regions.map((r) => ({
      name: r.name,
      owner: r.owner,
      base: `0x${r.base.toString(16)}`,
      size: Number(r.size),
      permissions: r.permissions,
      entropyBits: r.entropyBits,
    })),
  };
}

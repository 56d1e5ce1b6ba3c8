/** What a recipe table says about one sample set. Contents are made by `../content`, packed by `../make.ts`. */
import type { AcceptanceLevel } from '../../src/vib/acceptance.ts';

/** One release. */
export interface ReleaseRecipe {
  /** Folder under vib-samples. */
  readonly folder: string;
  /** `8.0.3`. */
  readonly release: string;
  readonly build: number;
  /** Version of system VIBs, e.g. `8.0.3-0.35.24022510`. */
  readonly systemVersion: string;
  /** Tail of driver versions, e.g. `803.0.0.24022510`. */
  readonly driverTail: string;
  /** Version of the VMkernel API that modules need: `v2_12_0_0`. */
  readonly vmkapi: string;
  /** Whether module 0 asks the bootloader to measure. */
  readonly measuredByBootloader: boolean;
  /** Schema number of attached module signatures. */
  readonly schema: number;
  /** `release-date` of every descriptor. */
  readonly releaseDate: string;
  readonly bootloaderVersion: string;
}

/** One payload of a system VIB. */
export type PayloadRecipe = PayloadContent & {
  /** Further attributes in the descriptor: place in the boot order, name on the boot bank. */
  readonly attributes?: Readonly<Record<string, string>>;
};

/** How a payload is made. */
type PayloadContent =
  | { readonly make: 'boot-loader' | 'kernel' | 'bootloader-archive'; readonly name: string }
  | { readonly make: 'text'; readonly name: string; readonly text: string }
  | { readonly make: 'boot-module'; readonly name: string; readonly size: number }
  | { readonly make: 'microcode'; readonly name: string; readonly vendor: 'intel' | 'amd'; readonly signature: number }
  | {
      readonly make: 'archive';
      readonly name: string;
      readonly files: readonly FileRecipe[];
      /** Whether the whole archive carries a signature trailer. */
      readonly signed?: boolean;
    };

/** A file inside an archive payload. Modules and user worlds are ELF files with a signature trailer of their own. */
export type FileRecipe =
  | { readonly kind: 'module' | 'user-world'; readonly path: string; readonly size: number }
  | { readonly kind: 'text'; readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly kind: 'opaque'; readonly path: string; readonly size: number }
  | { readonly kind: 'vib-roots'; readonly path: string };

/** One VIB with payloads of its own names. */
export interface SystemVibRecipe {
  readonly name: string;
  readonly vendor: string;
  /** Left out: the release's version of system VIBs. */
  readonly version?: string;
  readonly level: AcceptanceLevel;
  readonly summary: string;
  readonly tags?: readonly string[];
  readonly payloads: readonly PayloadRecipe[];
}

/** One native driver: name, own version, size of its code, devices of its map file. */
export interface DriverRecipe {
  readonly name: string;
  /** Without the release's tail: `2.0.0.31-12vmw`. */
  readonly version: string;
  readonly size: number;
  /** `vendor:device` pairs of PCI ids. */
  readonly devices: readonly string[];
  readonly summary: string;
}

/** One sample set. */
export interface SetRecipe {
  readonly release: ReleaseRecipe;
  readonly system: readonly SystemVibRecipe[];
  readonly drivers: readonly DriverRecipe[];
}

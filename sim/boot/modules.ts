/** Boot modules: read from the boot bank and unpacked, as every loader of the chain sees them. */
import { primitives } from '#primitives';
import { InputError } from '../../src/bytes/errors.ts';
import { splitModuleName } from '../../src/esxboot/index.ts';

/** Most bytes of one decompressed module. */
export const MAX_MODULE = 1 << 30;

/** A module in memory. */
export interface BootModule {
  /** Position in the boot order; 0 is the kernel that mboot starts. */
  readonly index: number;
  /** Path as boot.cfg resolves it, e.g. `/b.b00`. */
  readonly path: string;
  /** Base name, e.g. `b.b00`. */
  readonly name: string;
  /** Base name without the extension, e.g. `b`. */
  readonly stem: string;
  readonly extension: string;
  /** Options behind the name in boot.cfg. */
  readonly options: string;
  /** Decompressed content; what is measured. Of large images it may be read again each time. */
  readonly content: Uint8Array;
  /** Whether the file was gzip. */
  readonly compressed: boolean;
}

/** Whether bytes start as a gzip member. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Decompressed bytes that stay in memory: small images whole, of large ones what was used last. */
const CACHE_BYTES = 64 << 20;

/** Contents of the modules of one boot, read again where they did not fit. */
export class ModuleCache {
  readonly #contents = new Map<string, Uint8Array>();
  readonly #limit: number;
  #size = 0;

  constructor(limit = CACHE_BYTES) {
    this.#limit = limit;
  }

  /** The content kept under this key, or what `load` gives; the one asked for last always stays. */
  get(key: string, load: () => Uint8Array): Uint8Array {
    const kept = this.#contents.get(key);
    const content = kept ?? load();
    // Re-inserting makes it the youngest.
    if (kept !== undefined) this.#contents.delete(key);
    else this.#makeRoom(content.length);
    this.#contents.set(key, content);
    return content;
  }

  #makeRoom(size: number): void {
    this.#size += size;
    for (const [key, { length }] of this.#contents) {
      if (this.#size <= this.#limit) return;
      this.#contents.delete(key);
      this.#size -= length;
    }
  }
}

/**
 * Unpacks a file of the boot bank. Throws the decompressor's Error where the gzip data is damaged. `content` of the result
 * is unpacked again from `read` where the cache has let it go; a file that no longer unpacks then is an InputError.
 */
export function openModule(
  index: number,
  path: string,
  options: string,
  read: () => Uint8Array,
  cache: ModuleCache = new ModuleCache(),
): BootModule {
  const { base, stem, extension } = splitModuleName(path);
  let compressed = false;
  const load = (): Uint8Array => {
    const file = read();
    compressed = isGzip(file);
    return compressed ? primitives.gunzip(file, MAX_MODULE) : file;
  };
  const key = `${index} ${path}`;
  cache.get(key, load);
  const again = (): Uint8Array => {
    try {
      return load();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new InputError(`${path}: changed during the boot: ${why}`, { cause: error });
    }
  };
  return {
    index,
    path,
    name: base,
    stem,
    extension,
    options,
    compressed,
    get content() {
      return cache.get(key, again);
    },
  };
}

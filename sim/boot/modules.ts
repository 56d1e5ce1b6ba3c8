/** Boot modules: read from the boot bank and unpacked, as every loader of the chain sees them. */
import { primitives } from '#primitives';
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
  /** Decompressed content; what is measured. */
  readonly content: Uint8Array;
  /** Whether the file was gzip. */
  readonly compressed: boolean;
}

/** Whether bytes start as a gzip member. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Unpacks a file of the boot bank. Throws the decompressor's Error where the gzip data is damaged. */
export function openModule(index: number, path: string, options: string, file: Uint8Array): BootModule {
  const { base, stem, extension } = splitModuleName(path);
  const compressed = isGzip(file);
  const content = compressed ? primitives.gunzip(file, MAX_MODULE) : file;
  return { index, path, name: base, stem, extension, options, content, compressed };
}

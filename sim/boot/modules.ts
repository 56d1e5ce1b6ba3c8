/**
 * Boot modules: read from the boot bank and unpacked, as every loader of the chain sees them. An image may be larger than
 * memory: each module is taken in one pass that finds out what the loaders ask for, and read again for the rest.
 */
import { primitives } from '#primitives';
import { type ByteSource, bytesSource } from '../../src/archive/index.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { type ModuleStream, splitModuleName } from '../../src/esxboot/index.ts';
import {
  type ContentScan,
  isGzip,
  type Passes,
  scanContent,
  type TarEntry,
  UnpackedFile,
} from '../../src/vib/index.ts';

/** Most bytes of one decompressed module. */
export const MAX_MODULE = 1 << 30;

/** Decompressed bytes that stay in memory: of one module, and of all modules of a boot. */
const KEEP_EACH = 512 << 10;
const KEEP_ALL = 8 << 20;

/** What a module is called and where it stands. */
export interface ModuleName {
  /** Position in the boot order; 0 is the kernel that mboot starts. */
  readonly index: number;
  /** Path as boot.cfg resolves it, e.g. `/b.b00`. */
  readonly path: string;
  /** Options behind the name in boot.cfg. */
  readonly options: string;
}

/** A module, unpacked once; its content comes from the boot bank again where it is not small. */
export class BootModule extends UnpackedFile implements ModuleName, ModuleStream {
  readonly index: number;
  readonly path: string;
  readonly options: string;
  /** Base name, e.g. `b.b00`. */
  readonly name: string;
  /** Base name without the extension, e.g. `b`. */
  readonly stem: string;
  readonly extension: string;

  constructor({ index, path, options }: ModuleName, source: ByteSource, scan: ContentScan) {
    super(source, scan, path);
    const { base, stem, extension } = splitModuleName(path);
    this.index = index;
    this.path = path;
    this.options = options;
    this.name = base;
    this.stem = stem;
    this.extension = extension;
  }
}

/** Data of archive entries that wait for their turn, in bytes: bounds what is in memory besides one file. */
const MAX_WAITING = 16 << 20;

/**
 * Gives the data of these entries of an archive, in this order, and keeps none of them. One pass is enough where the
 * data lie in that order; what would have to wait too long comes from another one.
 */
export async function eachFile(
  archive: Passes,
  entries: readonly TarEntry[],
  visit: (entry: TarEntry, data: Uint8Array) => void,
): Promise<void> {
  for (let next = 0; next < entries.length; ) next = await filesOfPass(archive, entries, next, visit);
}

/** Visits entries from `first` on as far as one pass gives them, but at least one; the place of the next is returned. */
async function filesOfPass(
  archive: Passes,
  entries: readonly TarEntry[],
  first: number,
  visit: (entry: TarEntry, data: Uint8Array) => void,
): Promise<number> {
  const waiting = new Map<number, Uint8Array>();
  const complete = new Set<number>();
  let held = 0;
  let next = first;
  const visitComplete = (): void => {
    for (let entry = entries[next]; entry !== undefined; entry = entries[++next]) {
      if (entry.size > 0 && !complete.has(next)) return;
      const data = waiting.get(next) ?? new Uint8Array(0);
      waiting.delete(next);
      held -= data.length;
      visit(entry, data);
    }
  };
  const take = (place: number, entry: TarEntry, chunk: Uint8Array, at: number): void => {
    const [from, to] = [Math.max(entry.dataOffset, at), Math.min(entry.dataOffset + entry.size, at + chunk.length)];
    if (from >= to) return;
    if (from === entry.dataOffset && (place === next || held + entry.size <= MAX_WAITING)) {
      waiting.set(place, new Uint8Array(entry.size));
      held += entry.size;
    }
    waiting.get(place)?.set(chunk.subarray(from - at, to - at), from - entry.dataOffset);
    if (to === entry.dataOffset + entry.size && waiting.has(place)) complete.add(place);
  };
  let at = 0;
  visitComplete();
  await archive.each((chunk) => {
    for (let place = next; place < entries.length; place++) {
      const entry = entries[place];
      if (entry === undefined) break;
      take(place, entry, chunk, at);
      if (complete.has(next)) visitComplete();
    }
    at += chunk.length;
  });
  return next;
}

/** Unpacks a file of the boot bank in memory. */
export const unpacked = (file: Uint8Array): Uint8Array => (isGzip(file) ? primitives.gunzip(file, MAX_MODULE) : file);

/** Modules whose passes run at the same time: decompression has threads of its own, and each pass its buffers. */
const IN_FLIGHT = 3;
/** How far the passes run ahead of the module that is waited for: one large module must not hold up the others. */
const AHEAD = 64;

/** A module that is asked for by name, and where its bytes are. */
export interface ModuleFile extends ModuleName {
  readonly source: ByteSource;
}

/**
 * Reads modules one after the other, while the passes of the next ones already run. Each comes with the digests in `hashes`.
 * Damaged gzip data are the decompressor's Error, thrown when the module's turn has come. Whoever does not take all of them
 * says `stop`.
 */
export class ModuleReader {
  readonly #files: readonly (ModuleFile | undefined)[];
  readonly #hashes: readonly HashName[];
  readonly #started = new Map<number, Promise<BootModule>>();
  #next = 0;
  #end = 0;
  #running = 0;
  #keep = KEEP_ALL;

  /** @param files in boot order; undefined where one is missing and will not be asked for */
  constructor(files: readonly (ModuleFile | undefined)[], hashes: readonly HashName[]) {
    this.#files = files;
    this.#hashes = hashes;
  }

  /** The module at this place of the list. Places are taken in order. */
  async take(place: number): Promise<BootModule> {
    this.#end = Math.min(place + AHEAD, this.#files.length);
    this.#fill();
    const module = this.#started.get(place);
    this.#started.delete(place);
    if (module === undefined) throw new RangeError(`no module ${place}`);
    return module;
  }

  /** Begins no further pass. */
  stop(): void {
    this.#end = 0;
  }

  #fill(): void {
    for (; this.#running < IN_FLIGHT && this.#next < this.#end; this.#next++) {
      const file = this.#files[this.#next];
      if (file !== undefined) this.#started.set(this.#next, this.#begin(file));
    }
  }

  #begin(file: ModuleFile): Promise<BootModule> {
    this.#running++;
    const pass = this.#read(file);
    const ended = (): void => {
      this.#running--;
      this.#fill();
    };
    // An error counts when somebody waits for this module, not before.
    pass.then(ended, ended);
    return pass;
  }

  async #read(file: ModuleFile): Promise<BootModule> {
    const keep = Math.min(KEEP_EACH, this.#keep);
    const scan = await scanContent(file.source, { hashes: this.#hashes, maxBytes: MAX_MODULE, keep });
    this.#keep -= scan.content?.length ?? 0;
    return new BootModule(file, file.source, scan);
  }
}

/** One module from bytes at hand. */
export const readModule = (name: ModuleName, file: Uint8Array, hashes: readonly HashName[] = []): Promise<BootModule> =>
  new ModuleReader([{ ...name, source: bytesSource(file) }], hashes).take(0);

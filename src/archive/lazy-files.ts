/** Files by name whose contents are read when they are asked for, and not kept. */
import { type ByteSource, bytesSource } from './source.ts';

/** A map of files: names at once, bytes each time a value is taken. Order is that of insertion. */
export class LazyFiles implements ReadonlyMap<string, Uint8Array> {
  readonly #sources = new Map<string, ByteSource>();

  constructor(files: Iterable<readonly [string, ByteSource]> = []) {
    for (const [name, source] of files) this.#sources.set(name, source);
  }

  /** A copy of any map of files that may be changed without touching the original; nothing is read. */
  static from(files: ReadonlyMap<string, Uint8Array>): LazyFiles {
    const copy = new LazyFiles();
    for (const name of files.keys()) {
      const source = sourceOf(files, name);
      if (source !== undefined) copy.add(name, source);
    }
    return copy;
  }

  get size(): number {
    return this.#sources.size;
  }

  /** Adds or replaces a file; a file that is replaced keeps its place. */
  add(name: string, source: ByteSource): this {
    this.#sources.set(name, source);
    return this;
  }

  /** {@link add} for bytes at hand. */
  set(name: string, bytes: Uint8Array): this {
    return this.add(name, bytesSource(bytes));
  }

  delete(name: string): boolean {
    return this.#sources.delete(name);
  }

  /** The file as it is read piece by piece; undefined where there is none. */
  source(name: string): ByteSource | undefined {
    return this.#sources.get(name);
  }

  /** Every file as it is read piece by piece. */
  sources(): MapIterator<[string, ByteSource]> {
    return this.#sources.entries();
  }

  get(name: string): Uint8Array | undefined {
    const source = this.#sources.get(name);
    return source?.read(0, source.size);
  }

  has(name: string): boolean {
    return this.#sources.has(name);
  }

  keys(): MapIterator<string> {
    return this.#sources.keys();
  }

  *entries(): MapIterator<[string, Uint8Array]> {
    for (const [name, source] of this.#sources) yield [name, source.read(0, source.size)];
  }

  *values(): MapIterator<Uint8Array> {
    for (const [, bytes] of this.entries()) yield bytes;
  }

  [Symbol.iterator](): MapIterator<[string, Uint8Array]> {
    return this.entries();
  }

  forEach(each: (value: Uint8Array, key: string, map: ReadonlyMap<string, Uint8Array>) => void): void {
    for (const [name, bytes] of this) each(bytes, name, this);
  }
}

/** A file of any map as a source: of lazy files nothing is read yet. Undefined where there is none. */
export function sourceOf(files: ReadonlyMap<string, Uint8Array>, name: string): ByteSource | undefined {
  if (files instanceof LazyFiles) return files.source(name);
  const bytes = files.get(name);
  return bytes === undefined ? undefined : bytesSource(bytes);
}

/** Files by name whose contents are read when they are asked for, and not kept. */

type Reader = () => Uint8Array;

/** A map of files: names at once, bytes each time a value is taken. Order is that of insertion. */
export class LazyFiles implements ReadonlyMap<string, Uint8Array> {
  readonly #readers = new Map<string, Reader>();

  constructor(files: Iterable<readonly [string, Reader]> = []) {
    for (const [name, read] of files) this.#readers.set(name, read);
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Adds or replaces a file; `read` is called each time its bytes are asked for. */
  add(name: string, read: Reader): this {
    this.#readers.set(name, read);
    return this;
  }

  get(name: string): Uint8Array | undefined {
    return this.#readers.get(name)?.();
  }

  has(name: string): boolean {
    return this.#readers.has(name);
  }

  keys(): MapIterator<string> {
    return this.#readers.keys();
  }

  *entries(): MapIterator<[string, Uint8Array]> {
    for (const [name, read] of this.#readers) yield [name, read()];
  }

  *values(): MapIterator<Uint8Array> {
    for (const read of this.#readers.values()) yield read();
  }

  [Symbol.iterator](): MapIterator<[string, Uint8Array]> {
    return this.entries();
  }

  forEach(each: (value: Uint8Array, key: string, map: ReadonlyMap<string, Uint8Array>) => void): void {
    for (const [name, bytes] of this) each(bytes, name, this);
  }
}

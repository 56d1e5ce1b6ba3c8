/** Archives below a second layer of compression, gzip around xz or zstd, as some official images have them (facts: vib-and-modules §3). */
import { Feeder } from '../compress/asking.ts';
import { isXz, xzDecoder } from '../compress/xz.ts';
import { isZstd, zstdDecoder } from '../compress/zstd.ts';
import { ContentWatch, type ScannedArchive } from './content-scan.ts';

/** Content that can be had in order, any number of times. Chunks hold for the time of the call. */
export interface Passes {
  each(onChunk: (chunk: Uint8Array) => void): Promise<void>;
}

/** A second layer by its name. */
export type NestedLayer = 'xz' | 'zstd';

/** The second layer that content has, by its first bytes. */
export const nestedLayer = (head: Uint8Array): NestedLayer | undefined =>
  isXz(head) ? 'xz' : isZstd(head) ? 'zstd' : undefined;

/** The decoder of each second layer. */
export const LAYER_DECODERS = { xz: xzDecoder, zstd: zstdDecoder } as const;

/**
 * The content below a second layer, unpacked again for each pass: no more is in memory than its window, and what `archive` was
 * told to keep.
 */
export class NestedFile implements Passes {
  readonly layer: NestedLayer;
  readonly #outer: Passes;
  readonly #label: string;
  readonly #maxBytes: number;
  #kept: readonly Uint8Array[] | undefined;

  /** @param label what messages call the file; more than `maxBytes` is an error */
  constructor(outer: Passes, layer: NestedLayer, label: string, maxBytes: number) {
    this.layer = layer;
    this.#outer = outer;
    this.#label = label;
    this.#maxBytes = maxBytes;
  }

  /** Damage is a FormatError, a form that is not decoded here an UnsupportedCompression. */
  async each(onChunk: (chunk: Uint8Array) => void): Promise<void> {
    if (this.#kept !== undefined) {
      for (const chunk of this.#kept) onChunk(chunk);
      return;
    }
    const feeder = new Feeder(LAYER_DECODERS[this.layer](this.#label, this.#maxBytes, onChunk));
    await this.#outer.each((chunk) => feeder.push(chunk));
    feeder.end();
  }

  /**
   * The directory of the archive below the layer; undefined where there is none.
   * @param keep content up to this size is kept, which saves decoding it again
   */
  async archive(keep = 0): Promise<ScannedArchive | undefined> {
    const watch = new ContentWatch();
    let kept: Uint8Array[] | undefined = keep > 0 ? [] : undefined;
    await this.each((chunk) => {
      watch.push(chunk);
      if (watch.size > keep) kept = undefined;
      kept?.push(chunk.slice());
    });
    this.#kept = kept;
    return watch.archive();
  }
}

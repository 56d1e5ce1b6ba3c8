/**
 * What a payload holds once it is unpacked, found out in one pass over bytes that come in pieces: size, digests, and the
 * directory where it is an archive. The content itself is kept only where it is small.
 */
import { primitives } from '#primitives';
import { digestsOf } from '../archive/digest.ts';
import { type ByteSource, piecesOf } from '../archive/source.ts';
import { concat } from '../bytes/bytes.ts';
import { FormatError, InputError } from '../bytes/errors.ts';
import { gunzipPieces } from '../crypto/gunzip-now.ts';
import { hash } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';
import { type GunzipLimits, gunzipError, gunzipLimit, isGzip } from './gzip.ts';
import { BLOCK } from './tar-header.ts';
import { type TarEntry, type TarKind, TarScanner, tarKind } from './tar-scan.ts';

/** The directory of an archive, or why there is none that can be read. */
export type ScannedArchive =
  | { readonly kind: TarKind; readonly entries: readonly TarEntry[] }
  | { readonly kind: TarKind; readonly error: FormatError };

/** What is known of an unpacked payload. */
export interface ContentScan {
  /** Whether the file was gzip. */
  readonly compressed: boolean;
  /** Unpacked bytes. */
  readonly size: number;
  /** The first 512 bytes, or all where there are fewer. */
  readonly head: Uint8Array;
  /** Undefined where the content is no tar archive. */
  readonly archive: ScannedArchive | undefined;
  /** All of it, where it was small enough to keep. */
  readonly content: Uint8Array | undefined;
  /** Digest of the content; only those asked for beforehand are known (RangeError). */
  digest(name: HashName): Uint8Array;
}

/** Ranges and digests of content that is unpacked again each time, unless the scan kept it. */
export class UnpackedFile {
  readonly #source: ByteSource;
  readonly #scan: ContentScan;
  readonly #label: string;

  /** @param label what messages call the file */
  constructor(source: ByteSource, scan: ContentScan, label: string) {
    this.#source = source;
    this.#scan = scan;
    this.#label = label;
  }

  /** Whether the file was gzip. */
  get compressed(): boolean {
    return this.#scan.compressed;
  }

  /** Bytes of the unpacked content. */
  get size(): number {
    return this.#scan.size;
  }

  /** Its first 512 bytes, or all where there are fewer. */
  get head(): Uint8Array {
    return this.#scan.head;
  }

  /** The directory where the file is an archive. */
  get archive(): ScannedArchive | undefined {
    return this.#scan.archive;
  }

  /** Digest of the content, of the hashes that were asked for when it was scanned. */
  digest(name: HashName): Uint8Array {
    return this.#scan.digest(name);
  }

  /** Digest of the file as it is stored, in a pass of its own. */
  packedDigest(name: HashName): Uint8Array {
    return digestsOf(this.#source, [name]).get(name) ?? new Uint8Array(0);
  }

  /** The content in order. A file that no longer unpacks, or to another size, is an InputError. */
  async each(onChunk: (chunk: Uint8Array) => void): Promise<void> {
    const { content, size } = this.#scan;
    if (content !== undefined) return onChunk(content);
    const changed = (why: string, cause?: unknown): InputError =>
      new InputError(`${this.#label}: has changed while it was used: ${why}`, { cause });
    let seen = 0;
    try {
      await unpackEach(this.#source, size, (chunk) => {
        seen += chunk.length;
        onChunk(chunk);
      });
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw changed(error instanceof Error ? error.message : String(error), error);
    }
    if (seen !== size) throw changed(`${seen} bytes instead of ${size}`);
  }

  /** Ranges of the content, in the order asked for, from one pass. */
  async ranges(wanted: readonly { readonly offset: number; readonly length: number }[]): Promise<Uint8Array[]> {
    const { content } = this.#scan;
    if (content !== undefined) return wanted.map(({ offset, length }) => content.subarray(offset, offset + length));
    const out = wanted.map(({ length }) => new Uint8Array(length));
    if (wanted.length === 0) return out;
    let at = 0;
    await this.each((chunk) => {
      const end = at + chunk.length;
      for (const [i, { offset, length }] of wanted.entries()) {
        const [from, to] = [Math.max(offset, at), Math.min(offset + length, end)];
        if (from < to) out[i]?.set(chunk.subarray(from - at, to - at), from - offset);
      }
      at = end;
    });
    return out;
  }

  /** A range of the content. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const [bytes = new Uint8Array(0)] = await this.ranges([{ offset, length }]);
    return bytes;
  }

  /** The whole content: only for files that somebody has to map. */
  content(): Promise<Uint8Array> {
    return this.read(0, this.size);
  }

  /** Digest of the first `length` bytes. */
  async digestOf(name: HashName, length: number): Promise<Uint8Array> {
    const { content } = this.#scan;
    if (content !== undefined) return hash(name, content.subarray(0, length));
    const digest = primitives.createHash(name);
    let left = length;
    await this.each((chunk) => {
      if (left > 0) digest.update(chunk.subarray(0, left));
      left -= chunk.length;
    });
    return digest.digest();
  }
}

/** What a scan shall find out. */
export interface ScanOptions {
  readonly hashes: readonly HashName[];
  /** Most unpacked bytes. */
  readonly maxBytes: number;
  /** Content up to this size is kept. */
  readonly keep: number;
}

/** gzip files up to this size are unpacked in one go: a stream costs more than it saves. */
const SMALL = 64 << 10;

/**
 * Unpacks a file: what is no gzip comes as it is. `onChunk` gets the content in order, each chunk only for the time of the
 * call. Damaged data and more than `maxBytes` are an Error of the decompressor. Returns whether the file was gzip.
 */
export async function unpackEach(
  source: ByteSource,
  maxBytes: number,
  onChunk: (chunk: Uint8Array) => void,
): Promise<boolean> {
  const compressed = isGzip(source.read(0, Math.min(2, source.size)));
  if (!compressed) {
    for (const piece of piecesOf(source)) onChunk(piece);
  } else if (source.size <= SMALL) {
    onChunk(primitives.gunzip(source.read(0, source.size), maxBytes));
  } else {
    await primitives.gunzipEach(piecesOf(source), maxBytes, onChunk, announcedSize(source));
  }
  return compressed;
}

/** {@link unpackEach} without waiting: slower, because no thread helps. */
export function unpackNow(source: ByteSource, maxBytes: number, onChunk: (chunk: Uint8Array) => void): void {
  if (isGzip(source.read(0, Math.min(2, source.size)))) {
    gunzipPieces(piecesOf(source), maxBytes, onChunk);
  } else {
    for (const piece of piecesOf(source)) onChunk(piece);
  }
}

/** The size that the gzip trailer tells, modulo 2^32 and never trusted (RFC 1952, 2.3.1: ISIZE). */
function announcedSize(source: ByteSource): number {
  const trailer = source.read(source.size - 4, 4);
  return new DataView(trailer.buffer, trailer.byteOffset).getUint32(0, true);
}

/** Collects the first bytes of a stream. */
class Head {
  bytes: Uint8Array = new Uint8Array(0);

  /** Whether this chunk completed what is collected. */
  push(chunk: Uint8Array): boolean {
    if (this.bytes.length >= BLOCK) return false;
    this.bytes = concat(this.bytes, chunk.subarray(0, BLOCK - this.bytes.length));
    return this.bytes.length >= BLOCK;
  }
}

/** The directory of whatever archive comes along; a damaged one is a value, not an exception. */
class ArchiveWatch {
  #scanner: TarScanner | undefined;
  #error: FormatError | undefined;

  #attempt(run: () => void): void {
    if (this.#error !== undefined) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#error = error;
    }
  }

  begin(head: Uint8Array): void {
    const kind = tarKind(head);
    if (kind === undefined) return;
    this.#scanner = new TarScanner(kind);
    this.push(head);
  }

  push(chunk: Uint8Array): void {
    this.#attempt(() => this.#scanner?.push(chunk));
  }

  end(size: number): ScannedArchive | undefined {
    const scanner = this.#scanner;
    if (scanner === undefined) return undefined;
    this.#attempt(() => void scanner.end(size));
    const { kind, entries } = scanner;
    return this.#error === undefined ? { kind, entries } : { kind, error: this.#error };
  }
}

/** Looks at content that passes by: how long it is, how it begins, and its directory where it is an archive. */
export class ContentWatch {
  readonly #head = new Head();
  readonly #archive = new ArchiveWatch();
  size = 0;

  push(chunk: Uint8Array): void {
    const before = this.#head.bytes.length;
    const complete = this.#head.push(chunk);
    if (complete) this.#archive.begin(this.#head.bytes);
    // What the head took of this chunk the archive has seen.
    this.#archive.push(complete ? chunk.subarray(BLOCK - before) : chunk);
    this.size += chunk.length;
  }

  /** The first 512 bytes, or all where there are fewer. */
  get head(): Uint8Array {
    return this.#head.bytes;
  }

  /** The directory, when all has passed. */
  archive(): ScannedArchive | undefined {
    return this.#archive.end(this.size);
  }
}

/** Takes one pass over a file. Errors are those of {@link unpackEach}. */
export async function scanContent(source: ByteSource, options: ScanOptions): Promise<ContentScan> {
  const hashes = new Map(options.hashes.map((name) => [name, primitives.createHash(name)]));
  const watch = new ContentWatch();
  // What is larger than that before it is unpacked is so afterwards.
  let kept: Uint8Array[] | undefined = source.size > options.keep ? undefined : [];
  const compressed = await unpackEach(source, options.maxBytes, (chunk) => {
    watch.push(chunk);
    if (watch.size > options.keep) kept = undefined;
    kept?.push(chunk.slice());
    for (const each of hashes.values()) each.update(chunk);
  });
  const digests = new Map([...hashes].map(([name, each]) => [name, each.digest()]));
  const content = kept === undefined ? undefined : concat(...kept);
  return {
    compressed,
    size: watch.size,
    head: watch.head,
    archive: watch.archive(),
    content,
    digest: (name) => {
      const known = digests.get(name) ?? (content && hash(name, content));
      if (known === undefined) throw new RangeError(`${name} was not asked for`);
      return known;
    },
  };
}

/**
 * {@link scanContent} of a payload within the limits of decompression: what is wrong is a FormatError that names it.
 * @param keep content up to this size is kept
 */
export async function scanPayload(
  source: ByteSource,
  name: string,
  hashes: readonly HashName[],
  limits: GunzipLimits = {},
  keep = 0,
): Promise<ContentScan> {
  try {
    return await scanContent(source, { hashes, maxBytes: gunzipLimit(source.size, limits), keep });
  } catch (error) {
    throw error instanceof InputError ? error : gunzipError(error, name, source.size, limits);
  }
}

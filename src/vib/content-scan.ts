/**
 * What a payload holds once it is unpacked, found out in one pass over bytes that come in pieces: size, digests, and the
 * directory where it is an archive. The content itself is kept only where it is small.
 */
import { primitives } from '#primitives';
import { type ByteSource, piecesOf } from '../archive/source.ts';
import { concat } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { hash } from '../crypto/hash.ts';
import type { HashName } from '../crypto/primitives.ts';
import { isGzip } from './gzip.ts';
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
    await primitives.gunzipEach(piecesOf(source), maxBytes, onChunk);
  }
  return compressed;
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

/** Takes one pass over a file. Errors are those of {@link unpackEach}. */
export async function scanContent(source: ByteSource, options: ScanOptions): Promise<ContentScan> {
  const hashes = new Map(options.hashes.map((name) => [name, primitives.createHash(name)]));
  const head = new Head();
  const archive = new ArchiveWatch();
  let kept: Uint8Array[] | undefined = [];
  let size = 0;
  const compressed = await unpackEach(source, options.maxBytes, (chunk) => {
    const before = head.bytes.length;
    const complete = head.push(chunk);
    if (complete) archive.begin(head.bytes);
    // What the head took of this chunk the archive has seen.
    archive.push(complete ? chunk.subarray(BLOCK - before) : chunk);
    size += chunk.length;
    if (size > options.keep) kept = undefined;
    kept?.push(chunk.slice());
    for (const each of hashes.values()) each.update(chunk);
  });
  const digests = new Map([...hashes].map(([name, each]) => [name, each.digest()]));
  const content = kept === undefined ? undefined : concat(...kept);
  return {
    compressed,
    size,
    head: head.bytes,
    archive: archive.end(size),
    content,
    digest: (name) => {
      const known = digests.get(name) ?? (content && hash(name, content));
      if (known === undefined) throw new RangeError(`${name} was not asked for`);
      return known;
    },
  };
}

/**
 * FAT12, FAT16 and FAT32 volumes, read only (Microsoft's FAT specification 1.03): as much as an EFI boot image needs. Cluster
 * chains are followed at most as long as the volume has clusters; a directory is entered once.
 */
import { type ByteSource, readRange } from '../archive/source.ts';
import { fromLatin1 } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { ByteReader } from '../bytes/reader.ts';
import { unsafePath } from '../vib/payload.ts';

const STRUCTURE = 'FAT';
const ENTRY = 32;
const MAX_DEPTH = 16;
const MAX_FILES = 20_000;
const MAX_FAT = 64 << 20;
const MAX_FILE = 512 << 20;
const ATTRIBUTE = { volume: 0x08, directory: 0x10, longName: 0x0f } as const;
const DELETED = 0xe5;

const fail = (field: string, problem: string, offset?: number): FormatError =>
  new FormatError({ structure: STRUCTURE, field, offset, problem });

interface Geometry {
  readonly bits: 12 | 16 | 32;
  readonly clusterSize: number;
  readonly clusters: number;
  /** Byte offset of cluster 2. */
  readonly dataAt: number;
  readonly rootAt: number;
  readonly rootSize: number;
  /** First cluster of the root directory (FAT32). */
  readonly rootCluster: number;
  readonly fat: Uint8Array;
}

function readGeometry(source: ByteSource): Geometry {
  const boot = readRange(source, 0, 512, STRUCTURE, 'bootSector');
  if (boot[510] !== 0x55 || boot[511] !== 0xaa) throw fail('bootSector', 'no signature 55 aa', 510);
  const reader = new ByteReader(boot, STRUCTURE, 'little');
  reader.skip('jump', 11);
  const sector = reader.u16('bytesPerSector');
  const perCluster = reader.u8('sectorsPerCluster');
  const reserved = reader.u16('reservedSectors');
  const fats = reader.u8('numberOfFats');
  const rootEntries = reader.u16('rootEntries');
  const sectors16 = reader.u16('totalSectors16');
  reader.skip('media', 1);
  const fatSectors16 = reader.u16('fatSectors16');
  reader.skip('geometry', 8);
  const sectors = sectors16 || reader.u32('totalSectors32');
  const fatSectors = fatSectors16 || new DataView(boot.buffer, boot.byteOffset).getUint32(36, true);
  const rootCluster = new DataView(boot.buffer, boot.byteOffset).getUint32(44, true);
  const powerOfTwo = (n: number): boolean => n > 0 && (n & (n - 1)) === 0;
  if (![512, 1024, 2048, 4096].includes(sector)) throw fail('bytesPerSector', `${sector}; 512 to 4096`, 11);
  if (!powerOfTwo(perCluster)) throw fail('sectorsPerCluster', `${perCluster} is no power of two`, 13);
  if (reserved === 0 || fats === 0 || fatSectors === 0)
    throw fail('bootSector', 'reserved sectors, FATs or their size are 0');
  const rootAt = (reserved + fats * fatSectors) * sector;
  const rootSize = Math.ceil((rootEntries * ENTRY) / sector) * sector;
  const dataAt = rootAt + rootSize;
  const clusters = Math.floor((sectors - dataAt / sector) / perCluster);
  if (clusters < 1) throw fail('totalSectors', `${sectors} sectors leave no room for files`);
  const fatSize = fatSectors * sector;
  if (fatSize > MAX_FAT) throw fail('fatSectors', `FAT of ${fatSize} bytes, the limit is ${MAX_FAT}`);
  const fat = readRange(source, reserved * sector, fatSize, STRUCTURE, 'fat');
  const bits = clusters < 4085 ? 12 : clusters < 65525 ? 16 : 32;
  return { bits, clusterSize: perCluster * sector, clusters, dataAt, rootAt, rootSize, rootCluster, fat };
}

/** A file of the volume. */
interface FatFile {
  readonly cluster: number;
  readonly size: number;
}

/** A FAT volume, opened. */
export class FatVolume {
  readonly #source: ByteSource;
  readonly #geometry: Geometry;
  readonly #files = new Map<string, FatFile>();
  readonly #seen = new Set<number>();

  constructor(source: ByteSource) {
    this.#source = source;
    this.#geometry = readGeometry(source);
    const { bits, rootAt, rootSize, rootCluster } = this.#geometry;
    const root =
      bits === 32 ? this.#chain(rootCluster, undefined, '/') : readRange(source, rootAt, rootSize, STRUCTURE, '/');
    this.#walk(root, '', 0);
  }

  /** Paths of all files with forward slashes. */
  get paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** The bytes of a file. */
  read(path: string): Uint8Array {
    const file = this.#files.get(path);
    if (file === undefined) throw fail(path, 'no such file in the volume');
    if (file.size > MAX_FILE) throw fail(path, `${file.size} bytes, the limit is ${MAX_FILE}`);
    return file.size === 0 ? new Uint8Array(0) : this.#chain(file.cluster, file.size, path);
  }

  /** The cluster after this one; undefined at the end of the chain. */
  #next(cluster: number, path: string): number | undefined {
    const { bits, fat } = this.#geometry;
    const at = bits === 12 ? cluster + (cluster >> 1) : (cluster * bits) / 8;
    const byte = (i: number): number => fat[at + i] ?? 0;
    if (at + bits / 8 > fat.length) throw fail(path, `cluster ${cluster} is not in the FAT`);
    const pair = byte(0) | (byte(1) << 8);
    const value =
      bits === 12
        ? cluster % 2 === 0
          ? pair & 0xfff
          : pair >> 4
        : bits === 16
          ? pair
          : pair + (byte(2) << 16) + (byte(3) & 0x0f) * 2 ** 24;
    const end = bits === 12 ? 0xff8 : bits === 16 ? 0xfff8 : 0x0ffffff8;
    return value >= end ? undefined : value;
  }

  /** Data of a chain: `size` bytes, or all of a directory where the size is not known. */
  #chain(first: number, size: number | undefined, path: string): Uint8Array {
    const { clusterSize, clusters, dataAt } = this.#geometry;
    const parts: Uint8Array[] = [];
    const wanted = size === undefined ? clusters : Math.ceil(size / clusterSize);
    if (wanted > clusters) throw fail(path, `${size} bytes are more than the volume holds`);
    for (let cluster: number | undefined = first; cluster !== undefined; cluster = this.#next(cluster, path)) {
      if (cluster < 2 || cluster >= clusters + 2) throw fail(path, `cluster ${cluster} of ${clusters}`);
      parts.push(readRange(this.#source, dataAt + (cluster - 2) * clusterSize, clusterSize, STRUCTURE, path));
      if (parts.length === wanted) break;
    }
    if (size !== undefined && parts.length < wanted)
      throw fail(path, `the cluster chain is shorter than ${size} bytes`);
    const out = new Uint8Array(parts.length * clusterSize);
    parts.forEach((part, i) => {
      out.set(part, i * clusterSize);
    });
    return size === undefined ? out : out.subarray(0, size);
  }

  #walk(directory: Uint8Array, path: string, depth: number): void {
    if (depth > MAX_DEPTH) throw fail(path, `directories nested deeper than ${MAX_DEPTH}`);
    let long = '';
    for (let at = 0; at + ENTRY <= directory.length; at += ENTRY) {
      const entry = directory.subarray(at, at + ENTRY);
      if (entry[0] === 0) break;
      if (entry[0] === DELETED) continue;
      const attributes = entry[11] ?? 0;
      if ((attributes & 0x3f) === ATTRIBUTE.longName) {
        long = ((entry[0] ?? 0) & 0x40) !== 0 ? longPart(entry) : longPart(entry) + long;
        continue;
      }
      const name = long === '' ? shortName(entry) : long;
      long = '';
      if ((attributes & ATTRIBUTE.volume) !== 0 || name === '.' || name === '..') continue;
      this.#entry(entry, path === '' ? name : `${path}/${name}`, depth);
    }
  }

  #entry(entry: Uint8Array, path: string, depth: number): void {
    const unsafe = unsafePath(path);
    if (unsafe !== undefined) throw fail('directory.name', `${JSON.stringify(path.slice(0, 80))} ${unsafe}`);
    const view = new DataView(entry.buffer, entry.byteOffset, ENTRY);
    const high = this.#geometry.bits === 32 ? view.getUint16(20, true) : 0;
    const cluster = high * 0x10000 + view.getUint16(26, true);
    if (((entry[11] ?? 0) & ATTRIBUTE.directory) === 0) {
      if (this.#files.size >= MAX_FILES) throw fail(path, `more than ${MAX_FILES} files`);
      this.#files.set(path, { cluster, size: view.getUint32(28, true) });
      return;
    }
    if (this.#seen.has(cluster)) throw fail(path, 'directory appears twice in the tree (a cycle)');
    this.#seen.add(cluster);
    this.#walk(this.#chain(cluster, undefined, path), path, depth + 1);
  }
}

/** Thirteen characters of a long name entry, up to the terminator. */
function longPart(entry: Uint8Array): string {
  let out = '';
  for (const [from, to] of [
    [1, 11],
    [14, 26],
    [28, 32],
  ] as const) {
    for (let at = from; at < to; at += 2) {
      const code = (entry[at] ?? 0) | ((entry[at + 1] ?? 0) << 8);
      if (code === 0) return out;
      if (code !== 0xffff) out += String.fromCharCode(code);
    }
  }
  return out;
}

function shortName(entry: Uint8Array): string {
  const stem = fromLatin1(entry.subarray(0, 8)).trimEnd();
  const extension = fromLatin1(entry.subarray(8, 11)).trimEnd();
  return extension === '' ? stem : `${stem}.${extension}`;
}

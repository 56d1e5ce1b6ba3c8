/**
 * Writing a FAT16 volume (Microsoft's FAT specification 1.03) with short names: as much as an EFI boot image needs. The same
 * files give the same bytes.
 */
import { latin1 } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';

const SECTOR = 512;
const ENTRY = 32;
const ROOT_ENTRIES = 512;
/** FAT16 is what has at least 4085 and less than 65 525 clusters (specification, 3.5). */
const MIN_CLUSTERS = 4085;
const MAX_CLUSTERS = 65_524;
const MEDIA = 0xf8;
const END_OF_CHAIN = 0xffff;
const ATTRIBUTE = { directory: 0x10, archive: 0x20 } as const;
/** 1980-01-01, the earliest date there is. */
const EARLIEST_DATE = (1 << 5) | 1;

interface Node {
  readonly name: Uint8Array;
  /** Children of a directory; undefined for a file. */
  readonly children: Node[] | undefined;
  readonly data: Uint8Array;
  cluster: number;
}

/** The eleven bytes of a short name. */
function shortName(name: string): Uint8Array {
  const found = /^([A-Z0-9_$~-]{1,8})(?:\.([A-Z0-9_$~-]{1,3}))?$/.exec(name.toUpperCase());
  if (found === null) throw new InputError(`FAT: ${JSON.stringify(name)} is no name of 8 and 3 characters`);
  return latin1((found[1] ?? '').padEnd(8) + (found[2] ?? '').padEnd(3));
}

function tree(files: Iterable<readonly [string, Uint8Array]>): Node {
  const root: Node = { name: latin1(''), children: [], data: new Uint8Array(0), cluster: 0 };
  for (const [path, data] of files) {
    const parts = path.split('/');
    let folder = root;
    for (const [i, part] of parts.entries()) {
      const name = shortName(part);
      const last = i === parts.length - 1;
      const siblings: Node[] = folder.children ?? [];
      let node = siblings.find((each) => each.name.every((byte, k) => byte === name[k]));
      if (node !== undefined && (last || node.children === undefined))
        throw new InputError(`FAT: ${path} appears twice`);
      if (node === undefined) {
        node = { name, children: last ? undefined : [], data: last ? data : new Uint8Array(0), cluster: 0 };
        siblings.push(node);
      }
      folder = node;
    }
  }
  return root;
}

function* descendants(node: Node): Generator<Node> {
  for (const child of node.children ?? []) {
    yield child;
    yield* descendants(child);
  }
}

/** Bytes of a node on the volume; a directory has the entries `.` and `..` besides its children. */
const sizeOf = ({ children, data }: Node): number =>
  children === undefined ? data.length : (children.length + 2) * ENTRY;

function entry(name: Uint8Array, { children, cluster, data }: Node): Uint8Array {
  const out = new Uint8Array(ENTRY);
  const view = new DataView(out.buffer);
  out.set(name);
  out[11] = children === undefined ? ATTRIBUTE.archive : ATTRIBUTE.directory;
  view.setUint16(16, EARLIEST_DATE, true);
  view.setUint16(18, EARLIEST_DATE, true);
  view.setUint16(24, EARLIEST_DATE, true);
  view.setUint16(26, cluster, true);
  view.setUint32(28, children === undefined ? data.length : 0, true);
  return out;
}

function bootSector(sectorsPerCluster: number, fatSectors: number, sectors: number): Uint8Array {
  const out = new Uint8Array(SECTOR);
  const view = new DataView(out.buffer);
  out.set([0xeb, 0x3c, 0x90]);
  out.set(latin1('MSWIN4.1'), 3);
  view.setUint16(11, SECTOR, true);
  out[13] = sectorsPerCluster;
  view.setUint16(14, 1, true);
  out[16] = 2;
  view.setUint16(17, ROOT_ENTRIES, true);
  view.setUint16(19, sectors < 0x10000 ? sectors : 0, true);
  out[21] = MEDIA;
  view.setUint16(22, fatSectors, true);
  view.setUint16(24, 63, true);
  view.setUint16(26, 255, true);
  view.setUint32(32, sectors < 0x10000 ? 0 : sectors, true);
  out[36] = 0x80;
  out[38] = 0x29;
  out.set(latin1('EFIBOOT    FAT16   '), 43);
  out.set([0x55, 0xaa], 510);
  return out;
}

/** The volume. Names that do not fit 8 and 3 characters, and more than FAT16 holds, are an InputError. */
export function writeFat(files: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const root = tree(files);
  const nodes = [...descendants(root)];
  if ((root.children?.length ?? 0) > ROOT_ENTRIES) throw new InputError('FAT: too many files in the root');
  let perCluster = 1;
  const needed = (size: number): number =>
    nodes.reduce((sum, node) => sum + Math.ceil(sizeOf(node) / (size * SECTOR)), 0);
  while (needed(perCluster) > MAX_CLUSTERS && perCluster < 128) perCluster *= 2;
  const clusters = Math.max(needed(perCluster), MIN_CLUSTERS);
  if (clusters > MAX_CLUSTERS) throw new InputError('FAT: the files are larger than a FAT16 volume');
  const fatSectors = Math.ceil(((clusters + 2) * 2) / SECTOR);
  const dataAt = (1 + 2 * fatSectors + (ROOT_ENTRIES * ENTRY) / SECTOR) * SECTOR;
  const clusterSize = perCluster * SECTOR;
  const out = new Uint8Array(dataAt + clusters * clusterSize);
  const fat = new DataView(new ArrayBuffer(fatSectors * SECTOR));
  fat.setUint16(0, 0xff00 | MEDIA, true);
  fat.setUint16(2, END_OF_CHAIN, true);
  let next = 2;
  for (const node of nodes) {
    const count = Math.ceil(sizeOf(node) / clusterSize);
    if (count === 0) continue;
    node.cluster = next;
    for (let i = 0; i < count; i++, next++) fat.setUint16(next * 2, i === count - 1 ? END_OF_CHAIN : next + 1, true);
  }
  const place = ({ cluster }: Node): number => dataAt + (cluster - 2) * clusterSize;
  const list = (folder: Node, at: number): void => {
    for (const [i, child] of (folder.children ?? []).entries()) {
      out.set(entry(child.name, child), at + i * ENTRY);
      if (child.children === undefined) {
        if (child.data.length > 0) out.set(child.data, place(child));
        continue;
      }
      out.set(entry(latin1('.          '), child), place(child));
      out.set(entry(latin1('..         '), folder), place(child) + ENTRY);
      list(child, place(child) + 2 * ENTRY);
    }
  };
  out.set(bootSector(perCluster, fatSectors, out.length / SECTOR));
  const table = new Uint8Array(fat.buffer);
  out.set(table, SECTOR);
  out.set(table, SECTOR + table.length);
  list(root, SECTOR + 2 * table.length);
  return out;
}

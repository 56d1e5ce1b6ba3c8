/**
 * EFI_DEVICE_PATH_PROTOCOL (UEFI 2.10, chapter 10): the nodes that boot options and image load events of a host need.
 * One table row per node type holds reader, writer and text; other nodes stay as bytes. Integers little-endian.
 */
import { concat, fromUtf16le, toHex, utf16le } from '../bytes/bytes.ts';
import { ByteReader } from '../bytes/reader.ts';
import { ByteWriter } from '../bytes/writer.ts';
import { GUID_SIZE, guidText } from './guid.ts';

/** Largest device path and most nodes read. */
export const DEVICE_PATH_MAX = 1 << 16;
const MAX_NODES = 256;
const HEADER_SIZE = 4;
const END = { type: 0x7f, subtype: 0xff } as const;

/** One node. */
export type DevicePathNode =
  | { readonly kind: 'acpi'; readonly hid: number; readonly uid: number }
  | { readonly kind: 'pci'; readonly device: number; readonly function: number }
  | { readonly kind: 'sata'; readonly port: number; readonly multiplier: number; readonly lun: number }
  | { readonly kind: 'nvme'; readonly namespace: number; readonly eui64: bigint }
  | { readonly kind: 'mac'; readonly address: Uint8Array; readonly interfaceType: number }
  | {
      readonly kind: 'hard-drive';
      readonly partition: number;
      /** In blocks. */
      readonly start: bigint;
      readonly size: bigint;
      /** Partition GUID (GPT). */
      readonly signature: Uint8Array;
      readonly format: 'mbr' | 'gpt';
    }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'firmware-file'; readonly guid: Uint8Array }
  | { readonly kind: 'firmware-volume'; readonly guid: Uint8Array }
  | { readonly kind: 'memory'; readonly memoryType: number; readonly start: bigint; readonly end: bigint }
  | { readonly kind: 'other'; readonly type: number; readonly subtype: number; readonly data: Uint8Array };

type Kind = DevicePathNode['kind'];
type NodeOf<K extends Kind> = Extract<DevicePathNode, { kind: K }>;

interface Row<N extends DevicePathNode> {
  readonly type: number;
  readonly subtype: number;
  readonly read: (r: ByteReader) => N;
  readonly write: (w: ByteWriter, node: N) => void;
  readonly text: (node: N) => string;
}

const hex = (value: number | bigint): string => `0x${value.toString(16).toUpperCase()}`;
const HARD_DRIVE_FORMAT = { mbr: 1, gpt: 2 } as const;

/** EISA-compressed `PNP0A03`: the PCI root bridge. */
export const PCI_ROOT_HID = 0x0a0341d0;

const ROWS: { readonly [K in Exclude<Kind, 'other'>]: Row<NodeOf<K>> } = {
  acpi: {
    type: 2,
    subtype: 1,
    read: (r) => ({ kind: 'acpi', hid: r.u32('HID'), uid: r.u32('UID') }),
    write: (w, n) => w.u32(n.hid).u32(n.uid),
    text: (n) => (n.hid === PCI_ROOT_HID ? `PciRoot(${hex(n.uid)})` : `Acpi(${hex(n.hid)},${hex(n.uid)})`),
  },
  pci: {
    type: 1,
    subtype: 1,
    read: (r) => {
      const fn = r.u8('Function');
      return { kind: 'pci', function: fn, device: r.u8('Device') };
    },
    write: (w, n) => w.u8(n.function).u8(n.device),
    text: (n) => `Pci(${hex(n.device)},${hex(n.function)})`,
  },
  sata: {
    type: 3,
    subtype: 18,
    read: (r) => ({
      kind: 'sata',
      port: r.u16('HBAPortNumber'),
      multiplier: r.u16('PortMultiplierPortNumber'),
      lun: r.u16('LUN'),
    }),
    write: (w, n) => w.u16(n.port).u16(n.multiplier).u16(n.lun),
    text: (n) => `Sata(${hex(n.port)},${hex(n.multiplier)},${hex(n.lun)})`,
  },
  nvme: {
    type: 3,
    subtype: 23,
    read: (r) => ({ kind: 'nvme', namespace: r.u32('NamespaceId'), eui64: r.u64('NamespaceUuid') }),
    write: (w, n) => w.u32(n.namespace).u64(n.eui64),
    text: (n) => {
      const pairs = n.eui64.toString(16).toUpperCase().padStart(16, '0').match(/../g) ?? [];
      return `NVMe(${hex(n.namespace)},${pairs.reverse().join('-')})`;
    },
  },
  mac: {
    type: 3,
    subtype: 11,
    read: (r) => ({ kind: 'mac', address: r.bytes('MacAddress', 32), interfaceType: r.u8('IfType') }),
    write: (w, n) => w.bytes(fixed(n.address, 32)).u8(n.interfaceType),
    text: (n) => `MAC(${toHex(n.address.subarray(0, 6)).toUpperCase()},${hex(n.interfaceType)})`,
  },
  'hard-drive': {
    type: 4,
    subtype: 1,
    read: (r) => {
      const partition = r.u32('PartitionNumber');
      const start = r.u64('PartitionStart');
      const size = r.u64('PartitionSize');
      const signature = r.bytes('PartitionSignature', GUID_SIZE);
      const format = r.u8('PartitionFormat') === HARD_DRIVE_FORMAT.mbr ? 'mbr' : 'gpt';
      r.skip('SignatureType', 1);
      return { kind: 'hard-drive', partition, start, size, signature, format };
    },
    write: (w, n) => {
      w.u32(n.partition).u64(n.start).u64(n.size).bytes(fixed(n.signature, GUID_SIZE));
      // SignatureType has the same numbers: 1 = 32-bit MBR signature, 2 = GUID.
      w.u8(HARD_DRIVE_FORMAT[n.format]).u8(HARD_DRIVE_FORMAT[n.format]);
    },
    text: (n) => {
      const id = n.format === 'gpt' ? `GPT,${guidText(n.signature).toUpperCase()}` : `MBR,${hex(n.partition)}`;
      return `HD(${n.partition},${id},${hex(n.start)},${hex(n.size)})`;
    },
  },
  file: {
    type: 4,
    subtype: 4,
    read: (r) => ({ kind: 'file', path: untilNul(fromUtf16le(r.rest())) }),
    write: (w, n) => w.bytes(utf16le(`${n.path}\0`)),
    text: (n) => n.path.replace(/[^\x20-\x7e]/g, '?'),
  },
  'firmware-file': {
    type: 4,
    subtype: 6,
    read: (r) => ({ kind: 'firmware-file', guid: r.bytes('FvFileName', GUID_SIZE) }),
    write: (w, n) => w.bytes(fixed(n.guid, GUID_SIZE)),
    text: (n) => `FvFile(${guidText(n.guid).toUpperCase()})`,
  },
  'firmware-volume': {
    type: 4,
    subtype: 7,
    read: (r) => ({ kind: 'firmware-volume', guid: r.bytes('FvName', GUID_SIZE) }),
    write: (w, n) => w.bytes(fixed(n.guid, GUID_SIZE)),
    text: (n) => `Fv(${guidText(n.guid).toUpperCase()})`,
  },
  memory: {
    type: 1,
    subtype: 3,
    read: (r) => ({
      kind: 'memory',
      memoryType: r.u32('MemoryType'),
      start: r.u64('StartAddress'),
      end: r.u64('EndAddress'),
    }),
    write: (w, n) => w.u32(n.memoryType).u64(n.start).u64(n.end),
    text: (n) => `MemoryMapped(${hex(n.memoryType)},${hex(n.start)},${hex(n.end)})`,
  },
};

function fixed(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(bytes.subarray(0, size));
  return out;
}

const untilNul = (text: string): string => text.split('\0', 1)[0] ?? '';

// The table is indexed by the node's own kind, so row and node always agree; TypeScript cannot follow that across a union.
const rowOf = (kind: Exclude<Kind, 'other'>): Row<DevicePathNode> => ROWS[kind] as unknown as Row<DevicePathNode>;
const ALL_ROWS = (Object.keys(ROWS) as Exclude<Kind, 'other'>[]).map(rowOf);

/** Bytes of a device path with its end node. */
export function buildDevicePath(nodes: readonly DevicePathNode[]): Uint8Array {
  const parts = nodes.map((node) => {
    const body = new ByteWriter('little');
    if (node.kind === 'other') return header(node.type, node.subtype, node.data);
    const row = rowOf(node.kind);
    row.write(body, node);
    return header(row.type, row.subtype, body.finish());
  });
  return concat(...parts, header(END.type, END.subtype, new Uint8Array(0)));
}

function header(type: number, subtype: number, data: Uint8Array): Uint8Array {
  return new ByteWriter('little')
    .u8(type)
    .u8(subtype)
    .u16(HEADER_SIZE + data.length)
    .bytes(data)
    .finish();
}

/** Reads a device path up to its end node; bytes after that are refused. Throws FormatError. */
export function parseDevicePath(bytes: Uint8Array): DevicePathNode[] {
  const r = new ByteReader(bytes, 'EFI_DEVICE_PATH_PROTOCOL', 'little');
  if (bytes.length > DEVICE_PATH_MAX) throw r.error('', `longer than ${DEVICE_PATH_MAX} bytes`);
  const nodes: DevicePathNode[] = [];
  for (;;) {
    const at = r.offset;
    const type = r.u8('Type');
    const subtype = r.u8('SubType');
    const length = r.u16('Length');
    if (length < HEADER_SIZE) throw r.error('Length', `${length} is less than ${HEADER_SIZE}`, at + 2);
    const body = r.sub('Data', length - HEADER_SIZE);
    if (type === END.type && subtype === END.subtype) break;
    if (nodes.length >= MAX_NODES) throw r.error('', `more than ${MAX_NODES} nodes`, at);
    nodes.push(readNode(type, subtype, body));
  }
  r.end();
  return nodes;
}

function readNode(type: number, subtype: number, body: ByteReader): DevicePathNode {
  const row = ALL_ROWS.find((candidate) => candidate.type === type && candidate.subtype === subtype);
  if (row === undefined) return { kind: 'other', type, subtype, data: body.rest() };
  const node = row.read(body);
  body.end();
  return node;
}

/** Text form (UEFI 2.10, 10.6.1.6): nodes joined with `/`. */
export function devicePathText(nodes: readonly DevicePathNode[]): string {
  return nodes
    .map((node) =>
      node.kind === 'other'
        ? `Path(${node.type},${node.subtype},${toHex(node.data).toUpperCase()})`
        : rowOf(node.kind).text(node),
    )
    .join('/');
}

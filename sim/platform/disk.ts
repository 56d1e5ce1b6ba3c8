/** The boot disk's partition table and device paths. Identifiers follow from the boot bank UUID of the spec, so PCR 5 does too. */
import {
  buildDevicePath,
  type DevicePathNode,
  type Gpt,
  PARTITION_TYPE,
  type Partition,
  PCI_ROOT_HID,
} from '../../src/uefi/index.ts';
import { Entropy } from '../entropy.ts';
import type { HostSpec } from '../spec/schema.ts';

const BLOCK = 512n;
const MIB = (1n << 20n) / BLOCK;

/** Partitions of an ESXi 7+ system disk: name, type, size in MiB. */
const LAYOUT = [
  { name: 'BOOT', type: PARTITION_TYPE.efiSystem, mib: 100n },
  { name: 'BOOTBANK1', type: PARTITION_TYPE.basicData, mib: 4095n },
  { name: 'BOOTBANK2', type: PARTITION_TYPE.basicData, mib: 4095n },
  { name: 'OSDATA', type: PARTITION_TYPE.vmfs, mib: 122_880n },
] as const;

/** The partition table of a host's boot disk. */
export function bootDisk(spec: HostSpec): Gpt {
  const ids = new Entropy(`disk ${spec.boot.bootUuid}`).stream('ids');
  let next = MIB;
  const partitions: Partition[] = LAYOUT.map(({ name, type, mib }) => {
    const first = next;
    next += mib * MIB;
    return { type, id: ids.bytes(16), first, last: next - 1n, name };
  });
  return { diskId: ids.bytes(16), blocks: next + MIB, partitions };
}

const CONTROLLER: readonly DevicePathNode[] = [
  { kind: 'acpi', hid: PCI_ROOT_HID, uid: 0 },
  { kind: 'pci', device: 0x17, function: 0 },
  { kind: 'sata', port: 0, multiplier: 0xffff, lun: 0 },
];

/** Device path of a file on the system partition, as load option and image load event hold it. */
export function filePath(disk: Gpt, path: string): Uint8Array {
  return buildDevicePath(filePathNodes(disk, path));
}

/** Nodes of {@link filePath}. */
export function filePathNodes(disk: Gpt, path: string): DevicePathNode[] {
  const [system] = disk.partitions;
  const file: DevicePathNode = { kind: 'file', path: `\\${path.replaceAll('/', '\\')}` };
  if (system === undefined) return [...CONTROLLER, file];
  const start = system.first;
  const size = system.last - system.first + 1n;
  return [...CONTROLLER, { kind: 'hard-drive', partition: 1, start, size, signature: system.id, format: 'gpt' }, file];
}

/** Device path of the driver in an add-in card's option ROM. */
export function optionRomPath(slot: number): Uint8Array {
  return buildDevicePath([
    { kind: 'acpi', hid: PCI_ROOT_HID, uid: 0 },
    { kind: 'pci', device: 0x1c + slot, function: 0 },
  ]);
}

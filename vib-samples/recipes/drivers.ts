/**
 * Native drivers of the sample sets. Names and PCI ids are those of real devices; code is filling. Version numbers only
 * have the form of real ones.
 */
import type { DriverRecipe } from './recipe.ts';

type Row = readonly [
  name: string,
  version80: string,
  version67: string,
  size: number,
  summary: string,
  ...ids: string[],
];

const ROWS: readonly Row[] = [
  [
    'bnxtnet',
    '226.0.145.4-3vmw',
    '20.6.101.7-11vmw',
    9000,
    'Broadcom NetXtreme-E network driver',
    '14e4:16d7',
    '14e4:16d8',
  ],
  ['i40en', '1.11.3.5-2vmw', '1.3.1-22vmw', 12000, 'Intel 10/25/40 GbE network driver', '8086:1572', '8086:158b'],
  ['ixgben', '1.18.2.0-1vmw', '1.4.1-16vmw', 9000, 'Intel 10 GbE network driver', '8086:10fb', '8086:1528'],
  ['lpfc', '14.4.0.39-35vmw', '11.4.33.3-11vmw', 14000, 'Emulex fibre channel driver', '10df:e200', '10df:f400'],
  ['lsi-mr3', '7.728.02.00-1vmw', '7.702.13.00-5vmw', 10000, 'Avago MegaRAID driver', '1000:005d', '1000:0016'],
  ['lsi-msgpt2', '20.00.06.00-5vmw', '20.00.04.00-5vmw', 8000, 'Avago SAS 2 HBA driver', '1000:0087'],
  ['lsi-msgpt3', '17.00.13.00-5vmw', '16.00.01.00-3vmw', 8000, 'Avago SAS 3 HBA driver', '1000:0097'],
  ['lsi-msgpt35', '28.00.00.00-1vmw', '03.00.01.00-12vmw', 8000, 'Avago SAS 3.5 HBA driver', '1000:00ac'],
  ['ne1000', '0.9.0-2vmw', '0.8.4-2vmw', 7000, 'Intel 1 GbE network driver', '8086:10d3', '8086:153a'],
  [
    'nmlx5-core',
    '4.23.0.66-2vmw',
    '4.17.13.1-1vmw',
    15000,
    'Mellanox ConnectX-4/5 core driver',
    '15b3:1013',
    '15b3:1017',
  ],
  ['nvme-pcie', '1.2.4.15-1vmw', '1.2.2.17-1vmw', 8000, 'NVMe PCIe storage driver', '8086:0953', '144d:a808'],
  ['nvmxnet3', '2.0.0.31-12vmw', '2.0.0.29-1vmw', 6000, 'VMware vmxnet3 network driver', '15ad:07b0'],
  ['nvmxnet3-ens', '2.0.0.23-12vmw', '2.0.0.21-1vmw', 5000, 'VMware vmxnet3 ENS network driver', '15ad:07b0'],
  ['pvscsi', '0.1-7vmw', '0.1-2vmw', 5000, 'VMware paravirtual SCSI driver', '15ad:07c0'],
  [
    'qlnativefc',
    '5.4.82.0-4vmw',
    '3.0.1.0-5vmw',
    12000,
    'Marvell QLogic fibre channel driver',
    '1077:2532',
    '1077:2261',
  ],
  ['smartpqi', '80.4694.0.108-2vmw', '1.0.1.553-12vmw', 9000, 'Microchip SmartRAID driver', '9005:028f'],
  ['vmkusb', '0.1-22vmw', '0.1-1vmw', 9000, 'USB host controller driver', '8086:9d2f'],
  ['vmw-ahci', '2.0.17-1vmw', '1.2.3-1vmw', 7000, 'AHCI storage driver', '8086:2922', '1b21:0612'],
];

/** The drivers with the versions of one release. */
export function drivers(release: '8.0' | '6.7'): DriverRecipe[] {
  return ROWS.map(([name, version80, version67, size, summary, ...devices]) => ({
    name,
    version: release === '8.0' ? version80 : version67,
    size,
    devices,
    summary,
  }));
}

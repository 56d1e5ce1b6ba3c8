import type { HostSpec } from '../spec/schema.ts';
import { ESXI_8_0_UEFI } from './esxi-8.0-uefi.ts';

/** ESXi 6.7 on UEFI with a TPM 2.0 and an Intel TXT launch: the VMkernel measures at locality 2 (facts, design A). */
export const ESXI_6_7_TXT: HostSpec = {
  ...ESXI_8_0_UEFI,
  profile: 'esxi-6.7-txt',
  release: { product: 'VMware ESXi', version: '6.7.0', build: '10302608', apiVersion: '6.7.1' },
  identity: {
    ...ESXI_8_0_UEFI.identity,
    name: 'esx67.example.test',
    uuid: '4c4c4544-0051-3310-8036-c2c04f4d3632',
    serialNumber: 'SIM0Q36M2',
    model: 'Simulated Server R1',
    bios: { vendor: 'esxsim', version: '1.6.12', releaseDate: '2018-11-20' },
  },
  hardware: {
    ...ESXI_8_0_UEFI.hardware,
    // TPMs of that time had the two certificates of the Low Range.
    tpm: { ...ESXI_8_0_UEFI.hardware.tpm, endorsementKeys: ['rsa2048', 'eccP256'] },
    txt: { enabled: true, sinit: 'simulated SINIT 1.3.2', biosAcm: 'simulated BIOS ACM 1.3.1' },
    firmware: { startupLocality: 0, optionRoms: ['Simulated 10GbE NIC UNDI 1.1'] },
  },
  image: { sample: 'esxi-6.7' },
  boot: {
    kernelOptions: 'autoPartition=FALSE vmbTrustedBoot=true tboot=0x0x101a000',
    bootUuid: '772753050c0a140bdfbf92e306b9793d',
    execInstalledOnly: false,
  },
  time: '2018-12-03T08:00:00Z',
};

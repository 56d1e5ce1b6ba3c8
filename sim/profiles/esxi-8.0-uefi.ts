import type { HostSpec } from '../spec/schema.ts';

/** ESXi 8 on UEFI with Secure Boot and a TPM 2.0, no TXT: the bootloader measures (facts, design B). */
export const ESXI_8_0_UEFI: HostSpec = {
  profile: 'esxi-8.0-uefi',
  release: { product: 'VMware ESXi', version: '8.0.3', build: '24022510', apiVersion: '8.0.3.0' },
  identity: {
    name: 'esx01.example.test',
    uuid: '4c4c4544-0042-3510-8053-b4c04f4e3533',
    serialNumber: 'SIM0B5SN3',
    vendor: 'esxsim',
    model: 'Simulated Server R2',
    bios: { vendor: 'esxsim', version: '2.19.1', releaseDate: '2025-06-04' },
  },
  hardware: {
    cpu: {
      vendor: 'intel',
      model: 'Simulated Xeon Gold @ 2.30GHz',
      packages: 2,
      coresPerPackage: 16,
      threadsPerCore: 2,
      megahertz: 2300,
      features: ['nx', 'smep', 'smap', 'vmx', 'smx'],
    },
    memoryBytes: 274_877_906_944,
    tpm: {
      present: true,
      version: '2.0',
      banks: ['sha1', 'sha256'],
      ekAlgorithm: 'rsa2048',
      endorsementKeys: ['rsa2048', 'eccP256', 'eccP384'],
      akAlgorithm: 'eccP256',
      manufacturer: 'ESXS',
      vendorString: 'esxsim',
      firmwareVersion: '1.59',
      platformCertificate: false,
    },
    secureBoot: { enabled: true, setupMode: false },
    txt: { enabled: false, sinit: 'none', biosAcm: 'none' },
    firmware: { startupLocality: 0, optionRoms: ['Simulated 25GbE NIC UNDI 1.4'] },
  },
  image: { sample: 'esxi-8.0' },
  acceptanceLevel: 'PartnerSupported',
  boot: {
    kernelOptions: 'autoPartition=FALSE',
    bootUuid: '5d1e7c2a9b3f48d6a0c4e2f17b6d9a38',
    execInstalledOnly: true,
  },
  vmkernel: { payloadCheck: 'warn', randomizeLayout: true },
  report: { banks: ['sha256'] },
  time: '2026-01-01T00:00:00Z',
  seed: '1',
  faults: [],
};

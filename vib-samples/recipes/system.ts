/** System VIBs that the releases share, and the contents of their archives. */
import type { FileRecipe, PayloadRecipe, SystemVibRecipe } from './recipe.ts';

const text = (path: string, body: string, mode?: number): FileRecipe => ({
  kind: 'text',
  path,
  text: body,
  ...(mode === undefined ? {} : { mode }),
});
const program = (path: string, size: number): FileRecipe => ({ kind: 'user-world', path, size });
const module = (name: string, size: number): FileRecipe => ({
  kind: 'module',
  path: `usr/lib/vmware/vmkmod/${name}`,
  size,
});
const archive = (name: string, files: readonly FileRecipe[], signed = false): PayloadRecipe => ({
  make: 'archive',
  name,
  files,
  signed,
});

const JUMPSTART = [
  'vmkernel.start.module.vmkapi_socket=1',
  'vmkernel.start.module.procfs=1',
  'vmkernel.start.module.user=1',
  'jumpstart.target=hostd',
  '',
].join('\n');

/** Folder where the VMkernel looks for the roots of VIB signatures. */
export const VIB_ROOTS_FOLDER = 'usr/lib/vmware/secureboot/certs';

const SB = archive(
  'sb',
  [
    text(
      'usr/lib/vmware/secureboot/bin/secureBoot.py',
      '#!/bin/python\n# esxsim sample: stands for the VIB verifier\n',
      0o755,
    ),
    { kind: 'vib-roots', path: VIB_ROOTS_FOLDER },
  ],
  true,
);

const S = archive(
  's',
  [
    text('etc/vmware/product', 'VMware ESXi\n'),
    text('etc/vmware/pciid/vmware.pciids', '15ad:07b0 VMXNET3 Ethernet Controller\n15ad:07c0 PVSCSI SCSI Controller\n'),
    text('etc/rc.local.d/local.sh', '#!/bin/sh\nexit 0\n', 0o755),
    program('bin/esxcli', 5000),
    program('bin/vmkload_mod', 3500),
    program('bin/init', 3000),
    module('vmkapi_socket', 3500),
    module('tcpip4', 12000),
    module('iscsi_trans', 5000),
    module('vmfs3', 11000),
    { kind: 'opaque', path: 'usr/share/hwdata/pci.ids', size: 900 },
  ],
  true,
);

const VIM = archive('vim', [
  program('bin/hostd', 16000),
  text('etc/vmware/hostd/config.xml', '<config><plugins/></config>\n'),
  { kind: 'opaque', path: 'usr/lib/vmware/hostd/docroot/en/welcomeRes.js', size: 400 },
]);

const VMX = archive('vmx', [
  program('bin/vmx', 20000),
  { kind: 'opaque', path: 'usr/lib/vmware/roms/BIOS.440.ROM', size: 4000 },
]);

const TPM = archive('tpm', [module('tpm2emu', 5000), program('usr/lib/vmware/tpm/bin/tpmd', 5000)]);

const options: readonly PayloadRecipe[] = [
  { make: 'text', name: 'jumpstrt.gz', text: JUMPSTART },
  { make: 'text', name: 'useropts.gz', text: '\n' },
  { make: 'text', name: 'features.gz', text: '' },
];

const microcode: readonly PayloadRecipe[] = [
  { make: 'microcode', name: 'uc_intel', vendor: 'intel', signature: 0x00050657 },
  { make: 'microcode', name: 'uc_amd', vendor: 'amd', signature: 0xa011 },
  { make: 'microcode', name: 'uc_hygon', vendor: 'amd', signature: 0x9001 },
];

const procfs: PayloadRecipe = { make: 'boot-module', name: 'procfs', size: 3500 };

const BASE = {
  name: 'esx-base',
  vendor: 'VMware',
  level: 'VMwareCertified',
  summary: 'ESXi base system',
} as const;

/** A payload with its place in the boot order. */
const at = (order: number, payload: PayloadRecipe): PayloadRecipe => ({
  ...payload,
  attributes: { 'boot-order': String(order), ...payload.attributes },
});

/** Payload `jumpstrt` of file `jumpstrt.gz`, as the descriptors of 7.0 say it; those of 6.7 are not known. */
const named = (payload: PayloadRecipe): PayloadRecipe => ({
  ...payload,
  name: payload.name.replace(/\.gz$/, ''),
  attributes: { 'vfat-name': payload.name },
});

/** esx-base of 8.0: one row per payload. Places as in VMware's own of 7.0. */
export const ESX_BASE_80: SystemVibRecipe = {
  ...BASE,
  payloads: [
    at(10, { make: 'boot-loader', name: 'b' }),
    ...options.map((payload, i) => at(47 + i, named(payload))),
    at(50, { make: 'kernel', name: 'k' }),
    ...microcode.map((payload, i) => at(i === 0 ? 51 : 52, payload)),
    at(99, procfs),
    ...[VMX, VIM, TPM, SB, S].map((payload) => at(100, payload)),
    { make: 'bootloader-archive', name: 'btldr' },
  ],
};

/** esx-base of 6.7: chardevs and user are modules of their own, tpm does not exist yet. */
export const ESX_BASE_67: SystemVibRecipe = {
  ...BASE,
  payloads: [
    { make: 'boot-loader', name: 'b' },
    ...options,
    { make: 'kernel', name: 'k' },
    { make: 'boot-module', name: 'chardevs', size: 3000 },
    { make: 'boot-module', name: 'user', size: 6000 },
    procfs,
    ...microcode,
    VMX,
    VIM,
    SB,
    S,
    { make: 'bootloader-archive', name: 'btldr' },
  ],
};

/** esx-update: the update library and the image verifier. */
export function esxUpdate(withTpmModule: boolean): SystemVibRecipe {
  return {
    name: 'esx-update',
    vendor: 'VMware',
    level: 'VMwareCertified',
    summary: 'ESXi update library',
    payloads: [
      archive(
        'esxupdt',
        [
          text('usr/lib/vmware/esximage/__init__.py', '# esxsim sample: stands for the update library\n'),
          program('usr/lib/vmware/esxupdt/bin/esxupdate', 5000),
        ],
        true,
      ),
      archive('weaselin', [text('usr/lib/vmware/weasel/weasel.py', '# esxsim sample: stands for the installer\n')]),
      ...(withTpmModule
        ? [archive('tpmesxup', [{ kind: 'opaque', path: 'usr/lib/vmware/tpmesxup/policy.bin', size: 600 }])]
        : []),
    ],
  };
}

/** VIBs that every set has besides esx-base, esx-update and drivers. */
export const COMMON: readonly SystemVibRecipe[] = [
  {
    name: 'vmware-fdm',
    vendor: 'VMware',
    level: 'VMwareCertified',
    summary: 'vSphere HA agent',
    tags: ['agent'],
    payloads: [
      archive('vmware-fdm', [
        program('usr/lib/vmware/fdm/bin/fdm', 15000),
        program('usr/lib/vmware/fdm/bin/fdmcheck', 3000),
        text('etc/opt/vmware/fdm/fdm.cfg', 'log.level=verbose\n'),
      ]),
    ],
  },
  {
    name: 'vsan',
    vendor: 'VMware',
    level: 'VMwareCertified',
    summary: 'vSAN kernel modules',
    payloads: [
      archive('vsan', [module('vsan', 10000), module('lsom', 8000), program('usr/lib/vmware/vsan/bin/clomd', 6000)]),
    ],
  },
  {
    name: 'vsanhealth',
    vendor: 'VMware',
    level: 'VMwareCertified',
    summary: 'vSAN health service',
    payloads: [
      archive('vsanheal', [text('usr/lib/vmware/vsan/health/check.py', '# esxsim sample\n')]),
      archive('vsanmgmt', [program('usr/lib/vmware/vsan/bin/vsanmgmtd', 7000)]),
    ],
  },
  {
    name: 'esx-ui',
    vendor: 'VMware',
    level: 'VMwareCertified',
    summary: 'VMware Host Client',
    payloads: [archive('esx-ui', [{ kind: 'opaque', path: 'usr/lib/vmware/hostd/docroot/ui/app.js', size: 2500 }])],
  },
  {
    name: 'esx-xserver',
    vendor: 'VMware',
    level: 'VMwareCertified',
    summary: 'X server for the console',
    payloads: [archive('xorg', [program('usr/lib/vmware/xorg/bin/X', 7000)])],
  },
];

/** The sample sets: two releases and what belongs to neither. */
import { drivers } from './drivers.ts';
import type { SetRecipe, SystemVibRecipe } from './recipe.ts';
import { COMMON, ESX_BASE_67, ESX_BASE_80, esxUpdate } from './system.ts';

/** A partner's VIB: signed with a partner certificate, installs at the default level. The vendor is invented. */
const acme = (version: string): SystemVibRecipe => ({
  name: 'acme-raidmon',
  vendor: 'ACME',
  version,
  level: 'PartnerSupported',
  summary: 'ACME RAID monitor (invented vendor)',
  payloads: [
    {
      make: 'archive',
      name: 'acme-raidmon',
      files: [
        { kind: 'user-world', path: 'opt/acme/raidmon/bin/raidmond', size: 5000 },
        {
          kind: 'text',
          path: 'etc/init.d/raidmond',
          text: '#!/bin/sh\n/opt/acme/raidmon/bin/raidmond "$1"\n',
          mode: 0o755,
        },
      ],
    },
  ],
});

/** ESXi 8.0 Update 3: the bootloader measures. */
export const ESXI_80: SetRecipe = {
  release: {
    folder: 'esxi-8.0',
    release: '8.0.3',
    build: 24022510,
    systemVersion: '8.0.3-0.0.24022510',
    driverTail: '803.0.0.24022510',
    vmkapi: 'v2_12_0_0',
    measuredByBootloader: true,
    schema: 4,
    releaseDate: '2024-06-25T00:00:00.000000+00:00',
    bootloaderVersion: '8.0.3-24022510',
  },
  system: [
    ESX_BASE_80,
    esxUpdate(true),
    ...COMMON,
    {
      name: 'gc',
      vendor: 'VMware',
      level: 'VMwareCertified',
      summary: 'Guest customization',
      payloads: [
        {
          make: 'archive',
          name: 'gc',
          files: [{ kind: 'opaque', path: 'usr/lib/vmware/gc/deploypkg.cab', size: 1500 }],
        },
      ],
    },
    acme('1.4.2-1OEM.803.0.0.24022510'),
  ],
  drivers: drivers('8.0'),
};

/** ESXi 6.7 Update 1: the VMkernel measures after a TXT launch. */
export const ESXI_67: SetRecipe = {
  release: {
    folder: 'esxi-6.7',
    release: '6.7.0',
    build: 10302608,
    systemVersion: '6.7.0-1.28.10302608',
    driverTail: '670.1.28.10302608',
    vmkapi: 'v2_5_0_0',
    measuredByBootloader: false,
    schema: 2,
    releaseDate: '2018-10-16T00:00:00.000000+00:00',
    bootloaderVersion: '6.7.0-10302608',
  },
  system: [ESX_BASE_67, esxUpdate(false), ...COMMON, acme('1.2.0-1OEM.670.0.0.8169922')],
  drivers: drivers('6.7'),
};

/** VIBs that no image contains: a community VIB without any signature, for hosts of the lowest level. */
export const EXTRA: readonly SystemVibRecipe[] = [
  {
    name: 'community-hello',
    vendor: 'COMMUNITY',
    version: '0.1.0-1',
    level: 'CommunitySupported',
    summary: 'An unsigned community VIB',
    payloads: [
      {
        make: 'archive',
        name: 'hello',
        files: [
          { kind: 'text', path: 'opt/community/hello/hello.sh', text: '#!/bin/sh\necho hello\n', mode: 0o755 },
          { kind: 'text', path: 'etc/vmware/service/hello.xml', text: '<ConfigRoot/>\n' },
        ],
      },
    ],
  },
];

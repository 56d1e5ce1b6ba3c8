/** A host made of fixed facts and a small report that replays: for tests of the endpoints without a simulated boot. */

import { DEFAULT_EPOCH } from '../../sim/clock.ts';
import type { HostFacts, ServedHost } from '../../sim/endpoints/served-host.ts';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import {
  attestationReport,
  bootCompleteEvent,
  bootSecurityOptionEvent,
  commandEvent,
  type EventHash,
  type HostTpmAttestationReport,
  type HostTpmEventDetailsType,
  logEntry,
  nvTagEvent,
  optionEvent,
  pcrValue,
  signerEvent,
  softwareComponentEvent,
  versionEvent,
} from '../../src/vim/report.ts';

function of(text: string): EventHash {
  return { dataHash: hash('sha256', utf8(text)), dataHashMethod: 'SHA256' };
}

/** A report with one event of every type, whose PCRs are the replay of its events. */
export function syntheticReport(name: string): HostTpmAttestationReport {
  const vib = { name: 'esx-base', version: '8.0.3-0.0.24022510', vendor: 'VMware' };
  const events: readonly (readonly [pcr: number, details: HostTpmEventDetailsType])[] = [
    [12, nvTagEvent(of('asset tag'), 'assetTag = lab 1 <&>')],
    [12, signerEvent(of('signer'), 'CN=esxsim module signer')],
    [11, versionEvent(of('version'), utf8('8.0.3'))],
    [13, softwareComponentEvent(of('b.b00'), 'b.b00', vib)],
    [13, softwareComponentEvent(of('state.tgz'), 'state.tgz')],
    [14, commandEvent(of(`bootUUID=${name}`), `bootUUID=${name} autoPartition=FALSE`)],
    [14, optionEvent(of('kernelopt'), 'kernelopt', utf8('a=b\n'))],
    [14, bootSecurityOptionEvent(of('execInstalledOnly = TRUE'), 'execInstalledOnly = TRUE')],
    [14, bootCompleteEvent(of('Boot Complete\0'))],
  ];
  const pcrs: Uint8Array[] = Array.from({ length: 24 }, (_, i) =>
    new Uint8Array(32).fill(i >= 17 && i <= 22 ? 0xff : 0),
  );
  for (const [pcr, { dataHash }] of events)
    pcrs[pcr] = hash('sha256', concat(pcrs[pcr] ?? new Uint8Array(32), dataHash));
  return attestationReport(
    pcrs.map((value, i) => pcrValue('SHA256', i, value)),
    events.map(([pcr, details]) => logEntry(pcr, details)),
  );
}

/** Facts of a two-socket server. */
export function syntheticFacts(number: number): HostFacts {
  return {
    vendor: 'Example Corp.',
    model: 'Rack 2',
    uuid: `564d0000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    serialNumber: `SN-${number}`,
    assetTag: `AT-${number}`,
    bios: {
      version: 'R2.18',
      vendor: 'Example Corp.',
      releaseDate: DEFAULT_EPOCH - 86_400_000 * 200,
      firmwareType: 'UEFI',
    },
    cpu: { vendor: 'intel', model: 'Example CPU @ 2.40GHz', packages: 2, cores: 32, threads: 64, hz: 2_400_000_000 },
    memorySize: 256 * 2 ** 30,
    product: { version: '8.0.3', build: '24022510' },
    tpmVersion: '2.0',
    txtEnabled: false,
    uefiSecureBoot: true,
    bootCommandLine: '/b.b00 autoPartition=FALSE',
    bootTime: DEFAULT_EPOCH,
    stateEncryption: { protectionMode: 'tpm', requireSecureBoot: true, requireExecInstalledOnly: false },
    acceptanceLevel: 'PartnerSupported',
    imageProfile: { name: 'ESXi-8.0U3-24022510-standard', vendor: 'VMware, Inc.' },
    installDate: DEFAULT_EPOCH - 86_400_000,
    software: [
      {
        name: 'esx-base',
        version: '8.0.3-0.0.24022510',
        vendor: 'VMware',
        type: 'bootbank',
        acceptanceLevel: 'VMwareCertified',
        summary: 'ESXi base system',
        description: 'Provides the hypervisor',
        payloads: ['b', 'k', 's'],
      },
    ],
    options: { 'VMkernel.Boot.execInstalledOnly': true, 'UserVars.SuppressShellWarning': 0 },
  };
}

/** Host number `number`; a reboot gives a new report and a later boot time. */
export function syntheticHost(number: number, over: Partial<HostFacts> = {}): ServedHost {
  const name = `esx${String(number).padStart(2, '0')}.example.test`;
  let boots = 0;
  let report = syntheticReport(name);
  return {
    name,
    get facts(): HostFacts {
      return { ...syntheticFacts(number), bootTime: DEFAULT_EPOCH + boots * 60_000, ...over };
    },
    attestation: { time: DEFAULT_EPOCH + 1000, status: 'accepted' },
    report: () => report,
    reboot: () => {
      boots++;
      report = syntheticReport(`${name}-${boots}`);
      return Promise.resolve();
    },
  };
}

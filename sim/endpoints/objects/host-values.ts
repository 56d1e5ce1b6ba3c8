/** The data objects of a host: summary, hardware, configuration, capabilities, run-time state, made from its facts. */
import {
  boxed,
  fieldsOf,
  type ManagedObjectReference,
  make,
  moref,
  type VimObject,
  type VimValue,
} from '../../../src/vim/index.ts';
import { isoTime } from '../../clock.ts';
import type { HostFacts } from '../served-host.ts';
import type { HostNode } from './host-node.ts';

/** Text form of a version as product names use it: `VMware ESXi 8.0.3 build-24022510`. */
export function fullName(product: HostFacts['product']): string {
  return product.fullName ?? `VMware ESXi ${product.version} build-${product.build}`;
}

/** AboutInfo of the host's own product. */
export function hostAbout(facts: HostFacts, apiVersion: string): VimObject {
  const { product } = facts;
  return make('AboutInfo', {
    name: 'VMware ESXi',
    fullName: fullName(product),
    vendor: 'VMware, Inc.',
    version: product.version,
    patchLevel: product.patchLevel,
    build: product.build,
    localeVersion: 'INTL',
    localeBuild: '000',
    osType: 'vmnix-x86',
    productLineId: 'embeddedEsx',
    apiType: 'HostAgent',
    apiVersion,
    licenseProductName: 'VMware ESX Server',
    licenseProductVersion: product.version.split('.').slice(0, 2).join('.'),
  });
}

function identifyingInfo(facts: HostFacts): readonly VimObject[] {
  const rows: readonly (readonly [key: string, label: string, value: string | undefined])[] = [
    ['AssetTag', 'Asset Tag', facts.assetTag],
    ['ServiceTag', 'Service tag', facts.serviceTag],
  ];
  return rows.flatMap(([key, label, value]) =>
    value === undefined
      ? []
      : make('HostSystemIdentificationInfo', {
          identifierValue: value,
          identifierType: make('ElementDescription', { label, summary: `${label} of the system`, key }),
        }),
  );
}

/** HostHardwareInfo. */
export function hostHardware(facts: HostFacts): VimObject {
  const { bios, cpu } = facts;
  const perPackage = cpu.threads / cpu.packages;
  return make('HostHardwareInfo', {
    systemInfo: make('HostSystemInfo', {
      vendor: facts.vendor,
      model: facts.model,
      uuid: facts.uuid,
      otherIdentifyingInfo: identifyingInfo(facts),
      serialNumber: facts.serialNumber,
      bootCommandLine: facts.bootCommandLine,
    }),
    cpuInfo: make('HostCpuInfo', {
      numCpuPackages: cpu.packages,
      numCpuCores: cpu.cores,
      numCpuThreads: cpu.threads,
      hz: cpu.hz,
    }),
    cpuPkg: Array.from({ length: cpu.packages }, (_, index) =>
      make('HostCpuPackage', {
        index,
        vendor: cpu.vendor,
        hz: cpu.hz,
        busHz: 100_000_000,
        description: cpu.model,
        threadId: Array.from({ length: perPackage }, (_thread, i) => index * perPackage + i),
      }),
    ),
    memorySize: facts.memorySize,
    smcPresent: false,
    biosInfo: make('HostBIOSInfo', {
      biosVersion: bios.version,
      releaseDate: bios.releaseDate === undefined ? undefined : isoTime(bios.releaseDate),
      vendor: bios.vendor,
      firmwareType: bios.firmwareType,
    }),
  });
}

/** Required capabilities that hold; the other required ones of the table are false. */
const CAPABLE: ReadonlySet<string> = new Set([
  'recursiveResourcePoolsSupported',
  'cpuMemoryResourceConfigurationSupported',
  'rebootSupported',
  'shutdownSupported',
  'vmotionSupported',
  'datastorePrincipalSupported',
  'sanSupported',
  'nfsSupported',
  'iscsiSupported',
  'vlanTaggingSupported',
  'nicTeamingSupported',
  'highGuestMemSupported',
  'maintenanceModeSupported',
  'featureCapabilitiesSupported',
  'latencySensitivitySupported',
  'nestedHVSupported',
  'vPMCSupported',
]);

/** HostCapability. */
export function hostCapability(facts: HostFacts): VimObject {
  const required: Record<string, VimValue | undefined> = {};
  for (const f of fieldsOf('HostCapability')) if (!f.optional) required[f.name] = CAPABLE.has(f.name);
  return make('HostCapability', {
    ...required,
    tpmSupported: facts.tpmVersion !== undefined,
    tpmVersion: facts.tpmVersion,
    txtEnabled: facts.txtEnabled,
    cryptoSupported: true,
    hostConfigEncryptionSupported: facts.tpmVersion === '2.0',
    uefiSecureBoot: facts.uefiSecureBoot,
  });
}

/** HostRuntimeInfo. */
export function hostRuntime(node: HostNode): VimObject {
  const { facts } = node.host;
  const up = node.powerState === 'poweredOn' && node.connectionState === 'connected';
  return make('HostRuntimeInfo', {
    connectionState: node.connectionState,
    powerState: node.powerState,
    standbyMode: 'none',
    inMaintenanceMode: node.inMaintenanceMode,
    bootTime: up ? isoTime(facts.bootTime) : undefined,
    cryptoState: 'incapable',
    stateEncryption:
      facts.stateEncryption === undefined
        ? undefined
        : make('HostRuntimeInfoStateEncryptionInfo', { ...facts.stateEncryption }),
  });
}

function options(facts: HostFacts): readonly VimObject[] {
  return Object.entries(facts.options ?? {}).map(([key, value]) =>
    make('OptionValue', { key, value: boxed(typeof value === 'number' ? 'long' : typeof value, value) }),
  );
}

/** HostConfigInfo. */
export function hostConfig(node: HostNode, apiVersion: string): VimObject {
  const { facts } = node.host;
  return make('HostConfigInfo', {
    host: node.ref,
    product: hostAbout(facts, apiVersion),
    option: options(facts),
    lockdownMode: 'lockdownDisabled',
    adminDisabled: false,
  });
}

/** HostConfigManager: the managers that are simulated. */
export function hostConfigManager(
  advancedOption: ManagedObjectReference,
  imageConfig: ManagedObjectReference,
): VimObject {
  return make('HostConfigManager', { advancedOption, imageConfigManager: imageConfig });
}

/**
 * The result of vCenter's attestation. A host with a TPM that was not attested yet counts as not accepted: clients take it
 * for granted that a host which reports a TPM has a status.
 */
export function attestationInfo(node: HostNode): VimObject | undefined {
  const { attestation, facts } = node.host;
  if (facts.tpmVersion === undefined) return undefined;
  const message = attestation?.message;
  return make('HostTpmAttestationInfo', {
    time: isoTime(attestation?.time ?? facts.bootTime),
    status: attestation?.status ?? 'notAccepted',
    message:
      message === undefined ? undefined : make('LocalizableMessage', { key: message.key, message: message.text }),
  });
}

/** HostListSummary. `via` is vCenter where a vCenter shows the host; only that attests hosts. */
export function hostSummary(node: HostNode, apiVersion: string, via: 'vCenter' | 'host', now: number): VimObject {
  const { facts, name } = node.host;
  const { cpu } = facts;
  return make('HostListSummary', {
    host: node.ref,
    hardware: make('HostHardwareSummary', {
      vendor: facts.vendor,
      model: facts.model,
      uuid: facts.uuid,
      otherIdentifyingInfo: identifyingInfo(facts),
      memorySize: facts.memorySize,
      cpuModel: cpu.model,
      cpuMhz: Math.floor(cpu.hz / 1_000_000),
      numCpuPkgs: cpu.packages,
      numCpuCores: cpu.cores,
      numCpuThreads: cpu.threads,
      numNics: 1,
      numHBAs: 1,
    }),
    runtime: hostRuntime(node),
    config: make('HostConfigSummary', {
      name,
      port: 443,
      product: hostAbout(facts, apiVersion),
      vmotionEnabled: false,
      faultToleranceEnabled: false,
    }),
    quickStats: make('HostListSummaryQuickStats', {
      overallCpuUsage: 0,
      overallMemoryUsage: 0,
      uptime: Math.max(0, Math.floor((now - facts.bootTime) / 1000)),
    }),
    overallStatus: overallStatus(node, via),
    rebootRequired: false,
    maxEVCModeKey: cpu.vendor === 'amd' ? 'amd-zen' : 'intel-cascadelake',
    tpmAttestation: attestationInfo(node),
  });
}

/** Colour of the host: red where vCenter refused its attestation, as its alarm does. */
export function overallStatus(node: HostNode, via: 'vCenter' | 'host'): 'green' | 'red' | 'gray' {
  if (node.connectionState !== 'connected') return 'gray';
  return via === 'vCenter' && node.host.attestation?.status === 'notAccepted' ? 'red' : 'green';
}

/** Reference to the host's data store browser, a required property without a simulated object behind it. */
export function datastoreBrowser(node: HostNode): ManagedObjectReference {
  return moref('HostDatastoreBrowser', `datastoreBrowser-${node.ref.value}`);
}

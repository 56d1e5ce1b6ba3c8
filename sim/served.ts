/** A simulated host as the vSphere endpoints see it. */
import type { Appraisal, Reference } from '../src/verify/index.ts';
import { parseAcceptance } from '../src/vib/index.ts';
import { attestHost } from './attest.ts';
import type { AttestationStatus, HostFacts, ServedHost, SoftwareFacts } from './endpoints/served-host.ts';
import { evidenceFiles } from './evidence.ts';
import type { BootResult, Host } from './host.ts';

/** What vCenter says of a host that is not accepted (facts §18). */
function complaint(result: BootResult, appraisal: Appraisal): { key: string; text: string } {
  if (!result.spec.hardware.secureBoot.enabled) {
    return { key: 'com.vmware.vc.attestation.secureBootDisabled', text: 'Host secure boot was disabled' };
  }
  const first = appraisal.findings.find((finding) => finding.verdict === appraisal.verdict);
  return { key: 'com.vmware.vc.attestation.failed', text: first === undefined ? 'Internal failure' : first.message };
}

function software({ system }: BootResult): SoftwareFacts[] {
  return system.vibs.map(({ descriptor }) => ({
    name: descriptor.name,
    version: descriptor.version,
    vendor: descriptor.vendor,
    type: 'bootbank',
    acceptanceLevel: parseAcceptance(descriptor.acceptanceLevel) ?? 'CommunitySupported',
    summary: descriptor.summary,
    description: descriptor.description,
    payloads: descriptor.payloads.map(({ name }) => name),
  }));
}

function hostFacts(result: BootResult): HostFacts {
  const { spec } = result;
  const { identity, hardware, release } = spec;
  const { cpu, tpm } = hardware;
  const cores = cpu.packages * cpu.coresPerPackage;
  return {
    vendor: identity.vendor,
    model: identity.model,
    uuid: identity.uuid,
    serialNumber: identity.serialNumber,
    ...(tpm.assetTag === undefined ? {} : { assetTag: tpm.assetTag }),
    bios: {
      version: identity.bios.version,
      vendor: identity.bios.vendor,
      releaseDate: Date.parse(`${identity.bios.releaseDate}T00:00:00Z`),
      firmwareType: 'UEFI',
    },
    cpu: {
      vendor: cpu.vendor,
      model: cpu.model,
      packages: cpu.packages,
      cores,
      threads: cores * cpu.threadsPerCore,
      hz: cpu.megahertz * 1_000_000,
    },
    memorySize: hardware.memoryBytes,
    product: { version: release.version, build: release.build },
    ...(tpm.present ? { tpmVersion: tpm.version } : {}),
    txtEnabled: hardware.txt.enabled,
    uefiSecureBoot: hardware.secureBoot.enabled,
    bootCommandLine: result.commandLine,
    bootTime: result.startedAt,
    acceptanceLevel: spec.acceptanceLevel,
    imageProfile: { name: `ESXi-${release.version}-${release.build}-standard`, vendor: 'esxsim' },
    installDate: Date.parse(spec.time),
    software: software(result),
    options: { 'VMkernel.Boot.execInstalledOnly': spec.boot.execInstalledOnly },
  };
}

/** Boots a host and serves what it shows; vCenter attests it against `reference` after every boot. */
export async function serveHost(host: Host, reference: Reference | undefined): Promise<ServedHost> {
  let result = await host.powerOn();
  let facts = hostFacts(result);
  let attestation = await attest(host, result, reference);
  return {
    name: host.spec.identity.name,
    get running() {
      return result.state === 'running';
    },
    get facts() {
      return facts;
    },
    get attestation() {
      return attestation;
    },
    report: () => result.tpm?.report,
    reboot: async () => {
      result = await host.powerOn();
      facts = hostFacts(result);
      attestation = await attest(host, result, reference);
    },
  };
}

async function attest(
  host: Host,
  result: BootResult,
  reference: Reference | undefined,
): Promise<AttestationStatus | undefined> {
  if (result.tpm === undefined || reference === undefined) return undefined;
  const appraisal = await attestHost(host, result, evidenceFiles(result), reference);
  const time = result.endedAt;
  if (appraisal.verdict === 'TRUSTED') return { time, status: 'accepted' };
  return { time, status: 'notAccepted', message: complaint(result, appraisal) };
}

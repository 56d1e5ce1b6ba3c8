/** The TPM that a host spec describes. */
import type { TpmConfig } from '../tpm/config.ts';
import { COMPONENT_CLASS, type PlatformDescription } from '../tpm/platform-description.ts';
import type { HostSpec } from './schema.ts';
import { tpmFirmwareVersion } from './tpm-version.ts';

/** The machine as its platform certificate describes it. */
function platformDescription({ identity, hardware }: HostSpec): PlatformDescription {
  const { vendor, model, serialNumber, bios } = identity;
  const { cpu, tpm, txt } = hardware;
  const processor = {
    componentClass: COMPONENT_CLASS.cpu,
    manufacturer: cpu.vendor === 'intel' ? 'Intel' : 'AMD',
    model: cpu.model,
  };
  return {
    ek: tpm.ekAlgorithm,
    manufacturer: vendor,
    model,
    // SMBIOS has a version of the system; specs do not, and many makers leave this text there.
    version: 'Not Specified',
    serial: serialNumber,
    dynamicRtm: txt.enabled,
    components: [
      { componentClass: COMPONENT_CLASS.rackMountChassis, manufacturer: vendor, model, serial: serialNumber },
      ...Array.from({ length: cpu.packages }, () => processor),
      {
        componentClass: COMPONENT_CLASS.tpm,
        manufacturer: tpm.manufacturer,
        model: tpm.vendorString,
        revision: tpm.firmwareVersion,
      },
      { componentClass: COMPONENT_CLASS.uefi, manufacturer: bios.vendor, model: 'UEFI', revision: bios.version },
    ],
  };
}

/** What the TPM of the host is made as. */
export function tpmConfigOf(spec: HostSpec): TpmConfig {
  const { tpm } = spec.hardware;
  return {
    manufacturer: tpm.manufacturer,
    vendorString: tpm.vendorString,
    firmwareVersion: tpmFirmwareVersion(tpm.firmwareVersion),
    banks: tpm.banks,
    endorsementKeys: [...new Set([...tpm.endorsementKeys, tpm.ekAlgorithm])],
    extraAlgorithms: tpm.extraAlgorithms,
    platformCertificate: tpm.platformCertificate ? platformDescription(spec) : undefined,
  };
}

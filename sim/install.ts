/** Installation rules of an ESXi host (facts §16.2): what is refused before anything reaches the boot bank. */
import { InputError } from '../src/bytes/errors.ts';
import { buildBootbank } from '../src/esxboot/index.ts';
import { type AcceptanceLevel, hostAccepts, parseAcceptance, type Vib, vibId } from '../src/vib/index.ts';
import type { BootImage } from './image.ts';
import type { HostSpec } from './spec/schema.ts';

/** Refuses VIBs below the host's acceptance level, as the installer does without `--force`. */
export function checkInstall(host: AcceptanceLevel, vibs: readonly Vib[]): void {
  for (const vib of vibs) {
    const id = vibId(vib.descriptor);
    const claimed = vib.descriptor.acceptanceLevel;
    const level = parseAcceptance(claimed);
    if (level === undefined) throw new InputError(`VIB ${id}: unknown acceptance level ${JSON.stringify(claimed)}`);
    if (!hostAccepts(host, level)) {
      throw new InputError(
        `VIB ${id}'s acceptance level is ${level}, which is not compliant with the host's acceptance level ${host} ` +
          '(set acceptanceLevel in the host spec to install it)',
      );
    }
  }
}

/** Installs VIBs onto a new boot disk, by the rules of the host's acceptance level. */
export function installImage(spec: HostSpec, vibs: readonly Vib[]): BootImage {
  checkInstall(spec.acceptanceLevel, vibs);
  const { version, build } = spec.release;
  return buildBootbank(vibs, {
    build: `${version}-0.0.${build}`,
    release: version,
    kernelOptions: spec.boot.kernelOptions,
    bootUuid: spec.boot.bootUuid,
  });
}

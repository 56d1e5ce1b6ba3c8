/** Hardware and software platforms that VIBs ask for (`system-requires`), compared with the host. */
import { type Vib, vibId } from '../../src/vib/index.ts';
import type { InstallProblem } from './problems.ts';

/** What the host is; hardware platforms are compared with it. */
export interface HostHardware {
  readonly vendor: string;
  readonly model: string;
}

/** What runs on the host; software platforms are compared with it. */
export interface HostSoftware {
  /** Product line: ESXi is `embeddedEsx`. */
  readonly productLineId: string;
  /** E.g. `8.0.3`. */
  readonly version: string;
}

/** The product line of every ESXi host. */
export const PRODUCT_LINE = 'embeddedEsx';

type Platform = Readonly<Record<string, string>>;

/** Whether one platform of several fits; none asked for fits always. */
const anyFits = (platforms: readonly Platform[], fits: (platform: Platform) => boolean): boolean =>
  platforms.length === 0 || platforms.some(fits);

/** Whether a version is what a pattern asks for: `*` for any text; whole parts may be left out at the end (`8.0`). */
export function versionFits(pattern: string, version: string): boolean {
  const wanted = pattern.trim();
  if (wanted === '' || wanted === version) return true;
  const parts = wanted.split('*').map((part) => part.replace(/[^A-Za-z0-9]/g, '\\$&'));
  return new RegExp(`^${parts.join('.{0,64}')}$`).test(version) || version.startsWith(`${wanted}.`);
}

/** VIBs made for other hardware. */
export function checkHardware(vibs: readonly Vib[], { vendor, model }: HostHardware): InstallProblem[] {
  // An empty attribute asks for nothing, as one that is left out.
  const fits = (platform: Platform): boolean =>
    (!platform.vendor || platform.vendor === vendor) && (!platform.model || platform.model === model);
  return vibs
    .filter(({ descriptor }) => !anyFits(descriptor.systemRequires.hwPlatforms, fits))
    .map(({ descriptor }): InstallProblem => {
      const vib = vibId(descriptor);
      return { code: 'hardware-platform', vib, message: `VIB ${vib} is for other hardware than ${vendor} ${model}` };
    });
}

const shown = (platform: Platform): string =>
  `${platform.productLineID ?? 'any product'} ${platform.version ?? '*'}${platform.locale ? ` (${platform.locale})` : ''}`;

/** VIBs made for another product or release. The simulated host has no locale but English. */
export function checkSoftware(vibs: readonly Vib[], { productLineId, version }: HostSoftware): InstallProblem[] {
  const fits = ({ productLineID = '', version: pattern = '', locale = '' }: Platform): boolean =>
    (productLineID === '' || productLineID.toLowerCase() === productLineId.toLowerCase()) &&
    versionFits(pattern, version) &&
    /^(en([_-].*)?)?$/i.test(locale);
  return vibs
    .filter(({ descriptor }) => !anyFits(descriptor.systemRequires.swPlatforms, fits))
    .map(({ descriptor }): InstallProblem => {
      const vib = vibId(descriptor);
      const wanted = descriptor.systemRequires.swPlatforms.map(shown).join(' or ').slice(0, 200);
      const message = `VIB ${vib} is for ${wanted}, not for ${productLineId} ${version}`;
      return { code: 'software-platform', vib, message };
    });
}

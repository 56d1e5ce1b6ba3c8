/** What the VMkernel itself measures: everything after a TXT launch (design A), and the end of every boot. */
import { securityOptionText } from '../../src/eventlog/index.ts';
import { contentDigest, measureEsxi } from '../boot/esxi-measurer.ts';
import type { BootModule } from '../boot/modules.ts';
import type { Measurer } from '../measure.ts';

/** PCRs of the VMkernel after a TXT launch on TPM 2.0 (facts §1, design A). */
export const TXT_PCR = { core: 19, module: 20, configuration: 21 } as const;

/** Modules of PCR 19; `b` is not measured again, the launch put it into PCR 17. */
const CORE_STEMS = new Set(['k', 's', 'sb', 'esxupdt']);

/** Whether a module is in no report of a TXT host: `b` (the MLE) and the CPU microcode (facts §12.3). */
const unmeasured = (module: Pick<BootModule, 'index' | 'stem'>): boolean =>
  module.index === 0 || module.stem.startsWith('uc_');

/** PCR of a module after a TXT launch; undefined where it is not measured then. */
export function txtModulePcr(module: Pick<BootModule, 'index' | 'stem' | 'extension'>): number | undefined {
  if (module.extension === 'gz') return TXT_PCR.configuration;
  if (unmeasured(module)) return undefined;
  return CORE_STEMS.has(module.stem) ? TXT_PCR.core : TXT_PCR.module;
}

/** Command line, option files, modules: in the order of real reports (facts §12.1), at locality 2. */
export async function measureAfterLaunch(
  measurer: Measurer,
  commandLine: string,
  modules: readonly BootModule[],
): Promise<void> {
  await measureEsxi(measurer, TXT_PCR.configuration, { kind: 'commandLine', text: commandLine });
  const options = modules.filter((m) => m.extension === 'gz');
  for (const module of options) {
    const event = { kind: 'bootOptions', name: module.name } as const;
    await measureEsxi(measurer, TXT_PCR.configuration, event, contentDigest(module));
  }
  for (const module of modules) {
    const pcr = txtModulePcr(module);
    if (module.extension === 'gz' || pcr === undefined) continue;
    await measureEsxi(measurer, pcr, { kind: 'module', name: module.name }, contentDigest(module));
  }
}

/** The boot security options, in the order of real reports. */
export async function measureSecurityOptions(
  measurer: Measurer,
  pcr: number,
  options: { readonly execInstalledOnly: boolean; readonly uefiSecureBootEnabled: boolean },
): Promise<void> {
  for (const [key, value] of Object.entries(options)) {
    await measureEsxi(measurer, pcr, { kind: 'securityOption', text: securityOptionText(key, value) });
  }
}

/** The end of the measured boot. */
export async function measureBootComplete(measurer: Measurer, pcr: number): Promise<void> {
  await measureEsxi(measurer, pcr, { kind: 'bootComplete' });
}

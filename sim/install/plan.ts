/** A planned installation: what goes in, what was passed over, and what an installer's log would say of it. */
import { InputError } from '../../src/bytes/errors.ts';
import type { AcceptanceLevel, Vib, VibTrust } from '../../src/vib/index.ts';
import { vibId } from '../../src/vib/index.ts';
import { isoTime } from '../clock.ts';
import { checkFiles, checkHardware, checkLevels, checkPackages, checkRelations, type HostHardware } from './checks.ts';
import { type Bypass, bypassesOf, type InstallProblem } from './problems.ts';
import { type SkippedVib, selectVibs } from './select.ts';

/** By which rules a host installs. */
export interface InstallPolicy {
  readonly level: AcceptanceLevel;
  readonly hardware: HostHardware;
  /** Whom signatures must lead to; left out, signatures and payloads are not looked at until the boot. */
  readonly trust?: VibTrust;
  /** Options given. */
  readonly bypass: readonly Bypass[];
}

/** Result of {@link planInstall}. */
export interface InstallPlan {
  /** By id. */
  readonly vibs: readonly Vib[];
  readonly skipped: readonly SkippedVib[];
  /** Problems that an option let pass. */
  readonly bypassed: readonly InstallProblem[];
  readonly bypass: readonly Bypass[];
  /** Whether a running host would need a restart: every VIB that may not be installed live wants one. */
  readonly rebootRequired: boolean;
}

/** Most problems named in one message. */
const MAX_NAMED = 3;

/** Decides; throws an InputError naming the first problems that nothing lets pass. */
export function planInstall(given: readonly Vib[], policy: InstallPolicy): InstallPlan {
  const { vibs, skipped, problems } = selectVibs(given);
  const found: InstallProblem[] = [
    ...problems,
    ...checkLevels(vibs, policy.level),
    ...(policy.trust === undefined ? [] : checkPackages(vibs, policy.trust)),
    ...checkRelations(vibs),
    ...checkFiles(vibs),
    ...checkHardware(vibs, policy.hardware),
  ];
  const passes = ({ code }: InstallProblem): boolean => bypassesOf(code).some((each) => policy.bypass.includes(each));
  const refused = found.filter((problem) => !passes(problem));
  if (refused.length > 0) {
    const named = refused.slice(0, MAX_NAMED).map(({ message }) => message);
    const more = refused.length > MAX_NAMED ? `; and ${refused.length - MAX_NAMED} more problems` : '';
    throw new InputError(named.join('; ') + more);
  }
  const rebootRequired = vibs.some(({ descriptor }) => !descriptor.liveInstallAllowed);
  return { vibs, skipped, bypassed: found.filter(passes), bypass: policy.bypass, rebootRequired };
}

/**
 * What a host keeps of an installation in `esxupdate.log` (catalogue entry `vib-force-trace`): that such lines exist is from
 * public write-ups, their exact wording is ours. The log lies outside the boot bank and is not measured.
 */
export function installLog(plan: InstallPlan, time: number): string {
  const line = (level: string, text: string): string =>
    `${isoTime(time)} esxupdate: 2097: HostImage: ${level}: ${text}\n`;
  const lines: string[] = [];
  if (plan.bypass.includes('force')) {
    lines.push(line('WARNING', 'Attempting to install an image profile with validation disabled.'));
  }
  if (plan.bypass.includes('no-sig-check')) {
    lines.push(line('WARNING', 'SECURITY ALERT: signature and acceptance level checks are bypassed (no-sig-check).'));
  }
  for (const { code, message } of plan.bypassed) lines.push(line('WARNING', `${message} [${code}, bypassed]`));
  for (const { vib, why } of plan.skipped) lines.push(line('INFO', `Skipping VIB ${vib}: ${why}`));
  for (const vib of plan.vibs) lines.push(line('INFO', `Installing VIB ${vibId(vib.descriptor)}`));
  lines.push(line('INFO', `The update completed successfully; reboot required: ${plan.rebootRequired}`));
  return lines.join('');
}

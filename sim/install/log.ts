/**
 * The installer's log, `esxupdate.log`: the only place where an installation with checks switched off leaves a trace (catalogue
 * entry `vib-force-trace`). It lies outside the boot banks and is not measured.
 */
import { isoTime } from '../clock.ts';
import type { InstallChange } from './changes.ts';
import type { InstallPlan } from './plan.ts';
import type { Bypass } from './problems.ts';

/** Path beside the boot bank where an image keeps the log. */
export const INSTALL_LOG = 'log/esxupdate.log';

/** What of an installation is logged. */
export interface LoggedInstall extends Pick<InstallPlan, 'bypass' | 'bypassed' | 'skipped' | 'rebootRequired'> {
  readonly changes: readonly Pick<InstallChange, 'vib' | 'action'>[];
}

/**
 * What a host says of an option that switches checks off. The phrases that detection rules look for ("image profile with
 * validation disabled", "bypassing signing and acceptance level verification", "VIB without valid signature") are from public
 * rules; the rest of the wording is ours.
 */
const SAID_OF: Readonly<Record<Bypass, string>> = {
  force: 'SECURITY ALERT: installing an image profile with validation disabled (force)',
  'no-sig-check':
    'SECURITY ALERT: installing an image profile bypassing signing and acceptance level verification (no-sig-check)',
};

const UNSIGNED = 'SECURITY ALERT: VIB without valid signature: ';

/** The lines that one installation adds to the log. @param time milliseconds since 1970 */
export function installLog(plan: LoggedInstall, time: number): string {
  const lines: string[] = [];
  const add = (level: string, text: string): void => {
    lines.push(`${isoTime(time)} esxupdate: 2097: HostImage: ${level}: ${text}\n`);
  };
  for (const option of plan.bypass) add('WARNING', SAID_OF[option]);
  for (const { code, message } of plan.bypassed) {
    add('WARNING', `${code === 'signature' ? UNSIGNED : ''}${message} [${code}, bypassed]`);
  }
  for (const { vib, why } of plan.skipped) add('INFO', `Skipping VIB ${vib}: ${why}`);
  const doing = { install: 'Installing', remove: 'Removing' } as const;
  for (const { vib, action } of plan.changes) add('INFO', `${doing[action]} VIB ${vib}`);
  add('INFO', `The update completed successfully; reboot required: ${plan.rebootRequired}`);
  return lines.join('');
}

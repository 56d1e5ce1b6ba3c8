/** A planned installation: what goes in, what was passed over, and what an installer's log would say of it. */
import { InputError } from '../../src/bytes/errors.ts';
import { isModuleType, LOCKER_TYPE } from '../../src/esxboot/index.ts';
import type { AcceptanceLevel, Vib } from '../../src/vib/index.ts';
import { vibId } from '../../src/vib/index.ts';
import { changesBetween, type InstallChange } from './changes.ts';
import { checkFiles, checkLevels, checkRelations, type PackageChecks } from './checks.ts';
import { checkExtensibility } from './extensibility.ts';
import { checkHardware, checkSoftware, type HostHardware, type HostSoftware } from './platforms.ts';
import { type Bypass, bypassesOf, type InstallProblem } from './problems.ts';
import { type SkippedVib, selectVibs, TWICE, withoutVibs } from './select.ts';

/** By which rules a host installs. */
export interface InstallPolicy {
  readonly level: AcceptanceLevel;
  readonly hardware: HostHardware;
  /** What runs on the host; left out, software platforms are not compared. */
  readonly software?: HostSoftware;
  /** What is on the host already: an update. Its signatures and platforms were judged when it was installed. */
  readonly installed?: readonly Vib[];
  /** Names or ids of installed VIBs that shall go. */
  readonly remove?: readonly string[];
  /**
   * What `checkPackages` found of the VIBs given and of those on the host; of these only that they are damaged counts. Left out,
   * signatures and payloads are not looked at until the boot.
   */
  readonly packages?: PackageChecks;
  /** Options given. */
  readonly bypass: readonly Bypass[];
}

/** A payload of a VIB that comes which the boot bank does not get. */
export interface LeftOutPayload {
  readonly vib: string;
  readonly payload: string;
  readonly why: string;
}

/** Result of {@link planInstall}. */
export interface InstallPlan {
  /** By id. */
  readonly vibs: readonly Vib[];
  readonly skipped: readonly SkippedVib[];
  readonly leftOut: readonly LeftOutPayload[];
  /** Problems that an option let pass. */
  readonly bypassed: readonly InstallProblem[];
  readonly bypass: readonly Bypass[];
  /** What comes and goes. */
  readonly changes: readonly InstallChange[];
  /** Whether a running host would need a restart: every change that may not be made live wants one. */
  readonly rebootRequired: boolean;
  /** Whether a running host would have to be in maintenance mode. */
  readonly maintenanceModeRequired: boolean;
}

/** Most problems named in one message. */
const MAX_NAMED = 3;

const leftOutOf = ({ descriptor }: Vib): LeftOutPayload[] =>
  descriptor.payloads
    .filter(({ type }) => !isModuleType(type))
    .map(({ name, type }) => ({ vib: vibId(descriptor), payload: name, why: `of type ${type}: no boot module` }));

/**
 * Decides; throws an InputError naming the first problems that nothing lets pass. `given` come on top of what the policy
 * says is installed.
 */
export function planInstall(given: readonly Vib[], policy: InstallPolicy): InstallPlan {
  const { installed = [], software, packages } = policy;
  const selection = selectVibs([...withoutVibs(installed, policy.remove ?? []), ...given]);
  const { vibs: all, problems } = selection;
  const old = new Set(installed.map(({ descriptor }) => vibId(descriptor)));
  const fresh = all.filter(({ descriptor }) => !old.has(vibId(descriptor)));
  const counts = ({ code, vib }: InstallProblem): boolean =>
    old.has(vib)
      ? code === 'package-damaged' && all.some(({ descriptor }) => vibId(descriptor) === vib)
      : fresh.some(({ descriptor }) => vibId(descriptor) === vib);
  // What the host lacked already (a VIB of the locker, say) is nothing that this installation takes away.
  const lackedBefore = new Set(checkRelations(installed).map(({ message }) => message));
  const found: InstallProblem[] = [
    ...problems,
    ...checkLevels(all, policy.level),
    ...(packages?.problems ?? []).filter(counts),
    ...checkRelations(all).filter(({ message }) => !lackedBefore.has(message)),
    ...checkFiles(all, packages?.unlisted),
    ...checkHardware(fresh, policy.hardware),
    ...(software === undefined ? [] : checkSoftware(fresh, software)),
    ...checkExtensibility(fresh),
  ];
  const passes = ({ code }: InstallProblem): boolean => bypassesOf(code).some((each) => policy.bypass.includes(each));
  // What is damaged comes first: a trust anchor that cannot be read makes others look untrusted.
  const isDamage = ({ code }: InstallProblem): number => Number(code === 'package-damaged');
  const refused = found.filter((problem) => !passes(problem)).toSorted((a, b) => isDamage(b) - isDamage(a));
  if (refused.length > 0) {
    const named = refused.slice(0, MAX_NAMED).map(({ message }) => message);
    const more = refused.length > MAX_NAMED ? `; and ${refused.length - MAX_NAMED} more problems` : '';
    throw new InputError(named.join('; ') + more);
  }
  const vibs = all.filter(({ descriptor }) => descriptor.type !== LOCKER_TYPE);
  const locker = all.filter(({ descriptor }) => descriptor.type === LOCKER_TYPE);
  const why = 'of type locker: on the locker partition, not in the boot bank';
  const twice = selection.skipped.map(({ vib, why }) => ({
    vib,
    why: old.has(vib) && why === TWICE ? 'already installed' : why,
  }));
  const skipped = [...twice, ...locker.map(({ descriptor }) => ({ vib: vibId(descriptor), why }))];
  const changes = changesBetween(installed, vibs);
  const leftOut = vibs.filter((vib) => fresh.includes(vib)).flatMap(leftOutOf);
  return {
    ...{ vibs, skipped, leftOut, changes },
    bypassed: found.filter(passes),
    bypass: policy.bypass,
    rebootRequired: changes.some(({ live }) => !live),
    maintenanceModeRequired: changes.some(({ maintenanceMode }) => maintenanceMode),
  };
}

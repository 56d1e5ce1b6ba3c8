/** Installing VIBs on a new boot disk, by the rules of an ESXi host (facts §16.2; sim/install/*). */

import { utf8 } from '../src/bytes/bytes.ts';
import { InputError } from '../src/bytes/errors.ts';
import type { Certificate } from '../src/crypto/x509.ts';
import { type BootbankOptions, buildBootbank, vibTrustAnchors } from '../src/esxboot/index.ts';
import { type AcceptanceLevel, type GunzipLimits, revocationList, type Vib } from '../src/vib/index.ts';
import type { BootImage } from './image.ts';
import { checkLevels, checkPackages } from './install/checks.ts';
import { installLog } from './install/log.ts';
import { type InstallPlan, type InstallPolicy, planInstall } from './install/plan.ts';
import { PRODUCT_LINE } from './install/platforms.ts';
import type { Bypass } from './install/problems.ts';
import type { HostSpec } from './spec/schema.ts';

export { changeLines, type InstallChange } from './install/changes.ts';
export { INSTALL_LOG, installLog } from './install/log.ts';
export { type InstallPlan, type InstallPolicy, planInstall } from './install/plan.ts';
export { type Bypass, INSTALL_PROBLEMS, type InstallProblem, type InstallProblemCode } from './install/problems.ts';

/** Refuses VIBs below the host's acceptance level, as the installer does without `--force`. */
export function checkInstall(host: AcceptanceLevel, vibs: readonly Vib[]): void {
  const [problem] = checkLevels(vibs, host);
  if (problem !== undefined) throw new InputError(problem.message);
}

/** How the host of a spec installs. */
export interface InstallChoices {
  readonly bypass?: readonly Bypass[];
  /** What is on the host already, for an update. */
  readonly installed?: readonly Vib[];
  /** Names or ids of installed VIBs to be removed. */
  readonly remove?: readonly string[];
}

/** The policy of a spec's host. */
export function installPolicy(spec: HostSpec, choices: InstallChoices = {}): InstallPolicy {
  const { vendor, model } = spec.identity;
  return {
    level: spec.acceptanceLevel,
    hardware: { vendor, model },
    software: { productLineId: PRODUCT_LINE, version: spec.release.version },
    bypass: choices.bypass ?? [],
    installed: choices.installed ?? [],
    remove: choices.remove ?? [],
  };
}

/** Choices of {@link planChecked}. */
export interface PlanChoices extends InstallChoices {
  readonly roots?: readonly Certificate[];
  readonly limits?: GunzipLimits;
  /** VIBs given that were taken from disks: that they lack payloads which a boot bank does not keep is no damage. */
  readonly fromDisks?: readonly Vib[];
}

/**
 * Plans an installation as an installer does it: by the spec's policy, and with signatures and payloads checked. Trust: `roots`,
 * else the anchors that the installed VIBs bring in `sb`, else those of the VIBs given. Errors as `planInstall`.
 */
export async function planChecked(
  spec: HostSpec,
  vibs: readonly Vib[],
  choices: PlanChoices = {},
): Promise<InstallPlan> {
  const { installed = [], fromDisks = [], limits = {} } = choices;
  const all = [...installed, ...vibs];
  // A host goes by the anchors it runs with, whatever an update brings.
  const own = vibTrustAnchors(installed);
  const roots = choices.roots ?? (own.length > 0 ? own : vibTrustAnchors(all));
  const revoked = revocationList(spec.vmkernel.revokedCertificates ?? []);
  const trust = { roots, time: Date.parse(spec.time), revoked, limits };
  const packages = await checkPackages(all, trust, [...installed, ...fromDisks]);
  return planInstall(vibs, { ...installPolicy(spec, choices), packages });
}

/** What an update takes over from the boot bank before it. */
export type OldBank = Pick<BootbankOptions, 'state' | 'updated' | 'unowned' | 'databaseOthers' | 'keptFiles'> &
  Partial<Pick<BootbankOptions, 'kernelOptions'>>;

/** The build that boot.cfg of real hosts and media states is the version of their base system. */
const baseVersion = (vibs: readonly Vib[]): string | undefined =>
  vibs.map(({ descriptor }) => descriptor).find(({ name, version }) => name === 'esx-base' && BUILD.test(version))
    ?.version;
const BUILD = /^\d+\.\d+\.\d+-\d+(\.\d+)*$/;

/** The boot disk of a planned installation. */
export function installPlanned(spec: HostSpec, plan: InstallPlan, old: OldBank = {}): BootImage {
  const { version, build } = spec.release;
  return buildBootbank(plan.vibs, {
    build: baseVersion(plan.vibs) ?? `${version}-0.0.${build}`,
    release: version,
    kernelOptions: spec.boot.kernelOptions,
    bootUuid: spec.boot.bootUuid,
    ...old,
  });
}

/**
 * Installs VIBs onto a new boot disk: level, relations, files, hardware. Signatures are left to the boot, where the VMkernel
 * checks them, so that any disk can be put before a verifier.
 */
export function installImage(spec: HostSpec, vibs: readonly Vib[], choices: InstallChoices = {}): BootImage {
  const plan = planInstall(vibs, installPolicy(spec, choices));
  const log = utf8(installLog(plan, Date.parse(spec.time)));
  return { ...installPlanned(spec, plan), installLog: log, leftOut: plan.skipped };
}

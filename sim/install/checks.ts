/** The installer's checks of a set of VIBs. Each gives problems; what is done about them is the plan's matter. */
import { isModuleType } from '../../src/esxboot/index.ts';
import {
  type AcceptanceLevel,
  compareAcceptance,
  constraintText,
  hostAccepts,
  isError,
  parseAcceptance,
  plainPath,
  type Vib,
  type VibFinding,
  type VibReport,
  type VibVerifyOptions,
  verifyVib,
  vibId,
  vibSatisfies,
} from '../../src/vib/index.ts';
import type { InstallProblem } from './problems.ts';

/** Levels below the host's. */
export function checkLevels(vibs: readonly Vib[], host: AcceptanceLevel): InstallProblem[] {
  return vibs.flatMap(({ descriptor }): InstallProblem[] => {
    const vib = vibId(descriptor);
    const level = parseAcceptance(descriptor.acceptanceLevel);
    if (level === undefined) {
      const message = `VIB ${vib}: unknown acceptance level ${JSON.stringify(descriptor.acceptanceLevel.slice(0, 40))}`;
      return [{ code: 'level-unknown', vib, message }];
    }
    if (hostAccepts(host, level)) return [];
    const message =
      `VIB ${vib}'s acceptance level is ${level}, which is not compliant with the host's acceptance level ${host} ` +
      '(set acceptanceLevel in the host spec to install it)';
    return [{ code: 'level-below-host', vib, message }];
  });
}

/** Dependencies that nothing meets, and conflicts. */
export function checkRelations(vibs: readonly Pick<Vib, 'descriptor'>[]): InstallProblem[] {
  return vibs.flatMap((vib): InstallProblem[] => {
    const id = vibId(vib.descriptor);
    const { depends, conflicts } = vib.descriptor.relationships;
    const unmet = depends.filter((need) => !vibs.some((other) => vibSatisfies(other.descriptor, need)));
    const clashes = conflicts.flatMap((clash) =>
      vibs.filter((other) => other !== vib && vibSatisfies(other.descriptor, clash)).map((other) => ({ clash, other })),
    );
    return [
      ...unmet.map(
        (need): InstallProblem => ({
          code: 'depends',
          vib: id,
          message: `VIB ${id} requires ${constraintText(need)}, but the requirement cannot be satisfied within the image`,
        }),
      ),
      ...clashes.map(
        ({ clash, other }): InstallProblem => ({
          code: 'conflicts',
          vib: id,
          message: `VIB ${id} conflicts with ${constraintText(clash)}, which is ${vibId(other.descriptor)}`,
        }),
      ),
    ];
  });
}

/**
 * Files that two VIBs bring; a VIB with `overlay` may bring files of one without. `unlisted`: files by VIB id that its payloads
 * hold and its file-list does not name, where that is known.
 */
export function checkFiles(vibs: readonly Vib[], unlisted: PackageChecks['unlisted'] = new Map()): InstallProblem[] {
  const owners = new Map<string, Vib>();
  const problems: InstallProblem[] = [];
  for (const vib of vibs) {
    const files = [...vib.descriptor.fileList.map(plainPath), ...(unlisted.get(vibId(vib.descriptor)) ?? [])];
    for (const file of new Set(files)) {
      // Overlays are a layer of their own.
      const key = `${vib.descriptor.overlay ? 'overlay' : 'base'}:${file}`;
      const other = owners.get(key);
      owners.set(key, vib);
      if (other === undefined) continue;
      const [a, b] = [vibId(other.descriptor), vibId(vib.descriptor)];
      problems.push({ code: 'file-conflict', vib: b, message: `file ${file} is in VIB ${a} and in VIB ${b}` });
    }
  }
  return problems;
}

/** The one thing to say about a signature, where it does not carry the level claimed. */
function signatureProblem({ id, signature, level, findings }: VibReport): InstallProblem[] {
  const first = findings.find((finding) => isError(finding) && /^(signature|chain|level)-/.test(finding.code));
  const why = first === undefined ? '' : `: ${first.message}`;
  if (signature.status !== 'valid' && signature.status !== 'missing') {
    return [
      { code: 'signature', vib: id, message: `VIB ${id} does not have a valid signature (${signature.status})${why}` },
    ];
  }
  const claimed = level.claimed;
  if (claimed === undefined || compareAcceptance(claimed, level.allowed) <= 0) return [];
  const by = signature.status === 'missing' ? 'is not signed' : `is signed for ${level.allowed}`;
  return [{ code: 'signature', vib: id, message: `VIB ${id} claims ${claimed}, but ${by}` }];
}

/** What looking into VIBs found. */
export interface PackageChecks {
  readonly problems: readonly InstallProblem[];
  /** By VIB id, see {@link checkFiles}. */
  readonly unlisted: ReadonlyMap<string, readonly string[]>;
}

/** Whether a payload that a boot bank does not keep is all that a finding complains of. */
const isLeftOut = ({ descriptor }: Vib, { code, where }: VibFinding): boolean =>
  code === 'payload-missing' && descriptor.payloads.some(({ name, type }) => name === where && !isModuleType(type));

/** Signatures, and payloads against the checksums of the descriptor. VIBs of `installed` are as a boot bank has them. */
export async function checkPackages(
  vibs: readonly Vib[],
  trust: VibVerifyOptions,
  installed: readonly Vib[] = [],
): Promise<PackageChecks> {
  const problems: InstallProblem[] = [];
  const unlisted = new Map<string, readonly string[]>();
  for (const vib of vibs) {
    const report = await verifyVib(vib, trust);
    unlisted.set(report.id, report.unlisted);
    const counts = (finding: VibFinding): boolean => !installed.includes(vib) || !isLeftOut(vib, finding);
    const damaged = report.findings.find(
      (f) => isError(f) && /^(member|payload|checksum|unsafe)-/.test(f.code) && counts(f),
    );
    const message = `VIB ${report.id}: ${damaged?.where}: ${damaged?.message}`;
    const damage: InstallProblem[] =
      damaged === undefined ? [] : [{ code: 'package-damaged', vib: report.id, message }];
    problems.push(...damage, ...signatureProblem(report));
  }
  return { problems, unlisted };
}

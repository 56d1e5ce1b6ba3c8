/**
 * The late check of the image: which VIB owns each module, whether each VIB is signed for the level it claims, and whether
 * the modules are the payloads that were signed (facts §16.3). With Secure Boot on, a bad signature stops the boot.
 */
import { InputError } from '../../src/bytes/errors.ts';
import type { Certificate } from '../../src/crypto/x509.ts';
import {
  ANCHOR_FOLDER,
  ANCHOR_PAYLOAD,
  IMGDB_FILE,
  type Imgdb,
  type ImgdbVib,
  readImgdb,
  readTrustAnchors,
  UNOWNED_TAIL,
} from '../../src/esxboot/index.ts';
import {
  compareAcceptance,
  hostAccepts,
  isAsStated,
  parseAcceptance,
  type RevocationList,
  revocationList,
  type VibFinding,
  verifySignature,
  vibId,
} from '../../src/vib/index.ts';
import type { RunningSystem } from '../boot/chain.ts';
import type { BootModule } from '../boot/modules.ts';
import { halt, type Machine } from '../machine.ts';
import type { ModuleOwner } from '../report.ts';
import { eachTardiskFile, type Tardisk } from './tardisks.ts';

/** What the check works on. */
export interface ImageCheck {
  readonly modules: readonly BootModule[];
  readonly tardisks: readonly Tardisk[];
  readonly secureBoot: boolean;
}

/** Fills in the installed VIBs and owners; halts where Secure Boot does not allow the image. */
export async function checkInstalledVibs(machine: Machine, system: RunningSystem, check: ImageCheck): Promise<void> {
  const database = await readDatabase(machine, check.modules);
  const vibs = database?.vibs ?? [];
  system.vibs = vibs;
  system.owners = ownersOf(database);
  const unowned = unownedModules(check.modules, system.owners);
  system.reliable = vibs.length > 0 && unowned.length === 0;

  const roots = await trustAnchors(machine, check.tardisks);
  const revoked = revocationList(machine.spec.vmkernel.revokedCertificates ?? []);
  const bad = vibs.flatMap((vib) => badVib(machine, vib, roots, revoked));
  for (const vib of vibs) await checkPayloads(machine, vib, check);
  for (const name of unowned) machine.console.print('vmkernel', `Image: module ${name} belongs to no installed VIB`);
  if (bad.length === 0 && unowned.length === 0) {
    machine.console.print('vmkernel', `Image: ${vibs.length} VIBs, all signatures valid`);
  } else if (check.secureBoot) {
    halt(
      machine,
      'psod',
      'VIB_SIGNATURES',
      'UEFI Secure Boot failed:',
      `Failed to verify signatures of the following vibs (${bad.length})${bad.length > 0 ? `: ${bad.join(' ')}` : ''}`,
      ...(unowned.length > 0 ? [`Unrecognized tardisks: ${unowned.join(' ')}`] : []),
    );
  }
}

async function readDatabase(machine: Machine, modules: readonly BootModule[]): Promise<Imgdb | undefined> {
  const database = modules.find((module) => module.name === IMGDB_FILE);
  if (database === undefined) {
    machine.console.print('vmkernel', `Image: no ${IMGDB_FILE} among the modules`);
    return undefined;
  }
  try {
    const result = readImgdb(await database.content());
    for (const finding of result.findings)
      machine.console.print('vmkernel', `Image: ${IMGDB_FILE}: ${finding.message}`);
    return result;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    machine.console.print('vmkernel', `Image: ${IMGDB_FILE} is damaged: ${error.message}`);
    return undefined;
  }
}

function ownersOf(database: Imgdb | undefined): ReadonlyMap<string, ModuleOwner> {
  const owners = [...(database?.owners ?? [])];
  return new Map(
    owners.map(([file, { vibName, vibVersion, vibVendor }]) => [
      file,
      { name: vibName, version: vibVersion, vendor: vibVendor },
    ]),
  );
}

/** Modules that some VIB should own: all but the database and the configuration archives. */
export function unownedModules(modules: readonly BootModule[], owners: ReadonlyMap<string, unknown>): string[] {
  return modules.map((m) => m.name).filter((name) => !owners.has(name) && !UNOWNED_TAIL.includes(name));
}

/** The certificates of an archive that lie where trust anchors belong. */
export async function anchorFiles(tardisk: Tardisk): Promise<{ path: string; data: Uint8Array }[]> {
  const files: { path: string; data: Uint8Array }[] = [];
  await eachTardiskFile(
    tardisk,
    (path) => path.startsWith(ANCHOR_FOLDER),
    (path, data) => files.push({ path, data }),
  );
  return files;
}

async function trustAnchors(machine: Machine, tardisks: readonly Tardisk[]): Promise<readonly Certificate[]> {
  const tardisk = tardisks.find(({ module }) => module.stem === ANCHOR_PAYLOAD);
  const files = tardisk === undefined ? [] : await anchorFiles(tardisk);
  return readTrustAnchors(files, (path, why) =>
    machine.console.print('vmkernel', `Image: trust anchor ${path}: ${why}`),
  );
}

/** The VIB's id where its signature or level is not good enough; printed either way. */
function badVib(machine: Machine, vib: ImgdbVib, roots: readonly Certificate[], revoked: RevocationList): string[] {
  const id = vibId(vib.descriptor);
  const findings: VibFinding[] = [];
  const signature = verifySignature(vib, { roots, time: machine.clock.now(), revoked }, findings);
  const claimed = parseAcceptance(vib.descriptor.acceptanceLevel);
  const granted = signature.grantedLevel ?? 'CommunitySupported';
  const complain = (why: string): string[] => {
    machine.console.print('vmkernel', `Image: VIB ${id}: ${why}`);
    return [id];
  };
  if (signature.status !== 'valid')
    return complain(`signature ${signature.status}${findings[0] ? `: ${findings[0].message}` : ''}`);
  if (claimed === undefined || compareAcceptance(claimed, granted) > 0) {
    return complain(`claims ${vib.descriptor.acceptanceLevel}, its signer grants ${granted}`);
  }
  if (!hostAccepts(machine.spec.acceptanceLevel, claimed)) {
    return complain(`${claimed} is below the host's acceptance level ${machine.spec.acceptanceLevel}`);
  }
  return [];
}

/**
 * Names the modules that boot.cfg keeps from being loaded, and compares the others with the best checksum in the signed
 * descriptor. By default a difference is printed and the boot goes on, so that a measured-boot verifier
 * gets to see it (docs/decisions/0003); `vmkernel.payloadCheck: enforce` stops the boot.
 */
async function checkPayloads(machine: Machine, vib: ImgdbVib, check: ImageCheck): Promise<void> {
  for (const { name, checksums } of vib.descriptor.payloads) {
    const file = vib.files.get(name);
    if (file === undefined) continue;
    const payload = `Image: payload ${name} of VIB ${vibId(vib.descriptor)}:`;
    const module = check.modules.find((m) => m.name === file);
    if (module === undefined) {
      machine.console.print('vmkernel', `${payload} ${file} is installed, but was not loaded`);
      continue;
    }
    if ((await isAsStated(module, checksums)) !== false) continue;
    machine.console.print('vmkernel', `${payload} ${module.name} differs from its signed checksum`);
    if (check.secureBoot && machine.spec.vmkernel.payloadCheck === 'enforce') {
      halt(
        machine,
        'psod',
        'VIB_SIGNATURES',
        'UEFI Secure Boot failed:',
        `Failed to verify payloads of the following vibs (1): ${vibId(vib.descriptor)}`,
      );
    }
  }
}

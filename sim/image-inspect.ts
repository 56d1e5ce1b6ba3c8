/** What is on a boot disk: each module of boot.cfg, what it is, whose it is, and where it will be measured. */
import { toHex } from '../src/bytes/bytes.ts';
import { InputError, withPart } from '../src/bytes/errors.ts';
import type { Certificate } from '../src/crypto/x509.ts';
import {
  ANCHOR_PAYLOAD,
  asksForMeasurement,
  BOOT_CHECK_TEXT,
  checkBootModules,
  findEsxBootInfo,
  IMGDB_FILE,
  type ImgdbVib,
  isElf,
  loaderKeys,
  lowestSegment,
  type ModuleKey,
  parseBootCfg,
  parseElf,
  readImgdb,
  readTrustAnchors,
  resolveModulePath,
  splitModuleName,
  unbootable,
} from '../src/esxboot/index.ts';
import {
  compareAcceptance,
  isAsStated,
  parseAcceptance,
  type SignatureStatus,
  type VibFinding,
  type VibTrust,
  verifySignature,
} from '../src/vib/index.ts';
import { duplicateModules, duplicateText, moduleTarget } from './boot/mboot-measure.ts';
import { type BootModule, ModuleReader } from './boot/modules.ts';
import { MBOOT } from './boot/safeboot.ts';
import { type BootImage, findFile, findSource } from './image.ts';
import { anchorFiles, unownedModules } from './vmkernel/installed-vibs.ts';
import { kernelImage, NO_KERNEL } from './vmkernel/kernel-image.ts';
import { txtModulePcr } from './vmkernel/measure.ts';
import { openTardisk } from './vmkernel/tardisks.ts';

/** One module. */
export interface ModuleInspection {
  readonly file: string;
  /** Bytes in the boot bank. */
  readonly size: number;
  /** Bytes after decompression. */
  readonly contentSize: number;
  /** SHA-256 of the decompressed content: what is measured. */
  readonly sha256: string;
  /** PCR it goes into; null where it is not measured by itself. */
  readonly pcr: number | null;
  /** Id of the VIB that owns it; null for files of no VIB. */
  readonly vib: string | null;
  /** Acceptance level the VIB claims. */
  readonly level: string | null;
  /** What the VIB's signature is worth; `level not granted` where it is valid but for a lower level. */
  readonly signature: SignatureStatus | 'level not granted' | null;
  /** Whether it has the best checksum of the VIB's descriptor; null where there is none to compare. */
  readonly checksum: boolean | null;
}

/** A boot disk, inspected. */
export interface ImageInspection {
  readonly build: string;
  readonly profile: string;
  /** `bootloader`: PCR 11–14 (design B); `vmkernel`: PCR 19–21 after a TXT launch (design A). docs/decisions/0002 */
  readonly measuredBy: 'bootloader' | 'vmkernel';
  readonly modules: readonly ModuleInspection[];
  /** Files of the boot bank that boot.cfg does not name. */
  readonly unused: readonly string[];
  /** What is wrong with boot.cfg or the image database. */
  readonly problems: readonly string[];
  /** Why a host with Secure Boot does not boot it; empty where it does. */
  readonly secureBoot: readonly string[];
  /** Arguments that boot.cfg gives modules: passed on, and measured by nobody. */
  readonly arguments: readonly { readonly file: string; readonly text: string }[];
}

/** Whether module 0 asks the bootloader to measure; undefined where no bootloader can start it. */
async function bootloaderMeasures(kernel: BootModule | undefined): Promise<boolean | undefined> {
  if (kernel === undefined || !isElf(kernel.head)) return undefined;
  try {
    const segment = lowestSegment(parseElf(await kernel.content()));
    const found = segment === undefined ? undefined : findEsxBootInfo(segment.data);
    return found && asksForMeasurement(found.header);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Why no host gets past the start of these modules. Module 0 may be among those that could not be read. */
const notStarting = (modules: readonly BootModule[], byBootloader: boolean | undefined): string[] => [
  ...(modules[0]?.index === 0 && byBootloader === undefined
    ? [`${modules[0].path}: no host boots this bank: not an ESXBootInfo kernel`]
    : []),
  ...(kernelImage(modules) === undefined ? [`no host boots this bank: ${NO_KERNEL}`] : []),
];

async function anchors(modules: readonly BootModule[]): Promise<Certificate[]> {
  const sb = modules.find(({ stem }) => stem === ANCHOR_PAYLOAD);
  if (sb === undefined) return [];
  try {
    const tardisk = await openTardisk(sb);
    return tardisk === undefined ? [] : readTrustAnchors(await anchorFiles(tardisk));
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

async function openModules(
  image: BootImage,
  problems: string[],
): Promise<{
  modules: BootModule[];
  sizes: ReadonlyMap<BootModule, number>;
  /** Names that boot.cfg has, whether a module could be read or not; lower case. */
  named: ReadonlySet<string>;
  build: string;
}> {
  const config = findFile(image.bootbank, 'boot.cfg');
  if (config === undefined) throw new InputError('no boot.cfg: not a boot bank');
  const { mboot, safeboot, findings } = parseBootCfg(config);
  const passedOver = unbootable(safeboot);
  if (passedOver !== undefined) problems.push(`boot.cfg: no host boots this bank: ${passedOver}`);
  for (const { line, code, text } of findings) problems.push(`boot.cfg: line ${line}: ${code}: ${text}`);
  const named = new Set<string>();
  const kernel = mboot.kernel === undefined ? [] : [{ file: mboot.kernel, options: '' }];
  const files = [...kernel, ...mboot.modules].flatMap(({ file, options }, index) => {
    const path = resolveModulePath(file, mboot.prefix);
    named.add(splitModuleName(path).base.toLowerCase());
    const source = findSource(image.bootbank, path);
    if (source !== undefined) return [{ index, path, options, source }];
    problems.push(`${path}: named in boot.cfg, not in the boot bank`);
    return [];
  });
  const reader = new ModuleReader(files, ['sha256']);
  const modules: BootModule[] = [];
  const sizes = new Map<BootModule, number>();
  for (const [place, { path, source }] of files.entries()) {
    try {
      const module = await reader.take(place);
      modules.push(module);
      sizes.set(module, source.size);
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { modules, sizes, named, build: safeboot.build ?? '' };
}

function signatureOf(vib: ImgdbVib, trust: VibTrust): ModuleInspection['signature'] {
  const findings: VibFinding[] = [];
  const { status, grantedLevel = 'CommunitySupported' } = verifySignature(vib, trust, findings);
  const claimed = parseAcceptance(vib.descriptor.acceptanceLevel);
  const granted = claimed !== undefined && compareAcceptance(claimed, grantedLevel) <= 0;
  return status === 'valid' && !granted ? 'level not granted' : status;
}

/** PCR of a module; with a TXT launch module 0 is the MLE, which the launch itself measures into PCR 17. */
function pcrOf(module: BootModule, byBootloader: boolean): number | null {
  if (byBootloader) return moduleTarget(module).pcr;
  return module.index === 0 ? 17 : (txtModulePcr(module) ?? null);
}

/** Modules of an installed VIB that boot.cfg does not name: they are not loaded. */
const notNamed = ({ id, files }: ImgdbVib, named: ReadonlySet<string>): string[] =>
  [...files]
    .filter(([, file]) => !named.has(file.toLowerCase()))
    .map(([payload, file]) => `VIB ${id}: boot.cfg does not name ${file}, its payload ${payload}`);

/** What mboot finds wrong with the signatures of the modules. */
async function moduleProblems(image: BootImage, modules: readonly BootModule[]): Promise<string[]> {
  const mboot = findFile(image.esp, MBOOT);
  if (mboot === undefined) return [`no ${MBOOT} on the system partition`];
  let keys: readonly ModuleKey[] | undefined;
  try {
    keys = loaderKeys(mboot);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return [`${MBOOT}: ${error.message}`];
  }
  if (keys === undefined) return [`${MBOOT}: ${BOOT_CHECK_TEXT.unchecked}`];
  const { verdict, modules: checks } = await checkBootModules(
    modules.map((module) => ({ file: module.path, head: module.head, content: module })),
    keys,
  );
  const bad = checks.flatMap(({ file, result }) => (result.ok ? [] : [`${file}: ${result.detail}`]));
  return verdict === 'valid' || bad.length > 0 ? bad : [BOOT_CHECK_TEXT[verdict]];
}

/** One after the other, as they may be large. */
async function inEach<T, U>(list: readonly T[], make: (each: T) => Promise<U>): Promise<U[]> {
  const out: U[] = [];
  for (const each of list) out.push(await make(each));
  return out;
}

/** Inspects a boot disk. `roots` besides the anchors in its own `sb`; `time` as in `verifySignature`. */
export async function inspectImage(
  image: BootImage,
  trust: Pick<VibTrust, 'time' | 'revoked'> & { roots?: readonly Certificate[] },
): Promise<ImageInspection> {
  const problems: string[] = [];
  const { modules, sizes, named, build } = await openModules(image, problems);
  const asked = await bootloaderMeasures(modules[0]);
  const byBootloader = asked === true;
  problems.push(
    ...notStarting(modules, asked),
    ...duplicateModules(modules.map(({ name }) => name)).map(duplicateText),
  );
  const database = modules.find(({ name }) => name === IMGDB_FILE);
  const content = await database?.content();
  const imgdb = content === undefined ? undefined : withPart(IMGDB_FILE, () => readImgdb(content));
  if (imgdb === undefined && !named.has(IMGDB_FILE)) problems.push(`no ${IMGDB_FILE} among the modules`);
  for (const { where, message } of imgdb?.findings ?? []) problems.push(`${IMGDB_FILE}: ${where}: ${message}`);
  problems.push(...(imgdb?.vibs ?? []).flatMap((vib) => notNamed(vib, named)));
  const full: VibTrust = { ...trust, roots: [...(trust.roots ?? []), ...(await anchors(modules))] };
  const signatures = new Map((imgdb?.vibs ?? []).map((vib) => [vib.id, signatureOf(vib, full)]));
  const used = new Set(['boot.cfg', ...named]);
  const strangers = unownedModules(modules, imgdb?.owners ?? new Map());
  const bad = [...signatures].filter(([, signature]) => signature !== 'valid');
  const secureBoot = [
    ...(await moduleProblems(image, modules)),
    ...strangers.map((name) => `${name}: belongs to no VIB`),
    ...bad.map(([id, signature]) => `VIB ${id}: signature ${signature}`),
  ];
  return {
    secureBoot,
    arguments: modules.flatMap(({ name, options }) => (options === '' ? [] : [{ file: name, text: options }])),
    build,
    profile: imgdb?.profile?.name ?? '',
    measuredBy: byBootloader ? 'bootloader' : 'vmkernel',
    modules: await inEach(modules, async (module) => {
      const owner = imgdb?.owners.get(module.name);
      const vib = imgdb?.vibs.find(({ id }) => id === owner?.vibId);
      const sha256 = toHex(module.digest('sha256'));
      const sums = vib?.descriptor.payloads.find(({ name }) => name === owner?.payloadName)?.checksums;
      return {
        file: module.name,
        size: sizes.get(module) ?? 0,
        contentSize: module.size,
        sha256,
        pcr: pcrOf(module, byBootloader),
        vib: vib?.id ?? null,
        level: vib?.descriptor.acceptanceLevel ?? null,
        signature: vib === undefined ? null : (signatures.get(vib.id) ?? null),
        checksum: (await isAsStated(module, sums ?? [])) ?? null,
      };
    }),
    unused: [...image.bootbank.keys()].filter((name) => !used.has(name.toLowerCase())),
    problems,
  };
}

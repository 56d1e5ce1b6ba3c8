import { join } from 'node:path';
import { sourceOf } from '../../src/archive/index.ts';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { type GunzipLimits, parseAcceptance } from '../../src/vib/index.ts';
import { duplicateModules, duplicateText } from '../boot/mboot-measure.ts';
import type { InstalledImage } from '../install/installed.ts';
import { otherRelease } from '../install/release.ts';
import {
  type Bypass,
  changeLines,
  INSTALL_LOG,
  type InstallPlan,
  installLog,
  installPlanned,
  planChecked,
} from '../install.ts';
import { packageRoot } from '../node/files.ts';
import { type GivenVibs, givenVibs, installedAt, isDisk } from '../node/given-vibs.ts';
import { entrySize, type TreeEntry, writeTree } from '../node/trees.ts';
import { readCertificates } from '../node/vib-files.ts';
import type { HostSpec } from '../spec/schema.ts';
import type { CommandInput, CommandIo, CommandResult, Options } from './command.ts';
import { readLimits } from './limits.ts';
import { readSpec } from './spec-options.ts';
import { count } from './text.ts';

/** The VIBs given, else those of the spec. */
function vibsOf(spec: HostSpec, given: readonly string[], limits: GunzipLimits): Promise<GivenVibs> {
  const { paths = [], sample } = spec.image;
  if (given.length > 0 || paths.length > 0) return givenVibs(given.length > 0 ? given : paths, spec, limits);
  if (sample === undefined) throw new InputError('image build: name VIBs, or folders or bundles of them');
  return givenVibs([join(packageRoot(), 'vib-samples', sample)], spec);
}

function levelOf(spec: HostSpec, options: Options): HostSpec['acceptanceLevel'] {
  const text = options.text('level');
  const level = text === undefined ? spec.acceptanceLevel : parseAcceptance(text);
  if (level === undefined) throw new InputError(`--level: unknown acceptance level ${JSON.stringify(text)}`);
  return level;
}

/** The files of a part of the disk, left where they are. */
const sources = (files: ReadonlyMap<string, Uint8Array>, folder: string): TreeEntry[] =>
  [...files.keys()].flatMap((name) => {
    const data = sourceOf(files, name);
    return data === undefined ? [] : [{ path: folder + name, data }];
  });

/** What a running host must do for an update. */
function hostMust({ changes, rebootRequired, maintenanceModeRequired }: InstallPlan): string {
  if (changes.length === 0) return 'nothing changes';
  if (rebootRequired) return 'a running host must reboot for this';
  return maintenanceModeRequired
    ? 'a running host does this live, in maintenance mode'
    : 'a running host does this live, without a reboot';
}

/** The disk to be updated; nothing where a new one is made. */
function installedOf(onto: string | undefined, spec: HostSpec): Partial<InstalledImage> {
  if (onto === undefined) return {};
  if (!isDisk(onto)) throw new InputError(`--onto: ${onto} is neither a boot bank folder nor a disc`);
  return installedAt(onto, spec);
}

export async function run({ args, options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  const out = options.text('out');
  if (out === undefined) throw new InputError('image build: --out DIR is needed');
  const given = readSpec(options);
  const spec: HostSpec = { ...given, acceptanceLevel: levelOf(given, options) };
  const limits = readLimits(options);
  const onto = options.text('onto');
  const remove = options.list('remove');
  if (onto === undefined && remove.length > 0) throw new InputError('image build: --remove needs --onto DIR');
  const { vibs: installed = [], old, log: oldLog = new Uint8Array(0), strangers = [] } = installedOf(onto, spec);
  const named = [...args, ...options.list('vib')];
  const { vibs, fromDisks } = await (onto === undefined ? vibsOf(spec, named, limits) : givenVibs(named, spec, limits));
  const bypass: Bypass[] = [];
  if (options.on('force')) bypass.push('force');
  if (!options.on('sigCheck')) bypass.push('no-sig-check');
  const roots = options.list('root');
  const choices = {
    bypass,
    installed,
    fromDisks,
    remove,
    limits,
    ...(roots.length > 0 ? { roots: readCertificates(roots) } : {}),
  };
  const plan = await planChecked(spec, vibs, choices);
  const image = installPlanned(spec, plan, old);
  const log = concat(oldLog, utf8(installLog(plan, Date.parse(spec.time))));
  const entries = [...sources(image.bootbank, ''), ...sources(image.esp, 'esp/'), { path: INSTALL_LOG, data: log }];
  writeTree(out, entries);
  const other = otherRelease(
    spec,
    plan.vibs.map(({ descriptor }) => descriptor),
  );
  if (other !== undefined) io.progress(`warning: ${other}`);
  for (const name of strangers) io.progress(`warning: ${name} belongs to no VIB: the update leaves it behind`);
  for (const each of duplicateModules([...image.bootbank.keys()])) io.progress(`warning: ${duplicateText(each)}`);
  for (const { message } of plan.bypassed) io.progress(`warning: ${message}`);
  if (bypass.length > 0 && spec.hardware.secureBoot.enabled) {
    io.progress('warning: a real host with Secure Boot on refuses these options, and may refuse to boot this image');
  }
  const skipped = plan.skipped.map(({ vib, why }) => `  not installed: ${vib} (${why})`);
  const leftOut = plan.leftOut.map(
    ({ vib, payload, why }) => `  not in the boot bank: payload ${payload} of ${vib} (${why})`,
  );
  // Of a new disk everything is new; of an update only what changes is of interest.
  const changes = onto === undefined ? [] : changeLines(plan.changes).map((line) => `  ${line}`);
  const needs = onto === undefined ? [] : [hostMust(plan)];
  const summary = `${count(plan.vibs.length, 'VIB')} in ${count(image.bootbank.size, 'file')} written to ${out}`;
  return {
    text: [summary, ...changes, ...skipped, ...leftOut, ...needs, `boot it: esxsim boot --image ${out}`].join('\n'),
    json: {
      path: out,
      acceptanceLevel: spec.acceptanceLevel,
      vibs: plan.vibs.map(
        ({ descriptor }) => `${descriptor.vendor}_${descriptor.type}_${descriptor.name}_${descriptor.version}`,
      ),
      skipped: plan.skipped,
      leftOut: plan.leftOut,
      bypassed: plan.bypassed,
      changes: plan.changes,
      rebootRequired: plan.rebootRequired,
      maintenanceModeRequired: plan.maintenanceModeRequired,
      files: entries.map((entry) => ({ path: entry.path, size: entrySize(entry) })),
    },
    exitCode: 0,
  };
}

import { withSourceAsync } from '../../src/bytes/errors.ts';
import { parseAcceptance } from '../../src/vib/index.ts';
import { type BundleInspection, inspectBundle, isSoundBundle } from '../bundle-inspect.ts';
import { type ImageInspection, inspectImage, type ModuleInspection } from '../image-inspect.ts';
import { bundleAt, openImage } from '../node/image-files.ts';
import { readCertificates } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';
import { readSpec } from './spec-options.ts';
import { count, plain, table } from './text.ts';
import { readTime } from './verify.ts';

function row(module: ModuleInspection): string[] {
  const { level, signature, checksum, pcr } = module;
  const sum = checksum === null ? '-' : checksum ? 'ok' : 'DIFFERS';
  const shown = level === null ? '-' : (parseAcceptance(level) ?? level);
  return [
    plain(module.file),
    String(module.size),
    String(module.contentSize),
    module.sha256,
    pcr === null ? '-' : String(pcr),
    plain(shown),
    signature ?? '-',
    sum,
    plain(module.vib ?? '(no VIB)'),
  ];
}

function render(info: ImageInspection, path: string): string {
  const head = ['MODULE', 'BYTES', 'CONTENT', 'SHA-256 OF THE CONTENT', 'PCR', 'LEVEL', 'SIGNATURE', 'CHECKSUM', 'VIB'];
  const design =
    info.measuredBy === 'bootloader' ? 'measured by the bootloader' : 'measured by the VMkernel after a TXT launch';
  const lines = [
    `${path}: ${plain(info.profile) || 'no image profile'}, build ${plain(info.build)}, ${count(info.modules.length, 'module')}, ${design}`,
    '',
    table(head, info.modules.map(row)),
  ];
  if (info.unused.length > 0) lines.push('', `Not named in boot.cfg: ${info.unused.map(plain).join(', ')}`);
  for (const { file, text } of info.arguments)
    lines.push('', `Arguments of ${plain(file)}, not measured: ${plain(text)}`);
  if (info.secureBoot.length > 0) lines.push('', ...info.secureBoot.map((why) => `Secure Boot halts: ${plain(why)}`));
  if (info.problems.length > 0) lines.push('', ...info.problems.map((problem) => `problem: ${plain(problem)}`));
  return lines.join('\n');
}

function renderBundle(info: BundleInspection, path: string): string {
  const vendors = info.vendors.map(({ name, code }) => plain(`${name} (${code})`)).join(', ');
  const lines = [
    `${path}: offline bundle of ${vendors}: ${count(info.profiles.length, 'image profile')}, ${count(info.vibs.length, 'VIB')}`,
  ];
  if (info.profiles.length > 0) {
    const rows = info.profiles.map(({ name, acceptanceLevel, vibs, creator }) => [
      plain(name),
      plain(acceptanceLevel),
      String(vibs),
      plain(creator),
    ]);
    lines.push('', table(['PROFILE', 'LEVEL', 'VIBS', 'CREATOR'], rows));
  }
  const rows = info.vibs.map(({ id, level, size, signature, profiles, problem, checksum }) => [
    plain(id),
    plain(level),
    String(size ?? '-'),
    signature ?? '-',
    problem !== null ? 'BAD' : checksum ? 'ok' : 'not checked',
    profiles.map(plain).join(', ') || '-',
  ]);
  lines.push('', table(['VIB', 'LEVEL', 'BYTES', 'SIGNATURE', 'FILE', 'PROFILES'], rows));
  if (info.bulletins.length > 0) {
    const bulletins = info.bulletins.map(({ id, vibs: named, absent, summary }) => [
      plain(id),
      String(named),
      String(absent.length),
      plain(summary),
    ]);
    lines.push('', table(['BULLETIN', 'VIBS', 'NOT HERE', 'SUMMARY'], bulletins));
  }
  if (info.unusedParts.length > 0) {
    const parts = info.unusedParts.map(({ name, files }) => `${plain(name)} (${count(files, 'file')})`);
    lines.push('', `Not used of the metadata: ${parts.join(', ')}`);
  }
  const problems = [
    ...info.vibs.flatMap(({ id, problem }) => (problem === null ? [] : [`${id}: ${problem}`])),
    ...info.findings.map(({ code, where, message }) => `${code}: ${where}: ${message}`),
  ];
  if (problems.length > 0) lines.push('', ...problems.map((problem) => `problem: ${plain(problem)}`));
  const [first] = info.profiles;
  if (first !== undefined) lines.push('', `its modules: esxsim image inspect '${path}#${plain(first.name)}'`);
  return lines.join('\n');
}

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const [only = ''] = args;
  const bundle = args.length === 1 ? await bundleAt(only, readLimits(options)) : undefined;
  if (bundle !== undefined) {
    const info = inspectBundle(bundle);
    return { text: renderBundle(info, only), json: info, exitCode: isSoundBundle(info) ? 0 : 1 };
  }
  // Looking at a disk refuses no level.
  const spec = readSpec(options, { image: { paths: [...args] }, acceptanceLevel: 'CommunitySupported' });
  const roots = options.list('root');
  const image = await openImage(spec);
  const path = args.join(', ');
  const time = readTime(options.text('time')) ?? Date.parse(spec.time);
  const info = await withSourceAsync(path, () =>
    inspectImage(image, { time, ...(roots.length > 0 ? { roots: readCertificates(roots) } : {}) }),
  );
  const sound = info.problems.length === 0 && info.modules.every(({ checksum }) => checksum !== false);
  return { text: render(info, path), json: info, exitCode: sound ? 0 : 1 };
}

import { join } from 'node:path';
import { InputError } from '../../src/bytes/errors.ts';
import { hostAccepts, parseAcceptance, renderVerify, verifyVib } from '../../src/vib/index.ts';
import { packageRoot } from '../node/files.ts';
import { openVibs, readCertificates } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readTime } from './verify.ts';

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const level = parseAcceptance(options.text('level') ?? '');
  if (level === undefined)
    throw new InputError(`--level: unknown acceptance level ${JSON.stringify(options.text('level'))}`);
  const time = readTime(options.text('time')) ?? 'ignore';
  const given = options.list('root');
  const roots = readCertificates(
    given.length > 0 ? given : [join(packageRoot(), 'vib-samples', 'pki', 'vib-root.crt.pem')],
  );
  const reports = openVibs(args).map(({ path, vib }) => {
    const report = verifyVib(vib, { roots, time });
    const { claimed } = report.level;
    const accepted = claimed !== undefined && hostAccepts(level, claimed);
    return { path, accepted, ...report, ok: report.ok && accepted };
  });
  const texts = reports.map((report) => {
    const refusal = report.accepted ? '' : `\nA host of acceptance level ${level} does not accept this VIB`;
    return `${report.path}\n${renderVerify(report).trimEnd()}${refusal}`;
  });
  return { text: texts.join('\n\n'), json: reports, exitCode: reports.every((r) => r.ok) ? 0 : 1 };
}

import { join } from 'node:path';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { moduleRule, type PayloadModuleSignature, payloadModuleSignatures } from '../../src/esxboot/index.ts';
import {
  hostAccepts,
  parseAcceptance,
  parseRevocationList,
  renderVerify,
  revocationList,
  verifyVib,
} from '../../src/vib/index.ts';
import { packageRoot, readFile } from '../node/files.ts';
import { openVibPaths, readCertificates } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';
import { table } from './text.ts';
import { readTime } from './verify.ts';

/** A line per module signature, under the report. */
function moduleText(modules: readonly PayloadModuleSignature[]): string {
  if (modules.length === 0) return '';
  const rows = modules.map(({ payload, required, schema, status, detail, ok }) => [
    `  module ${payload}`,
    status === 'not-checked' ? 'signed' : ok ? (status === 'ok' ? 'ok' : 'unused') : 'BAD',
    required === undefined ? 'need not be signed' : `must be signed: ${required}`,
    `${schema === undefined ? '' : `schema ${schema}, `}${detail}`.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' '),
  ]);
  return `\n${table(['  MODULE', 'SIGNATURE', 'RULE', 'TRAILER'], rows)}`;
}

export async function run({ args, options }: CommandInput): Promise<CommandResult> {
  const level = parseAcceptance(options.text('level') ?? '');
  if (level === undefined)
    throw new InputError(`--level: unknown acceptance level ${JSON.stringify(options.text('level'))}`);
  const time = readTime(options.text('time')) ?? 'ignore';
  const given = options.list('root');
  const roots = readCertificates(
    given.length > 0 ? given : [join(packageRoot(), 'vib-samples', 'pki', 'vib-root.crt.pem')],
  );
  const file = options.text('revoked');
  const revoked = file === undefined ? revocationList([]) : withSource(file, () => parseRevocationList(readFile(file)));
  const limits = readLimits(options);
  const files = await openVibPaths(args);
  const rule = moduleRule(
    files.map(({ vib }) => vib),
    limits,
  );
  const reports = [];
  for (const { path, vib } of files) {
    const report = await verifyVib(vib, { roots, time, revoked, limits });
    const { claimed } = report.level;
    const accepted = claimed !== undefined && hostAccepts(level, claimed);
    const modules = await payloadModuleSignatures(vib, rule, limits);
    reports.push({
      path,
      accepted,
      ...report,
      modules,
      ok: report.ok && accepted && modules.every((module) => module.ok),
    });
  }
  const texts = reports.map((report) => {
    const refusal = report.accepted ? '' : `\nA host of acceptance level ${level} does not accept this VIB`;
    return `${report.path}\n${renderVerify(report).trimEnd()}${moduleText(report.modules)}${refusal}`;
  });
  return { text: texts.join('\n\n'), json: reports, exitCode: reports.every((r) => r.ok) ? 0 : 1 };
}

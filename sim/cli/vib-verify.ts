import { join } from 'node:path';
import { InputError, withSource } from '../../src/bytes/errors.ts';
import { moduleRule, type PayloadModuleSignature, payloadModuleSignatures } from '../../src/esxboot/index.ts';
import {
  hostAccepts,
  parseAcceptance,
  parseRevocationList,
  renderVerify,
  revocationList,
  type VibFinding,
  verifyVib,
} from '../../src/vib/index.ts';
import { packageRoot, readFile } from '../node/files.ts';
import { type DamagedVib, findVibPaths, readCertificates } from '../node/vib-files.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { readLimits } from './limits.ts';
import { plain, table } from './text.ts';
import { readTime } from './verify.ts';

/** A line per module signature, under the report. */
function moduleText(modules: readonly PayloadModuleSignature[]): string {
  if (modules.length === 0) return '';
  const rows = modules.map(({ payload, required, schema, status, detail, ok }) => [
    `  module ${payload}`,
    status === 'not-checked' ? 'signed' : ok ? (status === 'ok' ? 'ok' : 'unused') : 'BAD',
    required === undefined ? 'need not be signed' : `must be signed: ${required}`,
    plain(`${schema === undefined ? '' : `schema ${schema}, `}${detail}`),
  ]);
  return `\n${table(['  MODULE', 'SIGNATURE', 'RULE', 'TRAILER'], rows)}`;
}

/** What there is to say of a VIB that cannot be read. */
function damaged({ path, id, problem }: DamagedVib) {
  const { message } = problem;
  const findings: VibFinding[] = [{ code: 'vib-unreadable', where: path, message }];
  return {
    text: `${plain(path)}\n${plain(id)}: NOT OK\n  file  BAD  ${plain(message)}`,
    json: { path, accepted: false, id, ok: false, signature: null, level: null, payloads: [], findings, modules: [] },
    ok: false,
  };
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
  const list = options.text('revoked');
  const revoked = list === undefined ? revocationList([]) : withSource(list, () => parseRevocationList(readFile(list)));
  const limits = readLimits(options);
  const files = await findVibPaths(args);
  const rule = moduleRule(
    files.flatMap((file) => ('problem' in file ? [] : [file.vib])),
    limits,
  );
  const reports: { text: string; json: unknown; ok: boolean }[] = [];
  for (const file of files) {
    if ('problem' in file) {
      reports.push(damaged(file));
      continue;
    }
    const { path, vib } = file;
    const report = await verifyVib(vib, { roots, time, revoked, limits });
    const { claimed } = report.level;
    const accepted = claimed !== undefined && hostAccepts(level, claimed);
    const modules = await payloadModuleSignatures(vib, rule, limits);
    const ok = report.ok && accepted && modules.every((module) => module.ok);
    const refusal = accepted ? '' : `\nA host of acceptance level ${level} does not accept this VIB`;
    reports.push({
      text: `${path}\n${renderVerify({ ...report, ok }).trimEnd()}${moduleText(modules)}${refusal}`,
      json: { path, accepted, ...report, modules, ok },
      ok,
    });
  }
  return {
    text: reports.map(({ text }) => text).join('\n\n'),
    json: reports.map(({ json }) => json),
    exitCode: reports.every(({ ok }) => ok) ? 0 : 1,
  };
}

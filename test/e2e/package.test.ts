/** The built package as a consumer gets it: every entry point loads in plain Node, without side effects on import. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './cli.ts';

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const entries = Object.keys(manifest.exports).filter((name) => !name.endsWith('.json') && name !== './vitest');

function node(code: string) {
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: ROOT, encoding: 'utf8' });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

describe('built package', () => {
  it.each(entries)('%s loads and prints nothing', (name) => {
    const specifier = name.replace('.', 'esxsim');
    const run = node(
      `const m = await import(${JSON.stringify(specifier)}); if (Object.keys(m).length === 0) process.exit(3);`,
    );
    expect(run).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('boots, predicts and verifies through its public names only', () => {
    const run = node(`
      import { evidenceFiles, Host, predictReference, resolveSpec } from 'esxsim';
      import { loadImage } from 'esxsim/node';
      import { verifyEvidence } from 'esxsim/verify';
      const spec = resolveSpec({}, { faults: ['cmdline-tamper'] });
      const image = loadImage(spec);
      const result = await new Host(spec, image).powerOn();
      const appraisal = verifyEvidence(evidenceFiles(result), await predictReference(spec, image));
      console.log(JSON.stringify(appraisal.findings.map((f) => f.code)));
    `);
    expect(run).toEqual({ code: 0, stdout: '["COMMAND_LINE_MISMATCH"]\n', stderr: '' });
  });

  it('has types and a schema for every entry point', () => {
    for (const name of entries)
      expect(readFileSync(join(ROOT, manifest.exports[name].types), 'utf8').length).toBeGreaterThan(10);
    const schema = JSON.parse(readFileSync(join(ROOT, 'dist', 'host-spec.schema.json'), 'utf8'));
    expect(Object.keys(schema.properties)).toContain('hardware');
    expect(JSON.stringify(schema)).not.toContain('"required"');
  });
});

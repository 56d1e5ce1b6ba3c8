/** The commands of the README, run as they stand there; the comment behind a command says how it ends. */
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, tempFolder } from './cli.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line.startsWith('npx esxsim ') && !line.startsWith('npx esxsim serve'));

describe('README', () => {
  const folder = tempFolder();
  symlinkSync(join(ROOT, 'vib-samples'), join(folder, 'vib-samples'));

  it.each(lines)('%s', (line) => {
    const [command = '', comment = ''] = line.split(/\s+#\s+/);
    const expected = comment.includes('exit 1') ? 1 : 0;
    const script = command.replace('npx esxsim', `"${process.execPath}" "${join(ROOT, 'bin', 'esxsim.js')}"`);
    const run = spawnSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
    expect({ code: run.status, stderr: run.stderr }).toEqual({ code: expected, stderr: '' });
  });

  it('has commands', () => expect(lines.length).toBeGreaterThan(7));
});

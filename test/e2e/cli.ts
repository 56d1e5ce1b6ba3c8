/** Runs the CLI: the built one the way a user does, or the same commands within this process. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../sim/cli/program.ts';

/** Root of the checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What a run printed and how it ended. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `esxsim ARGS` from the root of the checkout. */
export function esxsim(...args: string[]): Run {
  const result = spawnSync(process.execPath, [join(ROOT, 'bin', 'esxsim.js'), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/**
 * `esxsim ARGS` as this process runs it, without starting another: much faster where a test is about what the program does,
 * not about its process.
 */
export async function esxsimHere(...args: string[]): Promise<Run> {
  let stdout = '';
  let stderr = '';
  const code = await runProgram(args, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}

/** A new temporary folder. */
export const tempFolder = (): string => mkdtempSync(join(tmpdir(), 'esxsim-e2e-'));

/** Every file of a folder, by name. */
export function filesOf(folder: string): Record<string, Buffer> {
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, readFileSync(join(folder, name))]),
  );
}

/** Running programs from the conformance suites. A missing program is a failure, never a skip. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Folder into which set-up installs clients. */
export const CLIENTS = join(ROOT, '.cache', 'conformance');

/** What a program did. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Throws where it cannot be started at all. */
export function run(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; cwd?: string } = {},
): Finished {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    input: options.input ?? '',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined)
    throw new Error(`${program}: ${result.error.message} (run test/conformance/setup.sh)`);
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

/** As {@link run}, but this process goes on meanwhile: it may serve the program, or run others beside it. */
export function runBeside(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env };
    const child = spawn(program, args, { cwd: options.cwd ?? ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      output.stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.stderr += chunk.toString('utf8');
    });
    child.once('error', (error) => reject(new Error(`${program}: ${error.message} (run test/conformance/setup.sh)`)));
    child.once('close', (code) => resolve({ code, ...output }));
  });
}

/** Runs the CLI. */
export function esxsim(...args: string[]): Finished {
  return run(process.execPath, [join(ROOT, 'bin', 'esxsim.js'), ...args]);
}

/** A new temporary folder. */
export const tempFolder = (): string => mkdtempSync(join(tmpdir(), 'esxsim-'));

/** What tells this process from those that run other suites beside it. */
const WORKER = Number(process.env.VITEST_POOL_ID ?? 0) % 2;

/**
 * Two neighbouring free TCP ports on 127.0.0.1 (a TPM simulator's data and control port); the first is returned. Between this
 * answer and their use no suite beside this one may be given the same: each has every other four ports for its own.
 */
export async function freePortPair(): Promise<number> {
  const listen = (port: number) =>
    new Promise<{ port: number; close: () => Promise<void> } | undefined>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        const bound = typeof address === 'object' && address !== null ? address.port : port;
        resolve({ port: bound, close: () => new Promise((done) => server.close(() => done())) });
      });
    });
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = await listen(0);
    const second = first && (await listen(first.port + 1));
    await first?.close();
    await second?.close();
    if (first === undefined || second === undefined || first.port % 4 === 3) continue;
    if ((first.port >> 2) % 2 === WORKER) return first.port;
  }
  throw new Error('no two neighbouring free ports');
}

/** Starts a program in the background and waits until `ready` matches its output (or a fixed time without `ready`). */
export async function start(
  program: string,
  args: readonly string[],
  ready: RegExp,
): Promise<{ child: ChildProcess; match: RegExpMatchArray; stop: () => Promise<void> }> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill();
    });
  const match = await new Promise<RegExpMatchArray>((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer) => {
      output += chunk.toString('utf8');
      const found = output.match(ready);
      if (found) resolve(found);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', (error) => reject(new Error(`${program}: ${error.message} (run test/conformance/setup.sh)`)));
    child.once('exit', (code) => reject(new Error(`${program} ended with ${code} before it was ready: ${output}`)));
    setTimeout(() => reject(new Error(`${program} was not ready after 60 s: ${output}`)), 60_000).unref();
  });
  return { child, match, stop };
}

/** A fresh swtpm on two TCP ports, with further options of its own; its state is thrown away with the folder. */
export async function startSwtpm(
  options: readonly string[] = [],
): Promise<{ port: number; stop: () => Promise<void> }> {
  const port = await freePortPair();
  const folder = tempFolder();
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      '--tpmstate',
      `dir=${folder}`,
      '--server',
      `type=tcp,port=${port},bindaddr=127.0.0.1`,
      '--ctrl',
      `type=tcp,port=${port + 1},bindaddr=127.0.0.1`,
      ...options,
    ],
    { stdio: 'ignore' },
  );
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`swtpm: ${error.message} (run test/conformance/setup.sh)`)));
    child.once('exit', (code) => reject(new Error(`swtpm ended with ${code}`)));
  });
  failed.catch(() => undefined);
  const stop = () =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill();
    });
  await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 500))]);
  return { port, stop };
}

/** Native peers, driven from C so that only their own time counts: swtpm over its Unix socket, libtpms in process. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ByteWriter } from '../../src/bytes/writer.ts';
import type { Stream } from './streams.ts';

const SOURCE = fileURLToPath(new URL('./peers/stream.c', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'esxsim-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const program = join(folder, 'stream');
const built = spawnSync('cc', ['-O2', '-o', program, SOURCE, '-ltpms'], { encoding: 'utf8' }).status === 0;

/** Why a peer is left out; empty where all are there. */
export const missing = [
  ...(built ? [] : ['libtpms and C driver (apt-get install gcc libtpms-dev)']),
  ...(spawnSync('swtpm', ['--version']).status === 0 ? [] : ['swtpm (apt-get install swtpm)']),
];

let files = 0;
function streamFile({ setup, timed }: Pick<Stream, 'setup' | 'timed'>): string {
  const w = new ByteWriter('big', 1 << 16).u32(setup.length).u32(timed.length);
  for (const command of [...setup, ...timed]) w.u32(command.length).bytes(command);
  const path = join(folder, `stream-${files++}`);
  writeFileSync(path, w.finish());
  return path;
}

function drive(args: readonly string[]): number[] {
  const run = spawnSync(program, args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${args[0]}: ${run.stderr}`);
  return run.stdout
    .trim()
    .split(' ')
    .map((ns) => Number(ns) / 1e6);
}

/** libtpms in its own process: milliseconds of a whole run (fresh TPM) and of the timed commands. */
export function libtpms(stream: Stream, runs: number): { whole: number; timed: number } | undefined {
  if (!built) return undefined;
  const [whole = 0, timed = 0] = drive(['library', streamFile(stream), String(runs)]);
  return { whole, timed };
}

/** A fresh swtpm on a Unix socket that needs no control channel to be used. */
export async function startSwtpm(): Promise<{ path: string; stop: () => Promise<void> } | undefined> {
  if (missing.some((m) => m.startsWith('swtpm'))) return undefined;
  const state = mkdtempSync(join(folder, 'swtpm-'));
  const path = join(state, 'tpm');
  const args = [
    'socket',
    '--tpm2',
    '--tpmstate',
    `dir=${state}`,
    '--server',
    `type=unixio,path=${path}`,
    '--ctrl',
    `type=unixio,path=${path}.ctrl`,
    '--flags',
    'not-need-init',
  ];
  const child = spawn('swtpm', args, { stdio: 'ignore' });
  while (!(existsSync(path) && existsSync(`${path}.ctrl`))) await sleep(0.2);
  return {
    path,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}

/** swtpm over its socket: milliseconds of the timed commands. */
export async function swtpm(stream: Stream, runs: number): Promise<number | undefined> {
  const server = built ? await startSwtpm() : undefined;
  if (server === undefined) return undefined;
  try {
    return drive(['socket', streamFile(stream), String(runs), server.path])[0];
  } finally {
    await server.stop();
  }
}

/** Our own server, as a process of its own, behind a Unix socket and the same client: milliseconds of the timed commands. */
export async function ownServer(stream: Stream, runs: number): Promise<number | undefined> {
  if (!built) return undefined;
  const path = join(folder, `own-${files}`);
  const cli = fileURLToPath(new URL('../../bin/esxsim.js', import.meta.url));
  const child = spawn(process.execPath, [cli, 'tpm', 'serve', '--unix', path], { stdio: 'ignore' });
  while (!existsSync(path) && child.exitCode === null) await sleep(5);
  try {
    return drive(['socket', streamFile(stream), String(runs), path])[0];
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
  }
}

/** A swtpm spawned for one stream, as a script does it: start, commands, end. Milliseconds, median. */
export async function spawnedSwtpm(stream: Stream, runs: number): Promise<number | undefined> {
  const file = streamFile(stream);
  const samples: number[] = [];
  for (let i = 0; i < runs && built; i++) {
    const before = performance.now();
    const server = await startSwtpm();
    if (server === undefined) return undefined;
    drive(['socket', file, '1', server.path]);
    samples.push(performance.now() - before);
    await server.stop();
  }
  return samples.sort((a, b) => a - b)[samples.length >> 1];
}

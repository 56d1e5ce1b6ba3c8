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

/** Whether swtpm can be started here. */
const installed = spawnSync('swtpm', ['--version']).status === 0;

/** The peers that are here. Both need the driver, which needs libtpms. */
export const has = { libtpms: built, swtpm: built && installed };

/** Why a peer is left out; empty where all are there. */
export const missing = [
  ...(built ? [] : ['libtpms and C driver (apt-get install gcc libtpms-dev)']),
  ...(installed ? [] : ['swtpm (apt-get install swtpm)']),
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

/** libtpms in its own process: milliseconds of a whole run (fresh TPM) and of the timed commands, medians of `runs`. */
export function libtpms(stream: Stream, runs: number): { whole: number; timed: number } {
  const [whole = Number.NaN, timed = Number.NaN] = drive(['library', streamFile(stream), String(runs)]);
  return { whole, timed };
}

/** A TPM server on a Unix socket. */
export interface Server {
  readonly path: string;
  stop(): Promise<void>;
}

/** A server of this command line, once its sockets are there. */
async function startServer(program: string, args: readonly string[], path: string): Promise<Server> {
  const child = spawn(program, args, { stdio: 'ignore' });
  const running = (): boolean => child.exitCode === null && child.signalCode === null;
  while (!(existsSync(path) && existsSync(`${path}.ctrl`))) {
    if (!running()) throw new Error(`${program} ended before it listened`);
    await sleep(0.2);
  }
  return {
    path,
    stop: async () => {
      if (!running()) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
    },
  };
}

/** A fresh swtpm that needs no control channel to be used. */
export async function startSwtpm(): Promise<Server | undefined> {
  if (!installed) return undefined;
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
  return startServer('swtpm', args, path);
}

const CLI = fileURLToPath(new URL('../../bin/esxsim.js', import.meta.url));

/** Our own server, as a process of its own (of dist: build first). */
export async function startOwn(): Promise<Server> {
  const path = join(mkdtempSync(join(folder, 'own-')), 'tpm');
  return startServer(process.execPath, [CLI, 'tpm', 'serve', '--unix', path], path);
}

/** A server that carries out a stream again and again, driven from C. */
export interface Runner {
  /** Milliseconds of the timed commands, median of `runs`. */
  round(runs: number): number;
  stop(): Promise<void>;
}

/** Runs a stream on a server; undefined where the driver or the server is missing. */
export async function runner(stream: Stream, start: () => Promise<Server | undefined>): Promise<Runner | undefined> {
  const server = built ? await start() : undefined;
  if (server === undefined) return undefined;
  // Set up once: the TPM stays as it is between the rounds.
  const again = streamFile({ setup: [], timed: stream.timed });
  let file = streamFile(stream);
  return {
    round(runs) {
      const [ms = Number.NaN] = drive(['socket', file, String(runs), server.path]);
      file = again;
      return ms;
    },
    stop: () => server.stop(),
  };
}

/** A swtpm spawned for one stream, as a script does it: start, commands, end. Milliseconds. */
export async function spawnedSwtpm(stream: Stream): Promise<number> {
  const file = streamFile(stream);
  const before = performance.now();
  const server = await startSwtpm();
  if (server === undefined) return Number.NaN;
  drive(['socket', file, '1', server.path]);
  const spent = performance.now() - before;
  await server.stop();
  return spent;
}

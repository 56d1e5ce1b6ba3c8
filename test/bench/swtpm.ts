import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A swtpm on Unix sockets. */
export interface Swtpm {
  /** Data socket; the control socket is `<path>.ctrl`. */
  readonly path: string;
  stop(): Promise<void>;
}

/** Starts a fresh swtpm and waits for its sockets; undefined where it is not installed. */
export async function startSwtpm(): Promise<Swtpm | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'esxsim-bench-'));
  const path = join(folder, 'tpm');
  const args = [
    'socket',
    '--tpm2',
    '--tpmstate',
    `dir=${folder}`,
    '--server',
    `type=unixio,path=${path}`,
    '--ctrl',
    `type=unixio,path=${path}.ctrl`,
  ];
  const child: ChildProcess = spawn('swtpm', args, { stdio: 'ignore' });
  let missing = false;
  child.once('error', () => {
    missing = true;
  });
  while (!missing && !(existsSync(path) && existsSync(`${path}.ctrl`))) await sleep(0.2);
  if (missing) return undefined;
  return {
    path,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill();
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

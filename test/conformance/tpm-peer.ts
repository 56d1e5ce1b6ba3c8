/** A TPM server as a process, ours or swtpm, and raw conversations with its ports. */
import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import { freePortPair, ROOT, start, tempFolder } from './run.ts';

/** A running server; the control or platform port is the next one. */
export interface TpmProcess {
  readonly port: number;
  readonly child: import('node:child_process').ChildProcess;
  stop(): Promise<void>;
}

/** `esxsim tpm serve` on a free port. */
export async function startOurs(...args: string[]): Promise<TpmProcess> {
  const cli = [join(ROOT, 'bin', 'esxsim.js'), 'tpm', 'serve', '--listen', '127.0.0.1:0', ...args];
  const { child, match, stop } = await start(process.execPath, cli, /ready 127\.0\.0\.1:(\d+)/);
  return { port: Number(match[1]), child, stop };
}

/** swtpm that takes commands at once; `folder` keeps its state. */
export async function startTheirs(flags = 'not-need-init', folder = tempFolder()): Promise<TpmProcess> {
  const port = await freePortPair();
  const tcp = (n: number) => `type=tcp,port=${n},bindaddr=127.0.0.1`;
  const args = ['--tpm2', '--tpmstate', `dir=${folder}`, '--server', tcp(port), '--ctrl', tcp(port + 1)];
  const child = spawn('swtpm', ['socket', ...args, '--flags', flags], { stdio: 'ignore' });
  let failed: Error | undefined;
  child.once('error', (error) => {
    failed = error;
  });
  for (let i = 0; i < 100; i++) {
    if (failed !== undefined) throw new Error(`swtpm: ${failed.message} (run test/conformance/setup.sh)`);
    if (await reachable(port + 1)) break;
    await wait(50);
  }
  const stop = () =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  return { port, child, stop };
}

async function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A connection that sends hexadecimal and collects what comes back until it is quiet. */
export class RawPort {
  readonly #socket: Socket;
  #got = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#got += toHex(new Uint8Array(chunk));
    });
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<RawPort> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    return new RawPort(socket);
  }

  /** The answer to one message; empty where none comes within `quiet` ms. */
  async ask(hex: string, quiet = 400): Promise<string> {
    this.#got = '';
    this.#socket.write(fromHex(hex));
    const step = 20;
    for (let waited = 0; waited < quiet && this.#got === ''; waited += step) await wait(step);
    await wait(step);
    return this.#got;
  }

  close(): void {
    this.#socket.destroy();
  }
}

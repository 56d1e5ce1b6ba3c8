/** The TPM of Microsoft's reference implementation, another independent engine, in a process of ours (clients/mstpm). */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import type { TpmTransport } from '../../src/tpm2/index.ts';
import { CLIENTS } from './run.ts';

/** TPM_RC_FAILURE: what its own command line around the engine answers in failure mode. */
const FAILURE = fromHex('80010000000a00000101');

/** One TPM, made new. Its platform knows locality 0 only: every command comes from there. */
export class MicrosoftTransport implements TpmTransport {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];

  /** @param extra with AES-192 and RSA-4096, which another build of it has */
  constructor(extra = false) {
    this.#process = spawn(join(CLIENTS, 'bin', extra ? 'mstpm-extra' : 'mstpm'), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const fail = (problem: string): void => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`mstpm ${problem}`));
    };
    this.#process.once('error', (error) => fail(`${error.message} (run test/conformance/setup.sh)`));
    this.#process.once('exit', (code) => fail(`ended with ${code}`));
    createInterface(this.#process.stdout).on('line', (line) => this.#waiting.shift()?.resolve(line));
  }

  #ask(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${request}\n`);
    });
  }

  async transmit(command: Uint8Array): Promise<Uint8Array> {
    const answer = await this.#ask(`C ${toHex(command)}`);
    return answer === 'failure' ? FAILURE : fromHex(answer);
  }

  async powerOn(): Promise<void> {
    await this.#ask('P');
  }

  async hashStart(): Promise<void> {
    await this.#ask('S');
  }

  async hashData(data: Uint8Array): Promise<void> {
    await this.#ask(`D ${toHex(data)}`);
  }

  async hashEnd(): Promise<void> {
    await this.#ask('E');
  }

  async close(): Promise<void> {
    this.#process.removeAllListeners('exit');
    this.#process.kill();
  }
}

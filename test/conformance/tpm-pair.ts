/**
 * The embedded TPM and a real swtpm, side by side. Everything that is not random must be equal: response codes with their
 * places, PCR values, counters, selections, capability lists, sizes of what is random.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import { type EmbeddedTransport, embeddedTransport } from '../../sim/tpm/embedded.ts';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import {
  COMMANDS,
  describeResponseCode,
  encodeCommand,
  type Locality,
  responseCode,
  type TpmTransport,
} from '../../src/tpm2/index.ts';
import { SwtpmPeer } from './tpm-checkpoint.ts';

/** What is compared: every byte, the response code and size, or the response code alone. */
export type Mode = 'bytes' | 'shape' | 'code';

/** Response as text: its code in words and, where it succeeded, what the mode compares. */
function view(response: Uint8Array, mode: Mode): string {
  const code = responseCode(response);
  if (code !== 0) return `${describeResponseCode(code)} ${toHex(response)}`;
  if (mode === 'code') return 'success';
  return mode === 'bytes' ? toHex(response) : `success, ${response.length} bytes`;
}

/** Two TPMs, powered on, that get the same commands. */
export class TpmPair {
  readonly ours: EmbeddedTransport;
  /** Time of ours; swtpm's is real. */
  readonly clock = new VirtualClock();
  readonly theirs: SwtpmPeer;
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #faults: unknown[];

  private constructor(theirs: SwtpmPeer, process: ChildProcess, directory: string) {
    const faults: unknown[] = [];
    // swtpm allocates all four banks.
    this.ours = embeddedTransport({
      entropy: new Entropy('differential').stream('tpm'),
      clock: this.clock,
      config: { banks: ['sha1', 'sha256', 'sha384', 'sha512'], endorsementKeys: [] },
      onFault: (error) => faults.push(error),
    });
    this.theirs = theirs;
    this.#process = process;
    this.#directory = directory;
    this.#faults = faults;
  }

  /** Starts swtpm on Unix sockets in a new directory; fails loudly where it is not installed. */
  static async start(): Promise<TpmPair> {
    const directory = mkdtempSync(join(tmpdir(), 'esxsim-swtpm-'));
    const socket = join(directory, 's');
    let failed: Error | undefined;
    const server = ['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`];
    const swtpm = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${directory}`, ...server], {
      stdio: 'ignore',
    });
    swtpm.on('error', (error) => {
      failed = error;
    });
    for (let i = 0; i < 100 && !existsSync(`${socket}.ctrl`) && failed === undefined; i++) await wait(50);
    if (failed !== undefined) throw new Error(`swtpm cannot be started; install it first: ${failed.message}`);
    const theirs = new SwtpmPeer({ path: socket }, { path: `${socket}.ctrl` });
    const pair = new TpmPair(theirs, swtpm, directory);
    await pair.both((tpm) => tpm.powerOn());
    return pair;
  }

  /** Stops swtpm; an error inside our engine is a failure even where its answer looked right. */
  async stop(): Promise<void> {
    await this.theirs.close();
    this.#process.kill();
    rmSync(this.#directory, { recursive: true, force: true });
    expect(this.#faults).toEqual([]);
  }

  /** The same platform signals to both. */
  async both(act: (tpm: TpmTransport) => Promise<void>): Promise<void> {
    await act(this.ours);
    await act(this.theirs);
  }

  /** The same command to both; the answers, ours first. */
  async same(label: string, command: Uint8Array, mode: Mode = 'bytes', locality: Locality = 0) {
    const a = await this.ours.transmit(command, locality);
    const b = await this.theirs.transmit(command, locality);
    expect(`${label}: ${view(a, mode)}`).toBe(`${label}: ${view(b, mode)}`);
    return [a, b] as const;
  }

  /** Bytes that must be the same although the answers they are from are not. */
  equal(label: string, ours: Uint8Array, theirs: Uint8Array): void {
    expect(`${label}: ${toHex(ours)}`).toBe(`${label}: ${toHex(theirs)}`);
  }

  /** TPM2_Startup(STATE) to both and, where both refuse it, TPM2_Startup(CLEAR). */
  async sameResume(label: string): Promise<void> {
    const [response] = await this.same(label, encodeCommand(COMMANDS.Startup, { startupType: 1 }));
    if (responseCode(response) !== 0) await this.same(label, encodeCommand(COMMANDS.Startup, { startupType: 0 }));
  }

  /** Flushes the first loaded object of both that no test keeps: the one in the lowest slot. */
  async flush(flushHandle = 0x80000000): Promise<void> {
    await this.same('flush', encodeCommand(COMMANDS.FlushContext, { flushHandle }));
  }

  /** The same for command bytes in hexadecimal. */
  async sameHex(text: string): Promise<void> {
    await this.same(text, fromHex(text));
  }
}

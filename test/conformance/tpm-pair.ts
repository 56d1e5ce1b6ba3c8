/**
 * The embedded TPM and a real swtpm, side by side, or Microsoft's reference implementation in its place. Everything that is not
 * random must be equal: response codes with their places, PCR values, counters, selections, capability lists, sizes of what is
 * random.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import { EmbeddedTransport } from '../../sim/tpm/embedded.ts';
import { createTpm2 } from '../../sim/tpm/engine.ts';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import {
  COMMANDS,
  describeResponseCode,
  type ExtraAlgorithm,
  encodeCommand,
  type Locality,
  responseCode,
  type TpmTransport,
} from '../../src/tpm2/index.ts';
import { SwtpmPeer } from './tpm-checkpoint.ts';
import { MicrosoftTransport } from './tpm-microsoft.ts';
import { knownDifference } from './tpm-microsoft-known.ts';

/** The other engine. */
export type Peer = 'swtpm' | 'microsoft';
/** The peer of this run: `ESXSIM_PEER`, set by vitest.microsoft.config.ts. */
export const PEER: Peer = process.env.ESXSIM_PEER === 'microsoft' ? 'microsoft' : 'swtpm';

/** What is compared: every byte, the response code and size, or the response code alone. */
export type Mode = 'bytes' | 'shape' | 'code';

/** Response as text: its code in words and, where it succeeded, what the mode compares. */
function view(response: Uint8Array, mode: Mode): string {
  const code = responseCode(response);
  if (code !== 0) return `${describeResponseCode(code)} ${toHex(response)}`;
  if (mode === 'code') return 'success';
  return mode === 'bytes' ? toHex(response) : `success, ${response.length} bytes`;
}

interface Started {
  readonly transport: TpmTransport;
  readonly stop: () => void;
}

/** swtpm on Unix sockets in a new directory. */
async function startSwtpm(): Promise<Started> {
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
  const stop = (): void => {
    swtpm.kill();
    rmSync(directory, { recursive: true, force: true });
  };
  return { transport: new SwtpmPeer({ path: socket }, { path: `${socket}.ctrl` }), stop };
}

/** The platform around Microsoft's engine knows no other locality: neither does ours beside it. */
class AtLocality0 extends EmbeddedTransport {
  override transmit(command: Uint8Array): Promise<Uint8Array> {
    return super.transmit(command, 0);
  }
}

function startMicrosoft(extra: boolean): Started {
  return { transport: new MicrosoftTransport(extra), stop: () => undefined };
}

/** Two TPMs, powered on, that get the same commands. */
export class TpmPair {
  readonly ours: EmbeddedTransport;
  /** Time of ours; swtpm's is real. */
  readonly clock = new VirtualClock();
  readonly theirs: TpmTransport;
  readonly peer: Peer;
  readonly #stop: () => void;
  readonly #faults: unknown[];

  private constructor(peer: Peer, theirs: TpmTransport, stop: () => void, extraAlgorithms: readonly ExtraAlgorithm[]) {
    const faults: unknown[] = [];
    // Both peers allocate all four banks.
    const engine = createTpm2({
      entropy: new Entropy('differential').stream('tpm'),
      clock: this.clock,
      config: { banks: ['sha1', 'sha256', 'sha384', 'sha512'], endorsementKeys: [], extraAlgorithms },
      onFault: (error) => faults.push(error),
    });
    this.ours = peer === 'microsoft' ? new AtLocality0(engine) : new EmbeddedTransport(engine);
    this.theirs = theirs;
    this.peer = peer;
    this.#stop = stop;
    this.#faults = faults;
  }

  /** Starts the peer; fails loudly where it is not installed. `extraAlgorithms`: of both, all or none; swtpm has none. */
  static async start(peer: Peer = PEER, extraAlgorithms: readonly ExtraAlgorithm[] = []): Promise<TpmPair> {
    const extra = extraAlgorithms.length > 0;
    const { transport, stop } = peer === 'swtpm' ? await startSwtpm() : startMicrosoft(extra);
    const pair = new TpmPair(peer, transport, stop, extraAlgorithms);
    await pair.both((tpm) => tpm.powerOn());
    return pair;
  }

  /** Stops the peer; an error inside our engine is a failure even where its answer looked right. */
  async stop(): Promise<void> {
    await this.theirs.close();
    this.#stop();
    expect(this.#faults).toEqual([]);
  }

  /** The peer, where it is swtpm: its state can be taken and put back. */
  get swtpm(): SwtpmPeer {
    if (this.theirs instanceof SwtpmPeer) return this.theirs;
    throw new Error('only swtpm gives its state away');
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
    const [ours, theirs] = [view(a, mode), view(b, mode)];
    if (this.differs(label, ours, theirs)) expect(`${label}: ${ours}`).toBe(`${label}: ${theirs}`);
    return [a, b] as const;
  }

  /** Whether two answers differ where they must not: what is known of the peer is not held against anybody. */
  differs(label: string, ours: string, theirs: string): boolean {
    if (ours === theirs) return false;
    if (this.peer === 'swtpm') return true;
    return !knownDifference(expect.getState().testPath ?? '', label, ours, theirs);
  }

  /** Bytes that must be the same although the answers they are from are not. */
  equal(label: string, ours: Uint8Array, theirs: Uint8Array): void {
    if (this.differs(label, toHex(ours), toHex(theirs))) {
      expect(`${label}: ${toHex(ours)}`).toBe(`${label}: ${toHex(theirs)}`);
    }
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

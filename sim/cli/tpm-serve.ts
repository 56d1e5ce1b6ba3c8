import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { InputError } from '../../src/bytes/errors.ts';
import { HASH_NAMES } from '../../src/crypto/hash.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { COMMANDS, encodeCommand } from '../../src/tpm2/index.ts';
import { VirtualClock, wallClock } from '../clock.ts';
import { Entropy, randomSeed } from '../entropy.ts';
import { TpmStateFile } from '../node/tpm-state-file.ts';
import { tpmConfigOf } from '../spec/tpm-config.ts';
import type { TpmConfig } from '../tpm/config.ts';
import { createTpm2 } from '../tpm/engine.ts';
import { type Address, addressText } from '../tpm/ports/stream.ts';
import { listenTpm, protocolOf } from '../tpm/servers/listen.ts';
import { type MachineObserver, TpmMachine } from '../tpm/servers/machine.ts';
import { traceObserver } from '../tpm/trace-log.ts';
import type { CommandInput, CommandIo, CommandResult, Options } from './command.ts';
import { parseAddress } from './serve.ts';
import { readSpec } from './spec-options.ts';

/** The value of an option that must be one of a few words. */
function choice<T extends string>(options: Options, name: string, allowed: readonly T[]): T {
  const text = options.text(name);
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw new InputError(`--${name} ${text}: expected ${allowed.join(' or ')}`);
  return found;
}

/** `--banks`: algorithms with commas between them; undefined where it is not given. */
function banksOption(options: Options): HashName[] | undefined {
  const text = options.text('banks');
  if (text === undefined) return undefined;
  const words = text.split(',');
  const banks = HASH_NAMES.filter((name) => words.includes(name));
  if (banks.length === 0 || banks.length !== words.length) {
    throw new InputError(`--banks ${words.join(',')}: expected some of ${HASH_NAMES.join(',')}`);
  }
  return banks;
}

/** What the TPM is made as, and its seed: the TPM of the host that `--spec` and `--profile` describe, or the default TPM. */
function tpmOptions(options: Options): { config: Partial<TpmConfig>; seed: string } {
  const described = options.text('spec') !== undefined || options.text('profile') !== undefined;
  const spec = described ? readSpec(options) : undefined;
  if (spec?.hardware.tpm.present === false)
    throw new InputError('host spec: hardware.tpm.present: the host has no TPM');
  const base = spec === undefined ? { banks: HASH_NAMES } : tpmConfigOf(spec);
  const banks = banksOption(options);
  const asked = options.text('seed');
  return {
    config: {
      ...base,
      ...(banks === undefined ? {} : { banks }),
      ...(options.on('ekCertificates') ? {} : { endorsementKeys: [], platformCertificate: undefined }),
    },
    // A spec that asks for a random seed already has one.
    seed: spec?.seed ?? (asked === 'random' ? randomSeed() : (asked ?? '0')),
  };
}

/** Where `--unix` or `--listen` says. */
export function tpmAddress(options: Options): Address {
  const path = options.text('unix');
  return path === undefined ? parseAddress(options.text('listen') ?? '', '--listen') : { path };
}

/** A log file that grows; closed with the server. */
export function traceFile(path: string): { observer: MachineObserver; close: () => void } {
  let file: number;
  try {
    file = openSync(path, 'w');
  } catch (error) {
    throw new InputError(`${path}: cannot write: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { observer: traceObserver((text) => void writeSync(file, `${text}\n`)), close: () => closeSync(file) };
}

const SIMULATED_START = Date.parse('2026-01-01T00:00:00Z');

export async function run({ options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  const protocol = protocolOf(options.text('protocol'), '--protocol');
  const startup = choice(options, 'startup', ['none', 'clear']);
  const clockKind = choice(options, 'clock', ['real', 'still']);
  const { config, seed } = tpmOptions(options);
  if (options.text('seed') === 'random') io.progress(`seed ${seed}`);
  const clock = clockKind === 'real' ? wallClock : new VirtualClock(SIMULATED_START);
  const engine = createTpm2({
    entropy: new Entropy(seed).stream('tpm'),
    clock,
    config,
    onFault: (error) => io.progress(`esxsim: the TPM failed: ${error instanceof Error ? error.stack : String(error)}`),
  });
  const statePath = options.text('state');
  const state = statePath === undefined ? undefined : new TpmStateFile(statePath, engine);
  const tracePath = options.text('trace');
  let trace: ReturnType<typeof traceFile> | undefined;
  try {
    trace = tracePath === undefined ? undefined : traceFile(tracePath);
    const observers = [state, trace?.observer].filter((one) => one !== undefined);
    const machine = new TpmMachine(engine, observers);
    if (startup === 'clear') machine.execute(encodeCommand(COMMANDS.Startup, { startupType: 0 }), 0);
    const server = await listenTpm(machine, protocol, tpmAddress(options));
    const address = addressText(server.address);
    // Listening for signals comes first: who reads the line may end us at once.
    const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), server.ended]);
    process.stdout.write(`ready ${address}\n`);
    try {
      await stopped;
    } finally {
      await server.close();
    }
    return { text: '', json: { address, protocol, seed }, exitCode: 0 };
  } finally {
    trace?.close();
    state?.close();
  }
}

import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { InputError } from '../../src/bytes/errors.ts';
import { HASH_NAMES } from '../../src/crypto/hash.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { COMMANDS, EXTRA_ALGORITHMS, type ExtraAlgorithm, encodeCommand, TPM_SU } from '../../src/tpm2/index.ts';
import { VirtualClock, wallClock } from '../clock.ts';
import { Entropy, randomSeed } from '../entropy.ts';
import { TpmStateFile } from '../node/tpm-state-file.ts';
import { tpmConfigOf } from '../spec/tpm-config.ts';
import type { TpmConfig } from '../tpm/config.ts';
import { createTpm2 } from '../tpm/engine.ts';
import { type Address, addressText } from '../tpm/ports/stream.ts';
import { listenSwtpm, listenTpm, protocolOf } from '../tpm/servers/listen.ts';
import { type MachineObserver, TpmMachine } from '../tpm/servers/machine.ts';
import { traceObserver } from '../tpm/trace-log.ts';
import { inBackground, messageLog, startInBackground, writePid } from './background.ts';
import type { CommandInput, CommandIo, CommandResult, Options } from './command.ts';
import { parseAddress } from './serve.ts';
import { askedToEnd } from './server-life.ts';
import { readSpec } from './spec-options.ts';
import { checkSeccomp, logTarget, pidTarget, statePlace, swtpmCall } from './swtpm-options.ts';
import { capabilities, states } from './swtpm-probe.ts';

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

/** `--extra-algorithm`, each time it is given. */
function extraAlgorithmsOption(options: Options): ExtraAlgorithm[] {
  return options.list('extraAlgorithm').map((text) => {
    const found = EXTRA_ALGORITHMS.find((one) => one === text);
    if (found === undefined)
      throw new InputError(`--extra-algorithm ${text}: expected ${EXTRA_ALGORITHMS.join(' or ')}`);
    return found;
  });
}

/** What the TPM is made as, and its seed: the TPM of the host that `--spec` and `--profile` describe, or the default TPM. */
function tpmOptions(options: Options): { config: Partial<TpmConfig>; seed: string } {
  const described = options.text('spec') !== undefined || options.text('profile') !== undefined;
  const spec = described ? readSpec(options) : undefined;
  if (spec?.hardware.tpm.present === false)
    throw new InputError('host spec: hardware.tpm.present: the host has no TPM');
  const base = spec === undefined ? { banks: HASH_NAMES, extraAlgorithms: [] } : tpmConfigOf(spec);
  const banks = banksOption(options);
  const extraAlgorithms = [...new Set([...base.extraAlgorithms, ...extraAlgorithmsOption(options)])];
  const asked = options.text('seed');
  if (asked === '') throw new InputError('--seed: expected a text, or random; it is empty');
  return {
    config: {
      ...base,
      ...(banks === undefined ? {} : { banks }),
      extraAlgorithms,
      ...(options.on('ekCertificates') ? {} : { endorsementKeys: [], platformCertificate: undefined }),
    },
    // A spec that asks for a random seed already has one.
    seed: spec?.seed ?? (asked === 'random' ? randomSeed() : (asked ?? '0')),
  };
}

/** Options that say how a TPM is made, by their names here and on the command line. */
const MAKING = [
  ['spec', 'spec'],
  ['profile', 'profile'],
  ['seed', 'seed'],
  ['banks', 'banks'],
  ['extraAlgorithm', 'extra-algorithm'],
] as const;

const isGiven = (options: Options, name: string): boolean =>
  options.text(name) !== undefined || options.list(name).length > 0;

/** Where `--unix` or `--listen` says. */
function tpmAddress(options: Options): Address {
  const path = options.text('unix');
  if (path !== undefined && options.text('listen') !== undefined)
    throw new InputError('--unix and --listen exclude each other');
  return path === undefined ? parseAddress(options.text('listen') ?? '127.0.0.1:2321', '--listen') : { path };
}

/** A log file that grows; closed with the server. Where it cannot be written any more the TPM goes on without it. */
function traceFile(path: string, say: (text: string) => void): { observer: MachineObserver; close: () => void } {
  let file: number;
  try {
    file = openSync(path, 'w');
  } catch (error) {
    throw new InputError(`${path}: cannot write: ${error instanceof Error ? error.message : String(error)}`);
  }
  let writable = true;
  const line = (text: string): void => {
    if (!writable) return;
    try {
      writeSync(file, `${text}\n`);
    } catch (error) {
      writable = false;
      say(`esxsim: ${path}: nothing more is logged: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return { observer: traceObserver(line), close: () => closeSync(file) };
}

const SIMULATED_START = Date.parse('2026-01-01T00:00:00Z');

/** TPM2_Startup before anybody else says it. Where the TPM refuses it (no saved state), it waits for another, as swtpm's does. */
function startUp(machine: TpmMachine, kind: 'none' | 'clear' | 'state'): void {
  if (kind === 'none') return;
  const startupType = kind === 'clear' ? TPM_SU.CLEAR : TPM_SU.STATE;
  machine.execute(encodeCommand(COMMANDS.Startup, { startupType }), 0);
}

/** Serves until it is asked to end; what there is to say goes to `say`. */
async function serve(options: Options, say: (text: string) => void): Promise<CommandResult> {
  const protocol = protocolOf(options.text('protocol'), '--protocol');
  const swtpm = swtpmCall(options);
  checkSeccomp(options);
  const startup = swtpm?.startup ?? choice(options, 'startup', ['none', 'clear'] as const);
  const clockKind = choice(options, 'clock', ['real', 'still']);
  const { config, seed } = tpmOptions(options);
  if (options.text('seed') === 'random') say(`seed ${seed}`);
  const clock = clockKind === 'real' ? wallClock : new VirtualClock(SIMULATED_START);
  const engine = createTpm2({
    entropy: new Entropy(seed).stream('tpm'),
    clock,
    config,
    onFault: (error) => say(`esxsim: the TPM failed: ${error instanceof Error ? error.stack : String(error)}`),
  });
  const place = statePlace(options);
  const tracePath = options.text('trace');
  if (place !== undefined && tracePath !== undefined && resolve(place.path) === resolve(tracePath))
    throw new InputError(`${tracePath}: cannot be the state and the trace`);
  const pid = pidTarget(options);
  const closing: (() => void)[] = [];
  const machine = new TpmMachine(engine, [], (error) =>
    say(`esxsim: the TPM failed: ${error instanceof Error ? error.message : String(error)}`),
  );
  /** Files are touched only once the addresses are ours: a start that fails leaves everything as it was. */
  const prepare = (): void => {
    const state = place && new TpmStateFile(place.path, engine, place.mode);
    if (state !== undefined) {
      closing.unshift(() => state.close());
      machine.observe(state);
    }
    const unused = state?.restored === true ? MAKING.filter(([name]) => isGiven(options, name)) : [];
    if (unused.length > 0) {
      say(
        `esxsim: ${place?.path}: holds a TPM already, for which ${unused.map(([, word]) => `--${word}`).join(', ')} means nothing`,
      );
    }
    const trace = tracePath === undefined ? undefined : traceFile(tracePath, say);
    if (trace !== undefined) {
      closing.unshift(() => trace.close());
      machine.observe(trace.observer);
    }
    startUp(machine, startup);
    machine.running = !(swtpm?.needInit ?? false);
  };
  try {
    const server =
      swtpm === undefined
        ? await listenTpm(machine, protocol, tpmAddress(options), prepare)
        : await listenSwtpm(machine, { ...swtpm, prepare, say: (text) => say(`esxsim: ${text}`) });
    const address =
      'descriptor' in server.address ? `descriptor ${server.address.descriptor}` : addressText(server.address);
    try {
      if (pid !== undefined) closing.unshift(writePid(pid));
      // Listening for signals comes first: who reads the line may end us at once.
      const stopped = Promise.race([askedToEnd(), server.ended]);
      process.stdout.write(`ready ${address}\n`);
      await stopped;
    } finally {
      await server.close();
    }
    return { text: '', json: { address, protocol, seed }, exitCode: 0 };
  } finally {
    for (const close of closing) close();
  }
}

/** The features of this program and, in swtpm's words, the RSA keys that only such a TPM has. */
const withKeySizes = (program: ReturnType<typeof capabilities>, extra: readonly ExtraAlgorithm[]) => ({
  ...program,
  features: extra.includes('rsa4096') ? [...program.features, 'rsa-keysize-4096'] : program.features,
});

export async function run({ args, options }: CommandInput, io: CommandIo): Promise<CommandResult> {
  const [word] = args;
  if (word !== undefined && word !== 'socket') throw new InputError(`tpm serve ${word}: the only interface is socket`);
  const answer = options.on('printCapabilities')
    ? withKeySizes(capabilities(), extraAlgorithmsOption(options))
    : options.on('printStates')
      ? states(statePlace(options))
      : undefined;
  if (answer !== undefined) return { text: JSON.stringify(answer), json: answer, exitCode: 0 };
  if (options.on('daemon') && !inBackground()) {
    const text = await startInBackground();
    return { text, json: { address: text.slice(text.lastIndexOf('ready ') + 6) }, exitCode: 0 };
  }
  const asked = logTarget(options);
  if (asked === undefined) return serve(options, io.progress);
  const log = messageLog(asked);
  try {
    return await serve(options, log.say);
  } finally {
    log.close();
  }
}

/**
 * Hostile command bytes against the embedded TPM: recorded commands changed at random, commands made from the command table
 * with random contents, and commands changed in the deep states they belong to. Every answer must be a well-formed response,
 * nothing may throw or hang, and the state must stay consistent (`tpm-consistency.ts`).
 */

import { performance } from 'node:perf_hooks';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy, type RandomStream } from '../../sim/entropy.ts';
import { createTpm2, type Tpm2Engine } from '../../sim/tpm/engine.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { COMMANDS, encodeCommand, pcrSelection, TPM_ALG, TPM_RH, TPM_ST, TPM_SU } from '../../src/tpm2/index.ts';
import { mutate } from './mutate.ts';
import { inconsistencies } from './tpm-consistency.ts';
import type { DeepSeed } from './tpm-seeds.ts';

/** Making an RSA key takes seconds; nothing else takes one. */
const SLOW_MS = 30_000;
const STARTUP = encodeCommand(COMMANDS.Startup, { startupType: TPM_SU.CLEAR });
const PROBE = encodeCommand(COMMANDS.PCR_Read, { pcrSelectionIn: [pcrSelection(TPM_ALG.SHA256, [0, 7])] });

/** Handles that mean something, and some that do not. */
const HANDLES = [
  0,
  7,
  16,
  17,
  23,
  24,
  0x01c0_0002,
  0x01c0_000a,
  0x0180_0000,
  0x8000_0000,
  0x8000_0001,
  0x8000_0002,
  0x8100_0001,
  TPM_RH.OWNER,
  TPM_RH.NULL,
  TPM_RH.ENDORSEMENT,
  TPM_RH.PLATFORM,
  TPM_RH.LOCKOUT,
  0x0200_0000,
  0x0200_0001,
  0x0300_0000,
  0x0300_0001,
  0xffff_ffff,
];

const CODES = Object.values(COMMANDS).map(({ code }) => code);

const pick = <T>(list: readonly T[], random: RandomStream): T | undefined =>
  list.length === 0 ? undefined : list[random.below(list.length)];

/** A command of the table with random handles, an empty password authorisation now and then, and random parameters. */
function made(random: RandomStream): Uint8Array {
  const sessions = random.below(2) === 1;
  const w = new ByteWriter('big')
    .u16(sessions ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
    .u32(0)
    .u32(pick(CODES, random) ?? 0);
  for (let n = random.below(4); n > 0; n--) w.u32(pick(HANDLES, random) ?? 0);
  if (sessions) w.u32(9).u32(0x4000_0009).u16(0).u8(1).u16(0);
  for (let n = random.below(6); n > 0; n--) {
    const size = random.below(40);
    if (random.below(2) === 0) w.u16(size).bytes(random.bytes(size));
    else w.u32(pick(HANDLES, random) ?? 0);
  }
  w.setU32(2, w.length);
  return w.finish();
}

/** Refuses a response that is not one. */
function checkResponse(response: Uint8Array): void {
  const r = new ByteReader(response, 'TPM response');
  const tag = r.u16('tag');
  const size = r.u32('responseSize');
  const code = r.u32('responseCode');
  const bad = (problem: string) => new FormatError({ structure: 'TPM response', field: '', problem });
  if (size !== response.length) throw bad(`size ${size} of ${response.length} bytes`);
  if (tag !== TPM_ST.NO_SESSIONS && tag !== TPM_ST.SESSIONS) throw bad(`tag ${tag.toString(16)}`);
  if (code !== 0 && tag === TPM_ST.NO_SESSIONS && size !== 10)
    throw bad(`error ${code.toString(16)} with ${size} bytes`);
}

/** What a run found. */
export interface TpmFuzzResult {
  readonly commands: number;
  readonly succeeded: number;
  readonly failures: readonly string[];
}

/** A fresh TPM after TPM2_Startup; errors inside handlers are collected. */
function fresh(seed: string, faults: unknown[]): Tpm2Engine {
  const engine = createTpm2({
    entropy: new Entropy(seed).stream('tpm'),
    clock: new VirtualClock(),
    onFault: (e) => faults.push(e),
  });
  engine.powerOn();
  engine.execute(STARTUP, 0);
  return engine;
}

/** Told of each command; collects what goes wrong. */
class Watch {
  readonly failures: string[] = [];
  readonly faults: unknown[] = [];
  succeeded = 0;
  readonly #seed: string;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** Most failures told: the rest are likely the same. */
  get enough(): boolean {
    return this.failures.length >= 20;
  }

  execute(engine: Tpm2Engine, i: number, command: Uint8Array, locality: 0 | 2): void {
    const describe = (why: string) =>
      this.failures.push(
        `command ${i} of seed ${this.#seed}: ${why}: ${Buffer.from(command).toString('hex').slice(0, 400)}`,
      );
    const before = performance.now();
    try {
      const response = engine.execute(command, locality);
      checkResponse(response);
      if (response.length > 10 || response[9] === 0) this.succeeded++;
    } catch (error) {
      describe(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    if (performance.now() - before > SLOW_MS) describe(`took longer than ${SLOW_MS} ms`);
    for (const fault of this.faults.splice(0))
      describe(`inside a handler: ${fault instanceof Error ? fault.stack : String(fault)}`);
  }

  check(engine: Tpm2Engine, i: number): void {
    for (const problem of inconsistencies(engine))
      this.failures.push(`after command ${i} of seed ${this.#seed}: ${problem}`);
  }
}

/** A command with its size field right again, most of the time. */
function resized(command: Uint8Array, random: RandomStream): Uint8Array {
  if (command.length >= 6 && random.below(10) !== 0)
    new DataView(command.buffer, command.byteOffset).setUint32(2, command.length);
  return command;
}

/** Commands sent from one restored state. */
const BATCH = 24;

/**
 * Sends `count` changed commands in the states of `seeds`: the command that belongs there, one that a session vouches for, one
 * of another state, or the next right one, so that some of them go on from what others did.
 */
export function fuzzDeep(seed: string, count: number, seeds: readonly DeepSeed[]): TpmFuzzResult {
  const random = new Entropy(seed).stream('fuzz deep tpm');
  const watch = new Watch(seed);
  const engine = fresh(seed, watch.faults);
  for (let i = 0; i < count && !watch.enough; ) {
    let at = random.below(seeds.length);
    const first = seeds[at];
    if (first === undefined) break;
    engine.restore(first.state);
    for (let n = 0; n < BATCH && i < count; n++, i++) {
      const here = seeds[at] ?? first;
      const kind = random.below(10);
      const authorised = pick(here.authorised, random);
      const foreign = pick(seeds, random) ?? first;
      const command =
        kind < 3 && authorised !== undefined
          ? authorised
          : kind === 3
            ? here.command
            : resized(mutate(kind < 8 ? here.command : foreign.command, random), random);
      watch.execute(engine, i, command, random.below(16) === 0 ? 2 : 0);
      // The right command was sent: what follows it is the next.
      if (kind === 3) at = (at + 1) % seeds.length;
    }
    if (random.below(40) === 0) watch.check(engine, i);
  }
  return { commands: count, succeeded: watch.succeeded, failures: watch.failures };
}

/** Sends `count` hostile commands. `recorded` are good commands to start from. */
export function fuzzTpm(seed: string, count: number, recorded: readonly Uint8Array[]): TpmFuzzResult {
  const random = new Entropy(seed).stream('fuzz tpm');
  const watch = new Watch(seed);
  let engine = fresh(seed, watch.faults);
  for (let i = 0; i < count && !watch.enough; i++) {
    const base = random.below(3) === 0 ? undefined : pick(recorded, random);
    const command = base === undefined ? made(random) : random.below(8) === 0 ? base : mutate(base, random);
    watch.execute(engine, i, command, random.below(16) === 0 ? 2 : 0);
    if (i % 1000 === 999) {
      watch.check(engine, i);
      // A hostile TPM2_Shutdown or _Clear is legal: what follows needs a started TPM.
      if (engine.execute(PROBE, 0)[9] !== 0) engine.powerOn();
      engine.execute(STARTUP, 0);
      if (i % 50_000 === 49_999) engine = fresh(`${seed} ${i}`, watch.faults);
    }
  }
  return { commands: count, succeeded: watch.succeeded, failures: watch.failures };
}

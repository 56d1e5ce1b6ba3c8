/**
 * Hostile command bytes against the embedded TPM: recorded commands changed at random, and commands made from the command
 * table with random contents. Every answer must be a well-formed response, nothing may throw or hang, and the state must stay
 * consistent (checked by commands that any working TPM answers).
 */

import { VirtualClock } from '../../sim/clock.ts';
import { Entropy, type RandomStream } from '../../sim/entropy.ts';
import { createTpm2, type Tpm2Engine } from '../../sim/tpm/engine.ts';
import { FormatError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { COMMANDS, encodeCommand, pcrSelection, TPM_ALG, TPM_RH, TPM_ST, TPM_SU } from '../../src/tpm2/index.ts';
import { mutate } from './mutate.ts';

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

const pick = <T>(list: readonly T[], random: RandomStream): T | undefined => list[random.below(list.length)];

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

/** Sends `count` hostile commands. `recorded` are good commands to start from. */
export function fuzzTpm(seed: string, count: number, recorded: readonly Uint8Array[]): TpmFuzzResult {
  const random = new Entropy(seed).stream('fuzz tpm');
  const faults: unknown[] = [];
  const failures: string[] = [];
  let engine = fresh(seed, faults);
  let succeeded = 0;
  for (let i = 0; i < count && failures.length < 20; i++) {
    const base = random.below(3) === 0 ? undefined : pick(recorded, random);
    const command = base === undefined ? made(random) : random.below(8) === 0 ? base : mutate(base, random);
    const describe = (why: string) =>
      failures.push(`command ${i} of seed ${seed}: ${why}: ${Buffer.from(command).toString('hex').slice(0, 400)}`);
    try {
      const response = engine.execute(command, random.below(16) === 0 ? 2 : 0);
      checkResponse(response);
      if (response.length > 10 || response[9] === 0) succeeded++;
    } catch (error) {
      describe(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    for (const fault of faults.splice(0))
      describe(`inside a handler: ${fault instanceof Error ? fault.stack : String(fault)}`);
    if (i % 1000 === 999) {
      const probe = engine.execute(PROBE, 0);
      // A hostile TPM2_Shutdown or _Clear is legal; a TPM that no longer reads its PCRs after a restart is not.
      if (probe[9] !== 0) engine.powerOn();
      engine.execute(STARTUP, 0);
      if (engine.execute(PROBE, 0).length < 60) describe('PCR_Read fails afterwards');
      if (i % 50_000 === 49_999) engine = fresh(`${seed} ${i}`, faults);
    }
  }
  return { commands: count, succeeded, failures };
}

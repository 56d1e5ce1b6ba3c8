import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/bytes/bytes.ts';
import { FormatError, InputError } from '../../src/bytes/errors.ts';
import { ByteReader } from '../../src/bytes/reader.ts';
import { ByteWriter } from '../../src/bytes/writer.ts';
import { hash } from '../../src/crypto/hash.ts';
import { COMMANDS, encodeCommand, pcrSelection, TPM_ALG, TPM_RH } from '../../src/tpm2/index.ts';
import { AK_ECC_P256 } from '../../src/tpm2/templates.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { DEFAULT_TPM_CONFIG, type TpmConfig } from './config.ts';
import { createTpm2 } from './engine.ts';
import { TpmHistory } from './history.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { changeText, diffStates } from './state-diff.ts';
import { cloneValue, equalValues, readValue, writeValue } from './state-value.ts';

const engine = (seed = 'snapshot', clock = new VirtualClock()) =>
  createTpm2({ entropy: new Entropy(seed).stream('tpm'), clock });

const STARTUP = encodeCommand(COMMANDS.Startup, { startupType: 0 });
const RANDOM = encodeCommand(COMMANDS.GetRandom, { bytesRequested: 16 });
const EMPTY = new Uint8Array(0);
const EXTEND = encodeCommand(COMMANDS.PCR_Extend, {
  pcrHandle: 10,
  digests: [{ hashAlg: TPM_ALG.SHA256, digest: new Uint8Array(32).fill(1) }],
});
const PRIMARY = encodeCommand(COMMANDS.CreatePrimary, {
  primaryHandle: TPM_RH.OWNER,
  inSensitive: { userAuth: EMPTY, data: EMPTY },
  inPublic: AK_ECC_P256,
  outsideInfo: EMPTY,
  creationPCR: [],
});
const READ_KEY = encodeCommand(COMMANDS.ReadPublic, { objectHandle: 0x8000_0000 });

/** A TPM with a key, a changed PCR and an open hash sequence. */
function busy(clock = new VirtualClock()) {
  const tpm = engine('busy', clock);
  for (const command of [STARTUP, EXTEND, PRIMARY]) tpm.execute(command, 0);
  tpm.hashStart();
  tpm.hashData(new Uint8Array(100).fill(7));
  return tpm;
}

describe('snapshot', () => {
  it('another TPM goes on exactly where this one was', () => {
    const tpm = busy();
    const bytes = encodeSnapshot(tpm.snapshot());
    const other = engine('other');
    other.restore(decodeSnapshot(bytes));
    for (const one of [tpm, other]) {
      one.hashData(new Uint8Array([1, 2, 3]));
      one.hashEnd();
    }
    for (const command of [READ_KEY, RANDOM, EXTEND]) {
      expect(toHex(other.execute(command, 0))).toBe(toHex(tpm.execute(command, 0)));
    }
    expect(toHex(encodeSnapshot(other.snapshot()))).toBe(toHex(encodeSnapshot(tpm.snapshot())));
  });

  it('is independent of the TPM it was taken from', () => {
    const tpm = busy();
    const snapshot = tpm.snapshot();
    const before = toHex(encodeSnapshot(snapshot));
    tpm.execute(EXTEND, 0);
    tpm.powerOn();
    expect(toHex(encodeSnapshot(snapshot))).toBe(before);
  });

  it('holds PCRs as they were, whatever is extended later on either side', () => {
    const tpm = busy();
    const before = tpm.snapshot();
    const bytes = encodeSnapshot(before);
    tpm.execute(EXTEND, 0);
    expect(encodeSnapshot(before)).toEqual(bytes);
    tpm.restore(before);
    tpm.execute(EXTEND, 0);
    expect(encodeSnapshot(before)).toEqual(bytes);
  });

  it('PCRs saved by TPM2_Shutdown(STATE) are not those that are extended after it', () => {
    const tpm = engine();
    const read = encodeCommand(COMMANDS.PCR_Read, { pcrSelectionIn: [pcrSelection(TPM_ALG.SHA256, [10])] });
    const value = (): string => toHex(tpm.execute(read, 0).subarray(-32));
    for (const command of [STARTUP, EXTEND]) tpm.execute(command, 0);
    const saved = value();
    tpm.execute(encodeCommand(COMMANDS.Shutdown, { shutdownType: 1 }), 0);
    for (let round = 0; round < 2; round++) {
      tpm.powerOn();
      tpm.execute(encodeCommand(COMMANDS.Startup, { startupType: 1 }), 0);
      expect(value()).toBe(saved);
      tpm.execute(encodeCommand(COMMANDS.Shutdown, { shutdownType: 1 }), 0);
    }
    tpm.execute(EXTEND, 0);
    expect(value()).not.toBe(saved);
    expect(toHex(tpm.state.savedPcrs?.get(TPM_ALG.SHA256)?.[10] ?? EMPTY)).toBe(saved);
  });

  it('brings what the TPM was made as, so that another one goes on as that TPM', () => {
    const config = { manufacturer: 'IFX', vendorString: 'SLB9672', firmwareVersion: 16n << 48n };
    const made = createTpm2({ entropy: new Entropy('made').stream('tpm'), clock: new VirtualClock(), config });
    const other = engine('other');
    other.restore(decodeSnapshot(encodeSnapshot(made.snapshot())));
    expect(other.config).toEqual(made.config);
    other.execute(STARTUP, 0);
    const manufacturer = encodeCommand(COMMANDS.GetCapability, { capability: 6, property: 0x105, propertyCount: 1 });
    expect(toHex(other.execute(manufacturer, 0).subarray(-4))).toBe(toHex(utf8('IFX\0')));
  });

  it('refuses what no TPM is made as', () => {
    const snapshot = busy().snapshot();
    for (const wrong of [{ manufacturer: 'TOO LONG' }, { firmwareVersion: 5 }, { banks: 'sha256' }]) {
      const config = { ...DEFAULT_TPM_CONFIG, ...wrong } as TpmConfig;
      expect(() => decodeSnapshot(encodeSnapshot({ ...snapshot, config }))).toThrow(InputError);
    }
  });

  it('an old one, which does not tell what the TPM was made as, leaves that as it is', () => {
    const { state, at } = busy().snapshot();
    const old = encodeSnapshot({ state, at });
    // The version, and the digest over all before it.
    old[11] = 1;
    old.set(hash('sha256', old.subarray(0, -32)), old.length - 32);
    const other = engine('other');
    const { config } = other;
    other.restore(decodeSnapshot(old));
    expect(other.config).toEqual(config);
  });

  it('time between saving and restoring does not count', () => {
    const clock = new VirtualClock();
    const tpm = busy(clock);
    clock.advance(500);
    const snapshot = tpm.snapshot();
    const readClock = encodeCommand(COMMANDS.ReadClock, {});
    const then = toHex(tpm.execute(readClock, 0));
    clock.advance(1_000_000);
    tpm.restore(snapshot);
    expect(toHex(tpm.execute(readClock, 0))).toBe(then);
  });

  it('a power cycle seen from aside changes nothing', () => {
    const tpm = busy();
    const before = toHex(encodeSnapshot(tpm.snapshot()));
    expect(tpm.powerCycled().state.started).toBe(false);
    expect(toHex(encodeSnapshot(tpm.snapshot()))).toBe(before);
  });

  const bytes = encodeSnapshot(busy().snapshot());

  it('every cut and every flipped bit is a FormatError', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        expect(() => decodeSnapshot(bytes.subarray(0, at))).toThrow(FormatError);
        const bad = bytes.slice();
        bad[at] = (bad[at] ?? 0) ^ (1 << bit);
        expect(() => decodeSnapshot(bad)).toThrow(FormatError);
      }),
      { numRuns: 200 },
    );
  });

  it('says what is wrong', () => {
    expect(() => decodeSnapshot(new Uint8Array(200))).toThrow('this is not a TPM state of esxsim');
    const version = bytes.slice();
    version[11] = 9;
    expect(() => decodeSnapshot(version)).toThrow('version at offset 8: is 9, expected 1');
    const damaged = bytes.slice();
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    expect(() => decodeSnapshot(damaged)).toThrow('the content is damaged');
    const foreign = encodeSnapshot({ at: 0, state: { started: 7 } as never });
    expect(() => decodeSnapshot(foreign)).toThrow('state.started: is number, expected boolean');
  });
});

describe('values', () => {
  const value: fc.Arbitrary<unknown> = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(undefined, null, true, false),
      fc.double(),
      fc.bigInt(),
      fc.string(),
      fc.uint8Array({ maxLength: 20 }),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.array(fc.tuple(fc.integer(), tie('any')), { maxLength: 4 }).map((entries) => new Map(entries)),
      fc.uniqueArray(fc.integer(), { maxLength: 4 }).map((items) => new Set(items)),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('any'),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).any;

  it('come back as they were', () => {
    fc.assert(
      fc.property(value, (one) => {
        const writer = new ByteWriter();
        writeValue(writer, one);
        const reader = new ByteReader(writer.finish(), 'value');
        expect(readValue(reader)).toEqual(one);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('are equal where their bytes are, and only there', () => {
    const bytes = (one: unknown): string => {
      const writer = new ByteWriter();
      writeValue(writer, one);
      return toHex(writer.finish());
    };
    // A copy, and values so small that two of them are often the same.
    const small = fc.oneof(value, fc.constantFrom<unknown>(0, -0, [], {}, { a: undefined }, new Map(), new Set(), ''));
    fc.assert(
      fc.property(small, small, (one, other) => {
        expect(equalValues(one, cloneValue(one))).toBe(true);
        expect(equalValues(one, other)).toBe(bytes(one) === bytes(other));
      }),
      { numRuns: 300 },
    );
  });

  it('any bytes are a value or a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          readValue(new ByteReader(bytes, 'value'));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });

  it('what is not plain data is refused when it is written', () => {
    expect(() => writeValue(new ByteWriter(), new Date(0))).toThrow(/object of class Date/);
  });
});

describe('difference and history', () => {
  it('tells what a command changed', () => {
    const history = new TpmHistory(engine());
    history.execute(STARTUP);
    history.execute(EXTEND);
    expect(history.changes(2).map(({ path }) => path)).toEqual(['banks.1.values.10', 'pcrUpdateCounter']);
    expect(changeText(history.changes(2)[1] ?? { path: '', before: '', after: '' })).toMatch(
      /^pcrUpdateCounter: \d+ -> \d+$/,
    );
    expect(diffStates(engine().state, engine().state)).toEqual([]);
    history.execute(PRIMARY);
    expect(history.changes(3).map(({ path }) => path)).toContain('transient.0x80000000');
  });

  it('goes back to before a command and does it again alike', () => {
    const history = new TpmHistory(engine());
    history.execute(STARTUP);
    const answers = [1, 2, 3].map(() => toHex(history.execute(RANDOM)));
    history.goBack(3);
    expect(history.next).toBe(3);
    expect(toHex(history.execute(RANDOM))).toBe(answers[1]);
    history.goBack(1);
    expect(toHex(history.execute(STARTUP))).toBe('80010000000a00000000');
  });

  it('remembers only as many commands as it was told', () => {
    const history = new TpmHistory(engine(), 3);
    history.execute(STARTUP);
    for (let i = 0; i < 9; i++) history.execute(RANDOM);
    expect(history.oldest).toBe(8);
    expect(() => history.goBack(7)).toThrow('command 7 is not among 8 to 10');
  });
});

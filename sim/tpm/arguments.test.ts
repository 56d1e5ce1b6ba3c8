import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/bytes/errors.ts';
import {
  COMMANDS,
  decode,
  encode,
  encodeCommand,
  parsePublic,
  responseCode,
  Tpm2Client,
} from '../../src/tpm2/index.ts';
import {
  createTpm2,
  decodeSnapshot,
  EmbeddedTransport,
  Entropy,
  embeddedTransport,
  encodeSnapshot,
  readTrace,
  TpmHistory,
  TracedTransport,
  VirtualClock,
} from './index.ts';

/** What a caller without a type checker may pass. */
const loose = (value: unknown): never => value as never;
const parts = () => ({ entropy: new Entropy('arguments').stream('tpm'), clock: new VirtualClock() });
const STARTUP = encodeCommand(COMMANDS.Startup, { startupType: 0 });

describe('wrong arguments are one line that says what is expected', () => {
  const engine = createTpm2(parts());

  it.each([
    [
      'createTpm2',
      () => createTpm2(loose(undefined)),
      'createTpm2: expected an object, not undefined: give { entropy,',
    ],
    [
      'no entropy',
      () => createTpm2(loose({})),
      'createTpm2: entropy: expected an object, not undefined: new Entropy(seed)',
    ],
    [
      'the entropy itself',
      () => createTpm2(loose({ ...parts(), entropy: new Entropy('x') })),
      'createTpm2: entropy: an object (Entropy) has no below(): new Entropy(seed)',
    ],
    ['no clock', () => createTpm2(loose({ ...parts(), clock: undefined })), 'createTpm2: clock: expected an object'],
    ['unknown option', () => createTpm2(loose({ ...parts(), conf: {} })), 'createTpm2: no setting "conf", expected'],
    [
      'unknown setting',
      () => createTpm2({ ...parts(), config: loose({ vendor: 'X' }) }),
      'TPM config: no setting "vendor", expected manufacturer,',
    ],
    ['banks', () => createTpm2({ ...parts(), config: loose({ banks: 'sha1' }) }), 'TPM banks: expected an array, not'],
    [
      'bank',
      () => createTpm2({ ...parts(), config: loose({ banks: ['md5'] }) }),
      'TPM banks: expected sha1 or sha256 or sha384 or sha512, not "md5"',
    ],
    [
      'firmware',
      () => createTpm2({ ...parts(), config: loose({ firmwareVersion: 1 }) }),
      'TPM firmwareVersion: expected a bigint, not 1',
    ],
    [
      'manufacturer',
      () => createTpm2({ ...parts(), config: loose({ manufacturer: 1 }) }),
      'TPM manufacturer: expected',
    ],
    ['embedded', () => embeddedTransport(loose(null)), 'createTpm2: expected an object, not null'],
    [
      'command',
      () => engine.execute(loose('8001'), 0),
      'TPM command: expected bytes (a Uint8Array), not the text "8001"',
    ],
    ['locality', () => engine.execute(STARTUP, loose(5)), 'TPM locality: expected 0 to 4, not 5'],
    [
      'restore',
      () => engine.restore(loose({})),
      'restore: an object (Object) has no state: snapshot() and decodeSnapshot',
    ],
    [
      'restore state',
      () => engine.restore(loose({ state: {}, at: 0 })),
      'restore: state: an object (Object) has no banks',
    ],
    ['hashData', () => engine.hashData(loose(undefined)), 'hashData: expected bytes (a Uint8Array), not undefined'],
    [
      'decodeSnapshot',
      () => decodeSnapshot(loose(undefined)),
      'TPM snapshot: expected bytes (a Uint8Array), not undefined',
    ],
    ['encodeSnapshot', () => encodeSnapshot(loose(undefined)), 'encodeSnapshot: expected an object, not undefined'],
    ['history', () => new TpmHistory(loose(undefined)), 'TpmHistory: expected an object, not undefined: createTpm2'],
    ['depth', () => new TpmHistory(engine, 0), 'TpmHistory: depth: expected a number of commands from 1, not 0'],
    ['transport', () => new EmbeddedTransport(loose({})), 'EmbeddedTransport: an object (Object) has no execute()'],
    [
      'traced',
      () => new TracedTransport(loose({}), () => undefined),
      'TracedTransport: an object (Object) has no transmit()',
    ],
    [
      'traced line',
      () => new TracedTransport(new EmbeddedTransport(engine), loose(1)),
      'TracedTransport: expected a function',
    ],
    ['trace', () => readTrace(loose(undefined)), 'command log: expected its text, not undefined'],
    ['client', () => new Tpm2Client(loose(undefined)), 'Tpm2Client: expected an object, not undefined'],
    ['decode', () => decode(loose(STARTUP), loose(undefined)), 'decode: an object (Uint8Array) has no read()'],
    ['encode', () => encode(loose(undefined), 1), 'encode: expected an object, not undefined'],
    ['parsePublic', () => parsePublic(loose(undefined)), 'TPMT_PUBLIC: expected bytes (a Uint8Array), not undefined'],
    ['responseCode', () => responseCode(loose('x')), 'TPM response: expected bytes (a Uint8Array), not the text "x"'],
  ] as const)('%s', (_, run, message) => {
    expect(run).toThrow(InputError);
    expect(run).toThrow(message);
    try {
      run();
    } catch (error) {
      expect((error as Error).message).not.toContain('\n');
    }
  });

  it('and leave the TPM as it was', () => {
    expect(() => engine.execute(loose({}), 0)).toThrow(InputError);
    expect(responseCode(engine.execute(STARTUP, 0))).toBe(0);
  });

  it('settings that are undefined are the default', () => {
    expect(createTpm2({ ...parts(), config: loose({ manufacturer: undefined }) }).config.manufacturer).toBe('ESXS');
  });
});

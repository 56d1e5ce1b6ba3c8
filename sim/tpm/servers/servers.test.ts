import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../src/bytes/bytes.ts';
import { InputError } from '../../../src/bytes/errors.ts';
import { COMMANDS, encodeCommand } from '../../../src/tpm2/index.ts';
import { VirtualClock } from '../../clock.ts';
import { Entropy } from '../../entropy.ts';
import { createTpm2 } from '../engine.ts';
import type { Conversation } from './conversation.ts';
import { TpmMachine } from './machine.ts';
import { MssimConversation } from './mssim.ts';
import { SwtpmStore } from './swtpm-commands.ts';
import { SwtpmControl } from './swtpm-control.ts';
import { SwtpmData } from './swtpm-data.ts';

const READ_CLOCK = '80010000000a00000181';
const STARTUP = toHex(encodeCommand(COMMANDS.Startup, { startupType: 0 }));
const RANDOM = '80010000000c0000017b0004';
const OK = '80010000000a00000000';
const NOT_STARTED = '80010000000a00000100';

let machine: TpmMachine;
let control: SwtpmControl;
let data: SwtpmData;
const faults: unknown[] = [];

beforeEach(() => {
  faults.length = 0;
  const entropy = new Entropy('servers').stream('tpm');
  machine = new TpmMachine(createTpm2({ entropy, clock: new VirtualClock(), onFault: (e) => faults.push(e) }));
  control = new SwtpmControl(machine, new SwtpmStore());
  data = new SwtpmData(machine);
});

describe('what cannot be kept', () => {
  // swtpm 0.7.1 whose state folder is gone answers TPM_RC_FAILURE too, and works again after INIT once it is back.
  it('is a failure of the TPM until its next power cycle, not of the server', () => {
    const entropy = new Entropy('kept').stream('tpm');
    const said: unknown[] = [];
    let full = false;
    const observer = {
      command() {
        if (full) throw new InputError('no space');
      },
      platform() {
        if (full) throw new InputError('no space');
      },
    };
    const kept = new TpmMachine(createTpm2({ entropy, clock: new VirtualClock() }), [observer], (e) => said.push(e));
    const [channel, commands] = [new SwtpmControl(kept, new SwtpmStore()), new SwtpmData(kept)];
    kept.powerOn();
    expect(ask(commands, STARTUP)).toBe(OK);
    full = true;
    expect(ask(commands, RANDOM)).toBe('80010000000a00000101');
    expect(ask(commands, RANDOM)).toBe('80010000000a00000101');
    expect(ask(channel, '0000000200000000')).toBe('00000009');
    full = false;
    expect(ask(channel, '0000000200000000')).toBe('00000000');
    expect(ask(commands, STARTUP)).toBe(OK);
    expect(said.length).toBeGreaterThan(0);
  });
});

const ask = (to: Conversation, hex: string): string => toHex(to.receive(fromHex(hex)).reply);

/** Answers of swtpm 0.7.1 to the same messages in the same order (recorded; compared with the program in test/conformance). */
describe('swtpm control channel', () => {
  it.each([
    ['00000001', '000000000000ffff'],
    ['0000000101', '000000000000ffff'],
    ['00000004', '0000000000000000'],
    ['0000000400', '00000003'],
    ['0000000f', '0000000000000000'],
    ['0000000f00', '00000003'],
    ['0000001100000000', '000000000000100000000af800001000'],
    ['000000110000000a', '0000000a'],
    ['0000000505', '0000003d'],
    ['0000000504', '00000000'],
    ['000000050000', '00000000'],
    ['0000000200000000', '00000000'],
    ['000000020000000000', '00000003'],
    ['0000000b00', '0000003d'],
    ['0000000b03', '00000000'],
    ['00000010', '0000001f'],
    ['00000013', '0000000a'],
    ['00000000', '0000000a'],
    ['000000ff', '0000000a'],
    ['00000009', '00000000'],
    ['0000000a', '00000000'],
    ['0000000c000000000000000300000000', '00000800000000000000000000000000'],
    ['0000000c000000000000000100ffffff', '00000000000000000000000000000000'],
    ['0000000d00000000000000010000000100', '0000000a'],
    ['00000012000000000000000000000000' + '00000000', '0000000000000003000000037b7d00'],
  ])('%s -> %s', (request, answer) => expect(ask(control, request)).toBe(answer));

  it('a stopped TPM answers failure and is started by INIT', () => {
    expect(ask(data, STARTUP)).toBe(OK);
    expect(ask(control, '0000000e')).toBe('00000000');
    expect(ask(data, RANDOM)).toBe('80010000000a00000101');
    for (const command of ['00000004', '00000006', '0000000a', '0000000b03', '00000009']) {
      expect(ask(control, command)).toBe('0000000a');
    }
    expect(ask(control, '0000001100000bb8')).toBe('0000000000000bb800000af800001000');
    expect(ask(control, '0000000d00000000000000010000000100')).toBe('00000003');
    expect(ask(control, '0000000200000000')).toBe('00000000');
    expect(ask(data, RANDOM)).toBe(NOT_STARTED);
  });

  it('takes messages in pieces', () => {
    for (const piece of ['00', '0000', '05']) expect(ask(control, piece)).toBe('');
    expect(ask(control, '03')).toBe('00000000');
    expect(machine.locality).toBe(3);
  });

  it('hash signals measure, the established bit stays until locality 3 or 4 resets it', () => {
    ask(data, STARTUP);
    expect(ask(control, '00000006')).toBe('00000000');
    expect(ask(control, '0000000700000003')).toBe('');
    expect(ask(control, '414243')).toBe('00000000');
    expect(ask(control, '00000008')).toBe('00000000');
    expect(ask(control, '00000004')).toBe('0000000001000000');
    expect(ask(control, '0000000b04')).toBe('00000000');
    expect(ask(control, '00000004')).toBe('0000000000000000');
    // SHA-256(32 zero bytes ‖ SHA-256("ABC")).
    const pcr17 = machine.engine.state.banks[1]?.values[17] ?? new Uint8Array(0);
    expect(toHex(pcr17)).toBe('7198f6a012eed119e684456ea8488f45f3d245a4118d05b01f98a7efa0014250');
  });

  it('stores the volatile state; INIT goes on from it until told to delete it', () => {
    ask(data, STARTUP);
    ask(control, '0000000a');
    const next = ask(data, RANDOM);
    ask(control, '0000000200000001');
    expect(ask(data, RANDOM)).toBe(next);
    ask(control, '0000000200000000');
    expect(ask(data, RANDOM)).toBe(NOT_STARTED);
  });

  it('state blobs move a running TPM to another one, which finds the time that passed meanwhile', () => {
    ask(data, STARTUP);
    const clockBefore = ask(data, READ_CLOCK);
    const blob = ask(control, '0000000c000000000000000200000000').slice(32);
    const next = ask(data, RANDOM);
    const clock = new VirtualClock();
    clock.advance(0x1234);
    const other = new TpmMachine(createTpm2({ entropy: new Entropy('other').stream('tpm'), clock }));
    const otherControl = new SwtpmControl(other, new SwtpmStore());
    ask(otherControl, '0000000e');
    const size = (blob.length / 2).toString(16).padStart(8, '0');
    expect(ask(otherControl, `0000000d0000000000000002${size}${blob}`)).toBe('00000000');
    expect(ask(otherControl, '0000000200000000')).toBe('00000000');
    expect(ask(new SwtpmData(other), RANDOM)).toBe(next);
    const times = (answer: string) => [answer.slice(20, 36), answer.slice(36, 52)].map((hex) => Number(`0x${hex}`));
    const before = times(clockBefore);
    expect(times(ask(new SwtpmData(other), READ_CLOCK))).toEqual(before.map((time) => time + 0x1234));
  });

  it('SET_DATAFD where the runtime cannot receive a descriptor: refused, with a line for a person', () => {
    const store = new SwtpmStore();
    const said: string[] = [];
    store.data = 'awaited';
    store.say = (text) => said.push(text);
    const answer = new SwtpmControl(machine, store).receive(fromHex('00000010'), 'impossible');
    expect(toHex(answer.reply)).toBe('0000001f');
    expect(answer.adopt).toBeUndefined();
    expect(said.join()).toMatch(/^SET_DATAFD: Node v\S+ cannot receive a descriptor/);
  });

  it('reject-locality-4', () => {
    const store = new SwtpmStore();
    store.locality = { rejectLocality4: true, allowSetLocality: false };
    const strict = new SwtpmControl(machine, store);
    expect([ask(strict, '0000000503'), ask(strict, '0000000504')]).toEqual(['00000000', '0000003d']);
  });

  // The answers of swtpm 0.7.1 to the same bytes.
  it.each([
    [{ rejectLocality4: false, allowSetLocality: true }, ['00', '00', '0107', '009a'], '04'],
    [{ rejectLocality4: true, allowSetLocality: true }, ['00', '0107', '0107', '009a'], '03'],
    [undefined, ['0101', '0101', '0101', '009a'], '00'],
  ])('the locality from the data channel: %j', (rules, codes, locality) => {
    const channel = new SwtpmData(machine, false, rules);
    const commands = ['0b2000100003', '0b2000100004', '0b2000100005', '0a20001000'].map((end) => `8001000000${end}`);
    expect(commands.map((command) => ask(channel, command))).toEqual(
      codes.map((code) => `80010000000a${code.padStart(8, '0')}`),
    );
    expect(machine.locality).toBe(Number.parseInt(locality, 16));
    machine.running = false;
    expect(ask(channel, commands[0] ?? '')).toBe('80010000000a00000101');
  });

  it('SHUTDOWN ends the server', () => expect(control.receive(fromHex('00000003')).end).toBe('server'));

  describe('messages without all of their bytes, as swtpm 0.7.1 takes them', () => {
    const stopped = '0000000e';

    it('the rest of most is waited for, and then the connection ends without an answer', () => {
      for (const begun of ['00', '000000', '00000002', '00000005', '0000000700000002', '0000000c00', '0000000d']) {
        control = new SwtpmControl(machine, new SwtpmStore());
        expect([begun, ask(control, begun)]).toEqual([begun, '']);
        expect(control.waits).toEqual({ milliseconds: 500, after: 'first' });
        expect(control.idle()).toEqual({ reply: new Uint8Array(0), end: 'connection' });
      }
      ask(control, '00000005');
      expect(control.ended()).toEqual({ reply: new Uint8Array(0), end: 'connection' });
    });

    it('SET_BUFFERSIZE and GET_INFO are answered at once', () => {
      for (const begun of ['00000011', '00000011000000', '00000012', `00000012${'00'.repeat(15)}`]) {
        expect([begun, ask(control, begun)]).toEqual([begun, '00000003']);
        expect(control.waits).toBeUndefined();
      }
    });

    it('data of silly lengths is taken and not kept', () => {
      const mebibyte = new Uint8Array(1 << 20);
      for (const begun of ['00000007ffffffff', '0000000d0000000000000001ffffffff']) {
        control = new SwtpmControl(machine, new SwtpmStore());
        if (begun.startsWith('0000000d')) ask(control, stopped);
        expect(ask(control, begun)).toBe('');
        for (let i = 0; i < 20; i++) expect(toHex(control.receive(mebibyte).reply)).toBe('');
        expect(control.waits).toBeUndefined();
        expect(toHex(control.ended().reply)).toBe(begun.startsWith('0000000d') ? '00000003' : '0000001f');
      }
      expect(faults).toEqual([]);
    });

    it('a message of the longest size is answered as soon as anything follows', () => {
      ask(control, stopped);
      const full = `00000007ffffffff${'00'.repeat(4096)}`;
      expect(ask(control, full)).toBe('');
      expect(ask(control, '00')).toBe('0000000a');
      expect(control.waits).toBeDefined();
    });
  });
});

describe('swtpm data port', () => {
  // The answer of swtpm 0.7.1 to any command under ten bytes behind the TCG header, whatever its tag.
  it.each(['80', '8001', '800100000006', '9999', '80010000000c000001'])(
    'a command cut off in its header: %s',
    (command) => {
      const size = (command.length / 2).toString(16).padStart(8, '0');
      expect(ask(data, `0000000800${size}${command}`)).toBe('0000000a80010000000a0000009a00000000');
    },
  );

  it.each([
    ['80010000000900000' + '17b', '80010000000a00000142'],
    ['8001000010010000017b0004', '80010000000a00000142'],
    [RANDOM + RANDOM, '80010000000a00000142'],
    [`00000008000000000c${RANDOM}`, `0000000a${NOT_STARTED}00000000`],
    [`0000000800ffffffff${RANDOM}`, `0000000a${NOT_STARTED}00000000`],
  ])('%s -> %s', (request, answer) => expect(ask(data, request)).toBe(answer));

  it('waits for a command that comes byte by byte', () => {
    const bytes = fromHex(STARTUP);
    const answers = [...bytes].map((byte) => toHex(data.receive(new Uint8Array([byte])).reply));
    expect(answers.join('')).toBe(OK);
    expect(answers.at(-1)).toBe(OK);
  });

  it('with `disconnect`, an answer ends the connection', () => {
    const once = new SwtpmData(machine, true);
    expect(once.receive(fromHex(STARTUP.slice(0, 8))).end).toBeUndefined();
    expect(once.receive(fromHex(STARTUP.slice(8))).end).toBe('connection');
  });

  it('the prefix sets the locality', () => {
    ask(data, `00000008030000000c${RANDOM}`);
    expect(machine.locality).toBe(3);
  });
});

describe('simulator protocol', () => {
  const command = () => new MssimConversation(machine, 'command');
  const platform = () => new MssimConversation(machine, 'platform');
  const send = (hex: string) => `0000000800${(hex.length / 2).toString(16).padStart(8, '0')}${hex}`;

  it('commands, handshake, unknown messages', () => {
    expect(ask(command(), send(STARTUP))).toBe(`0000000a${OK}00000000`);
    expect(ask(command(), '0000000f00000001')).toBe('000000010000000d00000000');
    expect(ask(command(), '000000ff')).toBe('00000001');
    expect(command().receive(fromHex('00000014')).end).toBe('connection');
    expect(command().receive(fromHex('00000015')).end).toBe('server');
  });

  it('power: on changes nothing while it is on, off and on is a cycle; off answers nothing', () => {
    ask(command(), send(STARTUP));
    ask(platform(), '000000010000000b');
    expect(ask(command(), send(STARTUP))).toBe(`0000000a${NOT_STARTED}00000000`);
    expect(ask(platform(), '00000002')).toBe('00000000');
    expect(ask(command(), send(STARTUP))).toBe('0000000000000000');
    ask(platform(), '00000001');
    expect(ask(command(), send(STARTUP))).toBe(`0000000a${OK}00000000`);
    ask(platform(), '00000011');
    expect(ask(command(), send(STARTUP))).toBe(`0000000a${OK}00000000`);
  });

  it('without NV, what writes is refused; failure mode lasts until reset', () => {
    ask(platform(), '0000000c');
    expect(ask(command(), send(STARTUP))).toBe('0000000a80010000000a0000092300000000');
    ask(platform(), '0000000b');
    ask(command(), send(STARTUP));
    ask(platform(), '0000001e');
    expect(ask(command(), send(RANDOM))).toBe('0000000a80010000000a0000010100000000');
    ask(platform(), '00000011');
    expect(ask(command(), send(STARTUP))).toBe(`0000000a${OK}00000000`);
  });

  it('many messages in one piece, one message in many', () => {
    const all = concat(fromHex(send(STARTUP)), fromHex(send(RANDOM)));
    const whole = command();
    expect(toHex(whole.receive(all).reply)).toMatch(new RegExp(`^0000000a${OK}00000000000000108001`));
    ask(platform(), '00000011');
    const pieces = command();
    let out = '';
    for (const byte of all) out += toHex(pieces.receive(new Uint8Array([byte])).reply);
    expect(out).toMatch(new RegExp(`^0000000a${OK}00000000000000108001`));
  });

  it('a command of impossible length ends the connection', () => {
    expect(command().receive(fromHex('0000000800ffffffff')).end).toBe('connection');
  });
});

describe('hostile input', () => {
  const kinds: readonly [string, () => Conversation][] = [
    ['control', () => control],
    ['data', () => data],
    ['command', () => new MssimConversation(machine, 'command')],
    ['platform', () => new MssimConversation(machine, 'platform')],
  ];

  it.each(kinds)('%s port: no exception, bounded answers', (_, begin) => {
    const message = fc.tuple(
      fc.integer({ min: 0, max: 32 }).map((n) => new Uint8Array([0, 0, 0, n])),
      fc.uint8Array({ maxLength: 64 }),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), message), { maxLength: 12 }), (parts) => {
        let to = begin();
        for (const part of parts) {
          const bytes = part instanceof Uint8Array ? part : concat(...part);
          const answer = to.receive(bytes);
          expect(answer.reply.length).toBeLessThan(1 << 20);
          if (answer.end !== undefined) to = begin();
        }
        expect(faults).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

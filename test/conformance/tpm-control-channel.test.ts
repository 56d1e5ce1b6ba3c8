/**
 * Messages of swtpm's control channel that are short, too long, in pieces or cut off, to swtpm and to our server (from the source):
 * the same answers, and the same ends of the connection.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../sim/clock.ts';
import { Entropy } from '../../sim/entropy.ts';
import { createTpm2 } from '../../sim/tpm/engine.ts';
import { listenSwtpm, listenTpm, type TpmServer } from '../../sim/tpm/servers/listen.ts';
import { TpmMachine } from '../../sim/tpm/servers/machine.ts';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import { runBeside, tempFolder } from './run.ts';
import { startTheirs, type TpmProcess } from './tpm-peer.ts';

/** Bytes to send in hexadecimal, or an end of sending, or milliseconds to wait. */
type Step = string | 'FIN' | number;

let ours: TpmServer;
let theirs: TpmProcess;
let ports: readonly [number, number];

beforeAll(async () => {
  const entropy = new Entropy('control').stream('tpm');
  const engine = createTpm2({ entropy, clock: new VirtualClock(), config: { endorsementKeys: [] } });
  ours = await listenTpm(new TpmMachine(engine), 'swtpm', { host: '127.0.0.1', port: 0 });
  theirs = await startTheirs();
  ports = ['port' in ours.address ? ours.address.port + 1 : 0, theirs.port + 1];
});
afterAll(async () => {
  await ours?.close();
  await theirs?.stop();
});

/** How long an answer is waited for. */
const QUIET = 120;

class Control {
  readonly #socket: Socket;
  #got = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#got += toHex(new Uint8Array(chunk));
    });
    socket.on('end', () => {
      this.#got += '|closed';
    });
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<Control> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    await once(socket, 'connect');
    return new Control(socket);
  }

  /** What comes after a step. Blobs and texts are each TPM's own: of those only the beginning. */
  async do(step: Step): Promise<string> {
    this.#got = '';
    if (typeof step === 'number') await wait(step);
    else if (step === 'FIN') this.#socket.end();
    else this.#socket.write(fromHex(step));
    for (let waited = 0; waited < QUIET && this.#got === ''; waited += 5) await wait(5);
    if (this.#got !== '') await wait(15);
    return this.#got.replace(/^([0-9a-f]{8})[0-9a-f]{80,}/, '$1…');
  }

  close(): void {
    this.#socket.destroy();
  }
}

const shown = (step: Step): string => {
  const text = String(step);
  return text.length > 48 ? `${text.slice(0, 40)}… (${text.length / 2} bytes)` : text;
};

/** What a server answers to steps of one connection, the TPM being in a known state before. */
async function answers(port: number, running: boolean, steps: readonly Step[]): Promise<string[]> {
  const before = await Control.open(port);
  expect(await before.do('0000000200000000')).toBe('00000000');
  if (!running) expect(await before.do('0000000e')).toBe('00000000');
  before.close();
  const control = await Control.open(port);
  const out: string[] = [];
  for (const step of steps) out.push(`${shown(step)} -> ${await control.do(step)}`);
  control.close();
  return out;
}

async function compare(running: boolean, steps: readonly Step[]): Promise<string[]> {
  const [a, b] = await Promise.all([answers(ports[0], running, steps), answers(ports[1], running, steps)]);
  expect(a).toEqual(b);
  return a;
}

const hex32 = (value: number): string => value.toString(16).padStart(8, '0');

/** Every command with its whole payload; 0x13 and 0x14 are none of swtpm 0.7.1. SHUTDOWN ends the server and has no payload. */
const COMMANDS: readonly (readonly [string, number, string])[] = [
  ['GET_CAPABILITY', 1, ''],
  ['INIT', 2, '00000000'],
  ['GET_TPMESTABLISHED', 4, ''],
  ['SET_LOCALITY', 5, '00'],
  ['HASH_START', 6, ''],
  ['HASH_DATA', 7, '00000003414243'],
  ['HASH_END', 8, ''],
  ['CANCEL_TPM_CMD', 9, ''],
  ['STORE_VOLATILE', 10, ''],
  ['RESET_TPMESTABLISHED', 11, '03'],
  ['GET_STATEBLOB', 12, '000000000000000100000000'],
  ['SET_STATEBLOB', 13, '00000000000000010000000441424344'],
  ['STOP', 14, ''],
  ['GET_CONFIG', 15, ''],
  ['SET_DATAFD', 16, ''],
  ['SET_BUFFERSIZE', 17, '00000000'],
  ['GET_INFO', 18, '00000000000000010000000000000000'],
  ['unknown', 19, '00000000'],
  ['unknown', 20, '00000000'],
];

describe('a message of each command', () => {
  it.each(COMMANDS)('%s', async (_, command, payload) => {
    const start = hex32(command);
    const size = payload.length / 2;
    for (const running of [true, false]) {
      for (const length of new Set([0, 1, 4, size - 1, size].filter((n) => n >= 0 && n <= size))) {
        const begun = start + payload.slice(0, 2 * length);
        // Short, with another message after it; then cut off; then whole after all.
        await compare(running, [begun, '0000000f']);
        if (running) await compare(running, [begun, 'FIN']);
        if (running && length < size) await compare(running, [begun, payload.slice(2 * length)]);
      }
      // What comes with a message belongs to it.
      for (const more of ['00', '0000000f']) await compare(running, [start + payload + more, '0000000f']);
    }
  });

  it('no whole command', async () => {
    for (const begun of ['00', '0000', '000000']) {
      await compare(true, [begun, 'FIN']);
      await compare(true, [begun, '0000000f'.slice(begun.length)]);
      await compare(true, [begun, '00000005']);
    }
    await compare(true, ['FIN']);
  });

  it('SHUTDOWN with more than that does not end the server', async () => {
    expect((await compare(true, ['0000000300', '0000000f']))[0]).toBe('0000000300 -> 00000003');
  });
});

describe('the rest of a message', () => {
  it.each([
    ['no command', ['0000']],
    ['SET_LOCALITY', ['00000005']],
    ['HASH_DATA', ['000000070000000341']],
    ['HASH_DATA of a silly length', ['00000007ffffffff4142']],
    ['SET_STATEBLOB of a silly length', ['0000000d0000000000000001ffffffff41']],
  ])('%s: half a second, then the connection ends without an answer', async (_, steps) => {
    const [, late] = await compare(true, [...steps, 600]);
    expect(late).toBe('600 -> |closed');
    await compare(false, [...steps, 600]);
  });

  // A step takes an eighth of a second or more: on a machine that was busy meanwhile the end comes a step earlier.
  it('half a second is meant for all of it', { retry: 5 }, async () => {
    const seen = await compare(true, ['00', '00', '00', 200]);
    expect(seen.at(-1)).toBe('200 -> |closed');
    // Pieces in time are no matter.
    expect((await compare(true, ['00', '00', '0005', '03'])).at(-1)).toBe('03 -> 00000000');
  });
});

describe('data longer than a message', () => {
  const bytes = (count: number): string => '41'.repeat(count);
  const LENGTHS = [0, 2, 4095, 4096, 4097, 5000, 4088 + 3072, 0x100001, 0x7fffffff, 0x80000000, 0xffffffff];

  // At most 8 KiB at once: what is read together is one message, and more than that ours reads in pieces.
  it.each(LENGTHS.map((length) => [length]))('HASH_DATA of %i', async (length) => {
    for (const sent of [1, 4095, 4096, 4097, 5000, 8_100]) {
      const message = `00000007${hex32(length)}${bytes(sent)}`;
      // As it comes; a client that sends no more gets the answer, if there was none.
      for (const running of [true, false]) await compare(running, [message, '5a5a', 'FIN']);
    }
  });

  it.each(LENGTHS.map((length) => [length]))('SET_STATEBLOB of %i', async (length) => {
    for (const sent of [1, 4087, 4088, 4089, 5000, 4088 + 3072, 4088 + 3072 + 4, 8_100]) {
      const message = `0000000d0000000000000001${hex32(length)}${bytes(sent)}`;
      for (const running of [true, false]) await compare(running, [message, '5a5a', 'FIN']);
    }
  });

  it('measured in pieces as in one', async () => {
    const data = bytes(9000);
    const measured = (steps: readonly Step[]) => compare(true, ['00000006', ...steps, '00000008', '00000004']);
    await measured([`00000007${hex32(9000)}${data}`]);
    await measured([`00000007${hex32(9000)}${data.slice(0, 9000)}`, data.slice(9000)]);
  });
});

/** Sends SET_DATAFD with an open file and prints the answer: Node cannot send files. */
const SEND_FILE = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = array.array("i", [os.open("/dev/null", os.O_RDONLY)])
s.sendmsg([bytes.fromhex("00000010")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, f)])
s.settimeout(5)
print(s.recv(100).hex())
`;

describe('Unix sockets', () => {
  const machine = (): TpmMachine =>
    new TpmMachine(createTpm2({ entropy: new Entropy('unix').stream('tpm'), clock: new VirtualClock() }));

  it('a file in place of a socket does not end a server that wants no descriptor', async () => {
    const [control, data] = [join(tempFolder(), 'c'), join(tempFolder(), 'd')];
    const server = await listenSwtpm(machine(), {
      control: { address: { path: control } },
      data: { address: { path: data } },
    });
    for (let round = 0; round < 2; round++) {
      const done = await runBeside('python3', ['-c', SEND_FILE, control]);
      expect(done).toEqual({ code: 0, stdout: '0000001f\n', stderr: '' });
    }
    await server.close();
  });

  it('a socket whose server was killed is taken over, one whose server lives is not', async () => {
    const path = join(tempFolder(), 's');
    const stale = await runBeside('python3', [
      '-c',
      'import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()',
      path,
    ]);
    expect([stale.code, existsSync(path)]).toEqual([0, true]);
    const server = await listenTpm(machine(), 'swtpm', { path });
    await expect(listenTpm(machine(), 'swtpm', { path })).rejects.toThrow('another server is listening there');
    expect(existsSync(path)).toBe(true);
    await server.close();
  });

  it('a client that ends its side after a command that is cut off', async () => {
    const path = join(tempFolder(), 's');
    const server = await listenSwtpm(machine(), { control: { address: { path } } });
    const socket = connect({ path, allowHalfOpen: true });
    await once(socket, 'connect');
    const control = new Control(socket);
    expect(await control.do('00000005')).toBe('');
    expect(await control.do('FIN')).toBe('|closed');
    await server.close();
  });
});

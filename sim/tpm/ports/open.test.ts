import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/bytes/bytes.ts';
import { COMMANDS, encodeCommand } from '../../../src/tpm2/index.ts';
import { VirtualClock } from '../../clock.ts';
import { Entropy } from '../../entropy.ts';
import { createTpm2 } from '../engine.ts';
import { MssimTransport } from './mssim.ts';
import { openTpm, parseTpmChoice } from './open.ts';
import { SwtpmTransport } from './swtpm.ts';

const options = { entropy: new Entropy('ports').stream('tpm'), clock: new VirtualClock() };
const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server on a free port whose answers `reply` makes; what it got is in `got`. */
async function serve(reply: (request: Uint8Array, socket: Socket) => void): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => reply(new Uint8Array(data), socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { host: '127.0.0.1', port: address.port };
}

describe('--tpm', () => {
  it.each([
    ['embedded', { kind: 'embedded' }],
    [
      'swtpm:localhost:2321',
      { kind: 'swtpm', data: { host: 'localhost', port: 2321 }, control: { host: 'localhost', port: 2322 } },
    ],
    ['mssim:[::1]:2321', { kind: 'mssim', data: { host: '::1', port: 2321 }, control: { host: '::1', port: 2322 } }],
    ['swtpm:unix:/run/s', { kind: 'swtpm', data: { path: '/run/s' }, control: { path: '/run/s.ctrl' } }],
  ])('%s', (text, choice) => {
    expect(parseTpmChoice(text)).toEqual(choice);
  });

  it.each([
    '',
    'swtpm',
    'swtpm:host',
    'swtpm:host:0',
    'mssim:host:65535',
    'swtpm:host:99999',
    'tpmrm0',
    'mssim:unix:/x',
  ])('refuses "%s"', (text) =>
    expect(() => parseTpmChoice(text)).toThrow(/--tpm .*: expected embedded, swtpm:HOST:PORT/),
  );

  it('an unreachable TPM is one line', async () => {
    const { host, port } = await serve(() => undefined);
    servers.splice(0).forEach((server) => void server.close());
    const tpm = openTpm({ kind: 'swtpm', data: { host, port }, control: { host, port } });
    await expect(tpm.powerOn()).rejects.toThrow(`swtpm control at 127.0.0.1:${port}: cannot connect (ECONNREFUSED)`);
  });
});

const startup = encodeCommand(COMMANDS.Startup, { startupType: 0 });

describe('swtpm client', () => {
  it('sets the locality before the command and reads answers in pieces', async () => {
    const engine = createTpm2(options);
    const control: string[] = [];
    const data = await serve((request, socket) => {
      const answer = engine.execute(request, 3);
      socket.write(answer.subarray(0, 3));
      setTimeout(() => socket.write(answer.subarray(3)), 5);
    });
    const ctrl = await serve((request, socket) => {
      control.push(toHex(request));
      socket.write(new Uint8Array(4));
    });
    const tpm = new SwtpmTransport(data, ctrl);
    await tpm.powerOn();
    expect(toHex(await tpm.transmit(startup, 3))).toBe('80010000000a00000000');
    await tpm.hashStart();
    await tpm.hashData(new Uint8Array([1, 2]));
    await tpm.hashEnd();
    await tpm.close();
    expect(control).toEqual([
      '0000000200000000',
      '0000000500',
      '0000000503',
      '00000006',
      '00000007000000020102',
      '00000008',
    ]);
  });

  it.each([['ffffffff', /INIT failed with 0xffffffff/]])('control answer %s', async (answer, message) => {
    const ctrl = await serve((_, socket) => socket.write(Buffer.from(answer, 'hex')));
    const tpm = new SwtpmTransport(ctrl, ctrl);
    await expect(tpm.powerOn()).rejects.toThrow(message);
    await tpm.close();
  });

  it('an impossible response size or a lost connection is an InputError', async () => {
    const huge = await serve((_, socket) => socket.write(Buffer.from('8001ffffffff00000000', 'hex')));
    const lost = await serve((_, socket) => socket.destroy());
    await expect(new SwtpmTransport(huge, huge).transmit(startup, 0)).rejects.toThrow(/response of 4294967295 bytes/);
    await expect(new SwtpmTransport(lost, lost).transmit(startup, 0)).rejects.toThrow(/connection closed/);
  });
});

describe('mssim client', () => {
  it('speaks the simulator protocol', async () => {
    const engine = createTpm2(options);
    const got: string[] = [];
    const acknowledge = (request: Uint8Array, socket: Socket) => {
      got.push(toHex(request));
      socket.write(new Uint8Array(4));
    };
    const command = await serve((request, socket) => {
      if (request[3] !== 8) return acknowledge(request, socket);
      got.push(toHex(request.subarray(0, 9)));
      const answer = engine.execute(request.subarray(9), 0);
      const size = Buffer.alloc(4);
      size.writeUInt32BE(answer.length);
      socket.write(Buffer.concat([size, answer, Buffer.alloc(4)]));
    });
    const platform = await serve(acknowledge);
    const tpm = new MssimTransport(command, platform);
    await tpm.powerOn();
    expect(toHex(await tpm.transmit(startup, 3))).toBe('80010000000a00000000');
    await tpm.hashStart();
    await tpm.hashData(new Uint8Array([9]));
    await tpm.hashEnd();
    await tpm.close();
    expect(got).toEqual([
      '00000002',
      '00000001',
      '0000000b',
      '00000008030000000c',
      '00000005',
      '000000060000000109',
      '00000007',
    ]);
  });
});

import { mkdtempSync, readdirSync } from 'node:fs';
import { connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/bytes/bytes.ts';
import { COMMANDS, encodeCommand } from '../../../src/tpm2/index.ts';
import { VirtualClock } from '../../clock.ts';
import { Entropy } from '../../entropy.ts';
import { createTpm2 } from '../engine.ts';
import { receivingConnection } from './descriptor-socket.ts';
import { listenSwtpm, type SwtpmPlaces } from './listen.ts';
import { TpmMachine } from './machine.ts';

const STARTUP = toHex(encodeCommand(COMMANDS.Startup, { startupType: 0 }));
const OK = '80010000000a00000000';
const STOPPED = '80010000000a00000101';
const SET_DATAFD = '00000010';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'esxsim-fd-')), 's');
const connected = (socket: Socket): Promise<void> => new Promise((done) => socket.once('connect', () => done()));
const handleOf = (socket: Socket): object => Reflect.get(socket, '_handle') as object;

/** Answers of a socket, one for each request. */
function talk(socket: Socket): (hex: string, send?: (bytes: Uint8Array) => void) => Promise<string> {
  ends.push(() => socket.destroy());
  return (hex, send = (bytes) => void socket.write(bytes)) =>
    new Promise((done, fail) => {
      socket.once('data', (chunk) => done(toHex(new Uint8Array(chunk))));
      socket.once('close', () => fail(new Error('closed')));
      send(fromHex(hex));
    });
}

/** Two connected Unix sockets. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true });
  const path = newPath();
  await new Promise<void>((done) => server.listen(path, done));
  const accepted = new Promise<Socket>((done) => server.once('connection', done));
  const client = connect(path);
  await connected(client);
  server.close();
  return [client, await accepted];
}

/** The other side of the trick: a connection that sends a descriptor along, with the internals behind `child.send`. */
async function sender(path: string): Promise<{ socket: Socket; pass(hex: string, what: Socket): Promise<string> }> {
  const [one, two] = await socketPair();
  const handle: object = Reflect.construct(handleOf(one).constructor, [2]);
  one.destroy();
  two.destroy();
  const socket: Socket = Reflect.construct(Socket, [{ handle, manualStart: true }]);
  socket.connect(path);
  await connected(socket);
  const ask = talk(socket);
  const { WriteWrap } = Reflect.get(process, 'binding').call(process, 'stream_wrap');
  const pass = (hex: string, what: Socket): Promise<string> =>
    ask(hex, (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      Reflect.get(handle, 'writeLatin1String').call(handle, new WriteWrap(), text, handleOf(what));
    });
  return { socket, pass };
}

async function serve(
  places: Partial<SwtpmPlaces> = {},
): Promise<{ path: string; machine: TpmMachine; said: string[]; ended: Promise<void> }> {
  const path = newPath();
  const entropy = new Entropy('descriptors').stream('tpm');
  const machine = new TpmMachine(createTpm2({ entropy, clock: new VirtualClock() }));
  machine.running = false;
  const said: string[] = [];
  const control = { address: { path } };
  const server = await listenSwtpm(machine, { control, say: (text) => said.push(text), ...places });
  ends.push(() => server.close());
  return { path, machine, said, ended: server.ended };
}

describe('SET_DATAFD', () => {
  it('the descriptor is the data channel, also after the control connection closed', async () => {
    const { path, machine } = await serve();
    const [mine, theirs] = await socketPair();
    const { socket, pass } = await sender(path);
    const ask = talk(mine);
    expect(await pass(SET_DATAFD, theirs)).toBe('00000000');
    theirs.destroy();
    expect(await ask(STARTUP)).toBe(STOPPED);
    expect(await talk(socket)('0000000200000001')).toBe('00000000');
    expect(await ask(STARTUP)).toBe(OK);
    socket.destroy();
    expect(await ask('80010000000c0000017b0004')).toMatch(/^800100000010000000000004/);
    expect(machine.running).toBe(true);
  });

  it('one at a time: a second is refused and closed, the next is taken when the first is gone', async () => {
    const { path } = await serve();
    const [first, second, third] = [await socketPair(), await socketPair(), await socketPair()];
    const { pass } = await sender(path);
    expect(await pass(SET_DATAFD, first[1])).toBe('00000000');
    const refused = new Promise((done) => second[0].once('close', done));
    expect(await pass(SET_DATAFD, second[1])).toBe('0000001f');
    second[1].destroy();
    second[0].resume();
    await refused;
    first[1].destroy();
    first[0].destroy();
    await expect.poll(() => pass(SET_DATAFD, third[1])).toBe('00000000');
    expect(await talk(third[0])(STARTUP)).toBe(STOPPED);
  });

  it('without a descriptor it is a bad parameter; one with another message is closed', async () => {
    const { path } = await serve();
    const [mine, theirs] = await socketPair();
    const { socket, pass } = await sender(path);
    expect(await talk(socket)(SET_DATAFD)).toBe('00000003');
    const closed = new Promise((done) => mine.once('close', done));
    expect(await pass('00000001', theirs)).toBe('000000000000ffff');
    theirs.destroy();
    mine.resume();
    await closed;
    expect(await talk(socket)(SET_DATAFD)).toBe('00000003');
  });

  it('is refused where commands have a socket of their own', async () => {
    const { path } = await serve({ data: { address: { path: newPath() } } });
    const { pass } = await sender(path);
    const [, theirs] = await socketPair();
    expect(await pass(SET_DATAFD, theirs)).toBe('0000001f');
  });

  it('--terminate: the server ends with the data channel', async () => {
    const { path, ended } = await serve({ terminate: true });
    const { socket, pass } = await sender(path);
    const [mine, theirs] = await socketPair();
    expect(await pass(SET_DATAFD, theirs)).toBe('00000000');
    theirs.destroy();
    mine.destroy();
    await ended;
    socket.destroy();
  });

  it.runIf(process.platform === 'linux')('no descriptor is left behind by twenty connections', async () => {
    const { path } = await serve();
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let i = 0; i < 20; i++) {
      const [mine, theirs] = await socketPair();
      const { socket, pass } = await sender(path);
      expect(await pass(i % 2 === 0 ? SET_DATAFD : '00000001', theirs)).toMatch(/^00000000/);
      for (const one of [mine, theirs, socket]) one.destroy();
      await expect.poll(open).toBeLessThanOrEqual(before);
    }
  });
});

describe('a runtime without IPC pipes', () => {
  it('leaves the connection as it is', () => {
    const accepted = new Socket();
    expect(receivingConnection(accepted)).toEqual({ socket: accepted, read: expect.any(Function) });
  });
});

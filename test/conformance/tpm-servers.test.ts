/** `esxsim tpm serve` in place of swtpm and the Microsoft simulator: both protocols, real clients, and kills at any moment. */
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SwtpmTransport } from '../../sim/tpm/ports/swtpm.ts';
import { decodeSnapshot } from '../../sim/tpm/snapshot.ts';
import { COMMANDS, TPM_RH, TPMA_NV, Tpm2Client } from '../../src/tpm2/index.ts';
import { esxsim, ROOT, run, start, tempFolder } from './run.ts';
import { RawPort, startOurs, startTheirs, type TpmProcess } from './tpm-peer.ts';

const STARTUP = '80010000000c000001440000';
const RANDOM = '80010000000c0000017b0004';
const PCR17 = '8001000000140000017e00000001000b03000002';

const hex32 = (value: number): string => value.toString(16).padStart(8, '0');
/** TPM2_Hash with 1,024 bytes and others after them: as long as asked for. */
const longCommand = (size: number): string => `8001${hex32(size)}0000017d0400`.padEnd(2 * size, '0');
/** A TPM that starts with another buffer: what it tells of its size, and commands around that. */
const withBuffer = (wanted: number): readonly (readonly ['c' | 'd', string])[] => [
  ['c', '0000000e'],
  ['c', `00000011${hex32(wanted)}`],
  ['c', '0000000200000000'],
  ['d', STARTUP],
  ['d', '8001000000160000017a000000060000011e00000002'],
  ...[2807, 2808, 2809, 3000, 3001, 4096, 4097].map((size) => ['d', longCommand(size)] as const),
];

/** c: control channel, d: data port. Everything compared is equal in every byte; `shape` compares 8 bytes and the length. */
const MESSAGES: readonly (readonly ['c' | 'd', string, 'shape'?])[] = [
  ['c', '00000001'],
  ['c', '0000000101'],
  ['c', '00000004'],
  ['c', '0000000400'],
  ['c', '0000000f'],
  ['c', '0000000f00'],
  ['c', '0000001100000000'],
  ['c', '000000110000000a'],
  ['d', RANDOM],
  ['c', '00000006'],
  ['c', '00000004'],
  ['c', '0000000200000000'],
  ['c', '000000020000000000'],
  ['c', '00000004'],
  ['d', STARTUP],
  ['d', STARTUP],
  ['d', RANDOM, 'shape'],
  ['c', '0000000505'],
  ['c', '00000005ff'],
  ['c', '000000050000'],
  ['c', '00000005'],
  ['c', '03'],
  ['d', RANDOM, 'shape'],
  ['c', '0000000500'],
  ['c', '0000000b00'],
  ['c', '0000000b01'],
  ['c', '0000000b05'],
  ['c', '0000000b03'],
  ['c', '00000004'],
  ['c', '00000010'],
  ['c', '00000013'],
  ['c', '0000001300000000'],
  ['c', '00000014'],
  ['c', '00000000'],
  ['c', '7fffffff'],
  ['c', '00000008'],
  ['c', '000000070000000141'],
  ['c', '00000006'],
  ['c', '0000000700000003414243'],
  ['c', '0000000700000000'],
  ['c', '0000000700000003'],
  ['c', '444546'],
  ['c', '00000008'],
  ['d', PCR17],
  ['c', '00000004'],
  ['c', '0000000b04'],
  ['c', '00000004'],
  ['c', '0000000c000000000000000300000000'],
  ['c', '0000000c000000000000000900000000'],
  ['c', '0000000c000000000000000100ffffff'],
  ['c', '0000000d00000000000000010000000100'],
  ['c', '0000001200000000000000010000000000000000'],
  ['c', '0000001200000000000000010000001000000000'],
  ['c', '0000001200000000000000010010001000000000'],
  ['c', '0000001200000000000000000000000000000000'],
  ['c', '00000009'],
  ['c', '0000000900'],
  ['c', '0000000a'],
  ['c', '0000000200000000'],
  ['d', RANDOM, 'shape'],
  ['c', '0000000200000001'],
  ['d', RANDOM, 'shape'],
  ['c', '0000000200000000'],
  ['d', RANDOM],
  ['d', STARTUP],
  ['c', '0000000e'],
  ['c', '0000000e00'],
  ['c', '0000000e'],
  ['d', RANDOM],
  ['c', '00000004'],
  ['c', '00000006'],
  ['c', '0000000600'],
  ['c', '0000000a'],
  ['c', '0000000b03'],
  ['c', '00000009'],
  ['c', '0000000500'],
  ['c', '0000000f'],
  ['c', '0000000c000000000000000100000000'],
  ['c', '0000000c000000000000000200000000'],
  ['c', '0000001100000bb8'],
  ['c', '000000110000000a'],
  ['c', '000000110000ffff'],
  ['c', '0000000d00000000000000010000000100'],
  ['c', '0000000d00000000000000090000000100'],
  ['c', '0000000d000000000000000300000000'],
  ['c', '0000000d000000000000000200000000'],
  ...[1000, 3000, 2808, 5000].flatMap(withBuffer),
  ['c', '0000000e'],
  ['c', '0000000200000000'],
  ['d', STARTUP],
  ['d', '8001000000090000017b'],
  ['d', '8001000010010000017b0004'],
  ['d', '80010000000e0000017b0004'],
  ['d', RANDOM + RANDOM],
  ['d', `00000008000000000c${RANDOM}`, 'shape'],
  ['d', `00000008030000000c${RANDOM}`, 'shape'],
  ['d', `000000080000000001${RANDOM}`, 'shape'],
  ['d', `0000000800ffffffff${RANDOM}`, 'shape'],
  ['d', '8001'],
  ['d', '0000000c0000017b0004', 'shape'],
];

describe('swtpm protocol', () => {
  let ours: TpmProcess;
  let theirs: TpmProcess;
  beforeAll(async () => {
    [ours, theirs] = await Promise.all([startOurs('--no-ek-certificates'), startTheirs()]);
  });
  afterAll(async () => {
    await Promise.all([ours?.stop(), theirs?.stop()]);
  });

  it(`answers ${MESSAGES.length} messages as swtpm does, byte for byte`, async () => {
    const talk = async ({ port }: TpmProcess): Promise<string[]> => {
      const ports = { d: await RawPort.open(port), c: await RawPort.open(port + 1) };
      const out: string[] = [];
      for (const [where, message, shape] of MESSAGES) {
        const answer = await ports[where].ask(message);
        out.push(`${where} ${message} -> ${shape === undefined ? answer : `${answer.slice(0, 16)} ${answer.length}`}`);
      }
      const last = await ports.c.ask('00000003');
      ports.d.close();
      ports.c.close();
      return [...out, `shutdown ${last}`];
    };
    const [a, b] = await Promise.all([talk(ours), talk(theirs)]);
    expect(a).toEqual(b);
    for (let i = 0; i < 50 && ours.child.exitCode === null; i++) await wait(50);
    expect([ours.child.exitCode, theirs.child.exitCode]).toEqual([0, 0]);
  });
});

describe('swtpm_ioctl', () => {
  it('controls our server over TCP and Unix sockets', async () => {
    const folder = tempFolder();
    const socket = join(folder, 'tpm');
    const tcp = await startOurs();
    const cli = [join(ROOT, 'bin', 'esxsim.js'), 'tpm', 'serve', '--unix', socket];
    const unix = await start(process.execPath, cli, /ready (\S+)/);
    try {
      for (const at of [
        ['--tcp', `127.0.0.1:${tcp.port + 1}`],
        ['--unix', `${socket}.ctrl`],
      ]) {
        const ioctl = (...args: string[]) => run('swtpm_ioctl', [...at, ...args]);
        expect(ioctl('-c').stdout).toBe('ptm capability is 0xffff\n');
        expect(ioctl('-i')).toMatchObject({ code: 0 });
        expect(ioctl('-l', '3')).toMatchObject({ code: 0 });
        expect(ioctl('-h', 'measured')).toMatchObject({ code: 0 });
        expect(ioctl('-e').stdout).toBe('tpmEstablished is 1\n');
        expect(ioctl('-r', '3')).toMatchObject({ code: 0 });
        expect(ioctl('-e').stdout).toBe('tpmEstablished is 0\n');
        expect(ioctl('-b', '0').stdout).toContain('TPM buffersize: 4096');
        expect(ioctl('-g').stdout).toBe('ptm configuration flags: 0x0\n');
        expect(JSON.parse(ioctl('--info', '2').stdout)).toMatchObject({
          TPMAttributes: { manufacturer: 'id:45535853' },
        });
        const blob = join(folder, 'blob');
        for (const kind of ['permanent', 'volatile']) {
          expect(ioctl('--save', kind, blob)).toMatchObject({ code: 0 });
          expect(ioctl('--stop')).toMatchObject({ code: 0 });
          expect(ioctl('--load', kind, blob)).toMatchObject({ code: 0, stderr: '' });
          expect(ioctl('-i')).toMatchObject({ code: 0 });
        }
        expect(ioctl('-v')).toMatchObject({ code: 0 });
        expect(ioctl('-s')).toMatchObject({ code: 0 });
      }
      for (let i = 0; i < 50 && unix.child.exitCode === null; i++) await wait(50);
      expect(unix.child.exitCode).toBe(0);
    } finally {
      await tcp.stop();
      await unix.stop();
    }
  });
});

describe.each(['swtpm', 'mssim'])('tpm2-tools through the %s protocol', (protocol) => {
  it('start, measure, read, end with SIGTERM', async () => {
    const trace = join(tempFolder(), 'trace');
    const tpm = await startOurs('--protocol', protocol, '--trace', trace);
    const env = { TPM2TOOLS_TCTI: `${protocol}:host=127.0.0.1,port=${tpm.port}` };
    const tool = (name: string, ...args: string[]) => {
      const done = run(`tpm2_${name}`, args, { env });
      expect(done, name).toMatchObject({ code: 0 });
      return done.stdout;
    };
    tool('startup', '-c');
    expect(tool('getrandom', '--hex', '8')).toMatch(/^[0-9a-f]{16}$/);
    expect(tool('getcap', 'properties-fixed')).toContain('TPM2_PT_MANUFACTURER');
    tool('pcrextend', `10:sha256=${'11'.repeat(32)}`);
    // SHA-256 of 32 zero bytes and 32 bytes 0x11.
    expect(tool('pcrread', 'sha256:10')).toContain('0x');
    tool('nvdefine', '0x1500001', '-s', '4', '-a', 'ownerread|ownerwrite');
    const file = join(tempFolder(), 'four');
    writeFileSync(file, 'data');
    tool('nvwrite', '0x1500001', '-C', 'o', '-i', file);
    expect(tool('nvread', '0x1500001', '-C', 'o')).toBe('data');
    await tpm.stop();
    expect(tpm.child.exitCode).toBe(0);
    const shown = esxsim('tpm', 'trace', trace);
    expect(shown.stdout).toContain('> TPM2_NV_Write');
    expect(shown.stdout).not.toContain('problem:');
  });
});

describe('--state', () => {
  const NV_INDEX = 0x1500001;

  /** Writes 1, 2, 3… until the server dies under it; what was acknowledged last. `onFirst` hears of the first write. */
  async function writeUntilKilled(port: number, first: number, onFirst: () => void): Promise<number> {
    const at = (n: number) => ({ host: '127.0.0.1', port: n });
    const transport = new SwtpmTransport(at(port), at(port + 1));
    const client = new Tpm2Client(transport);
    let done = first;
    try {
      for (let i = first + 1; ; i++) {
        const data = new Uint8Array(4);
        new DataView(data.buffer).setUint32(0, i);
        await client.call(COMMANDS.NV_Write, { authHandle: NV_INDEX, nvIndex: NV_INDEX, data, offset: 0 });
        done = i;
        onFirst();
      }
    } catch {
      return done;
    } finally {
      await transport.close();
    }
  }

  it('survives 50 kills at random moments with the old or the new state', async () => {
    const folder = tempFolder();
    const state = join(folder, 'tpm.state');
    const stored = (): number => {
      const { data, publicArea } = decodeSnapshot(new Uint8Array(readFileSync(state))).state.nv.get(NV_INDEX) ?? {};
      const written = ((publicArea?.attributes ?? 0) & TPMA_NV.written) !== 0;
      return data === undefined || !written ? 0 : new DataView(data.buffer, data.byteOffset).getUint32(0);
    };
    const prepare = await startOurs('--state', state, '--startup', 'clear');
    const at = (n: number) => ({ host: '127.0.0.1', port: n });
    const transport = new SwtpmTransport(at(prepare.port), at(prepare.port + 1));
    const attributes = (TPMA_NV.authRead | TPMA_NV.authWrite | TPMA_NV.noDA) >>> 0;
    const publicInfo = { nvIndex: NV_INDEX, nameAlg: 0xb, attributes, authPolicy: new Uint8Array(0), dataSize: 4 };
    await new Tpm2Client(transport).call(COMMANDS.NV_DefineSpace, {
      authHandle: TPM_RH.OWNER,
      auth: new Uint8Array(0),
      publicInfo,
    });
    await transport.close();
    await prepare.stop();
    let value = 0;
    for (let round = 0; round < 50; round++) {
      const tpm = await startOurs('--state', state, '--startup', 'clear');
      let begun: () => void = () => undefined;
      const first = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const writing = writeUntilKilled(tpm.port, value, begun);
      // Every fifth kill comes at any moment, even before the first write; the others among writes, however slow the machine is.
      if (round % 5 !== 0) await first;
      await wait(randomInt(5, 60));
      tpm.child.kill('SIGKILL');
      const acknowledged = await writing;
      const found = stored();
      expect([acknowledged, acknowledged + 1]).toContain(found);
      value = found;
    }
    expect(value).toBeGreaterThan(50);
    await (await startOurs('--state', state)).stop();
    expect(readdirSync(folder).filter((name) => name.includes('lock'))).toEqual([]);
  });

  it('refuses a damaged file and one in use', async () => {
    const state = join(tempFolder(), 'tpm.state');
    const tpm = await startOurs('--state', state);
    const second = esxsim('tpm', 'serve', '--listen', '127.0.0.1:0', '--state', state);
    expect(second).toMatchObject({ code: 2, stdout: '' });
    expect(second.stderr).toMatch(/^esxsim: .*tpm\.state: is in use by process \d+\n$/);
    await tpm.stop();
    writeFileSync(state, 'not a state');
    const damaged = esxsim('tpm', 'serve', '--listen', '127.0.0.1:0', '--state', state);
    expect(damaged.stderr).toMatch(/^esxsim: .*this is not a TPM state of esxsim\n$/);
    expect(readFileSync(state, 'utf8')).toBe('not a state');
    expect(existsSync(`${state}.lock`)).toBe(false);
  });
});

describe('esxsim serve --tpm-listen', () => {
  it('the TPM of the running host has the PCRs of its boot', async () => {
    const cli = [join(ROOT, 'bin', 'esxsim.js'), 'serve', '--no-tls', '--listen', '127.0.0.1:0', '--tpm-listen'];
    const { match, stop } = await start(process.execPath, [...cli, '127.0.0.1:0'], /swtpm at 127\.0\.0\.1:(\d+)/);
    const env = { TPM2TOOLS_TCTI: `swtpm:host=127.0.0.1,port=${match[1]}` };
    const pcrs = run('tpm2_pcrread', ['sha256:0,7'], { env });
    expect(pcrs.code).toBe(0);
    expect(pcrs.stdout).not.toMatch(/0x0{64}/);
    await stop();
  });
});

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/bytes/bytes.ts';
import { COMMANDS, encodeCommand, TPM_RH } from '../../src/tpm2/index.ts';
import { VirtualClock } from '../clock.ts';
import { Entropy } from '../entropy.ts';
import { createTpm2 } from '../tpm/engine.ts';
import { TpmMachine } from '../tpm/servers/machine.ts';
import { TpmStateFile } from './tpm-state-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'esxsim-state-'));
  path = join(folder, 'tpm.state');
});
afterEach(() => rmSync(folder, { recursive: true }));

const STARTUP = encodeCommand(COMMANDS.Startup, { startupType: 0 });
const RANDOM = encodeCommand(COMMANDS.GetRandom, { bytesRequested: 8 });
const setAuth = (authHandle: number, auth: number) =>
  encodeCommand(COMMANDS.HierarchyChangeAuth, { authHandle, newAuth: new Uint8Array([auth]) });
const setOwnerAuth = (auth: number) => setAuth(TPM_RH.OWNER, auth);

function open(seed = 'file') {
  const engine = createTpm2({ entropy: new Entropy(seed).stream('tpm'), clock: new VirtualClock() });
  const file = new TpmStateFile(path, engine);
  return { engine, file, machine: new TpmMachine(engine, [file]) };
}

describe('state file', () => {
  it('holds the change when the answer is out; the next TPM has it', () => {
    const first = open();
    first.machine.execute(STARTUP);
    expect(toHex(first.machine.execute(setOwnerAuth(7)).subarray(6, 10))).toBe('00000000');
    const bytes = readFileSync(path);
    first.file.close();
    writeFileSync(path, bytes);
    const second = open('another seed');
    expect(second.engine.state.owner.auth).toEqual(new Uint8Array([7]));
    expect(second.engine.state.owner.seed).toEqual(first.engine.state.owner.seed);
    expect(second.engine.state.started).toBe(false);
    second.file.close();
  });

  it.skipIf(process.platform === 'win32')("is its owner's alone, unless somebody said otherwise", () => {
    const mode = () => statSync(path).mode & 0o777;
    open().file.close();
    expect(mode()).toBe(0o600);
    chmodSync(path, 0o640);
    open().file.close();
    expect(mode()).toBe(0o640);
  });

  it('rids itself of what a killed process left, and of nothing else', () => {
    const left = ['.tpm.state.99999.esxsim.tmp', '.tpm.state.7.esxsim.tmp'];
    const others = ['.other.99999.esxsim.tmp', '.tpm.state.x.esxsim.tmp', '.tpm.state.1.9.esxsim.tmp', 'tpm.state.2'];
    for (const name of [...left, ...others]) writeFileSync(join(folder, name), 'secret');
    open().file.close();
    expect(readdirSync(folder).toSorted()).toEqual([...others, 'tpm.state'].toSorted());
  });

  it('is no folder and has a name', () => {
    mkdirSync(path);
    expect(() => open()).toThrow(/tpm\.state": a TPM's state is kept in a file$/);
    expect(readdirSync(folder)).toEqual(['tpm.state']);
    path = '';
    expect(() => open()).toThrow(/^"": a TPM's state is kept in a file$/);
  });

  it('is not written by commands that change nothing lasting', () => {
    const { machine, file } = open();
    machine.execute(STARTUP);
    const before = readFileSync(path);
    machine.execute(RANDOM);
    expect(readFileSync(path).equals(before)).toBe(true);
    file.close();
    expect(readFileSync(path).equals(before)).toBe(false);
  });

  it('contexts, audit logs and commitments are written while TPM2_Shutdown(STATE) is in force, and not before', () => {
    const { machine, file, engine } = open();
    machine.execute(STARTUP);
    const written = () => toHex(readFileSync(path));
    const run = (command: Uint8Array): Uint8Array => {
      const answer = machine.execute(command);
      expect(toHex(answer.subarray(6, 10))).toBe('00000000');
      return answer;
    };
    const none = new Uint8Array(0);
    const audit = { auth: TPM_RH.OWNER, auditAlg: 0x10, setList: [0x17b], clearList: none };
    run(encodeCommand(COMMANDS.SetCommandCodeAuditStatus, { ...audit, clearList: [] }));
    run(RANDOM);
    const session = {
      tpmKey: TPM_RH.NULL,
      bind: TPM_RH.NULL,
      nonceCaller: new Uint8Array(16),
      encryptedSalt: none,
      sessionType: 0,
      symmetric: { algorithm: 0x10 as const },
      authHash: 0xb,
    };
    let before = written();
    const saveHandle = 0x0200_0000;
    run(encodeCommand(COMMANDS.StartAuthSession, session));
    const context = run(encodeCommand(COMMANDS.ContextSave, { saveHandle })).subarray(10);
    run(RANDOM);
    run(encodeCommand(COMMANDS.EC_Ephemeral, { curveID: 3 }));
    expect(written()).toBe(before);
    run(encodeCommand(COMMANDS.Shutdown, { shutdownType: 1 }));
    expect(written()).not.toBe(before);
    before = written();
    const load = new Uint8Array([0x80, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, ...context]);
    new DataView(load.buffer).setUint32(2, load.length);
    const kill = readFileSync(path);
    const { contexts, audit: log } = engine.state.access;
    const { commitments } = engine.state;
    const [sessions, digest] = [new Map(contexts.sessions), log.digest];
    // An audited command and a context that is flushed leave the shutdown in force.
    run(RANDOM);
    expect(written()).not.toBe(before);
    before = written();
    run(encodeCommand(COMMANDS.FlushContext, { flushHandle: saveHandle }));
    expect(written()).not.toBe(before);
    file.close();

    writeFileSync(path, kill);
    const second = open('another seed');
    const { state } = second.engine;
    expect(second.machine.execute(encodeCommand(COMMANDS.Startup, { startupType: 1 })).length).toBe(10);
    expect(state.access.contexts.sessions).toEqual(sessions);
    expect(state.access.audit.digest).toEqual(digest);
    expect(state.commitments).toEqual(commitments);
    expect(toHex(second.machine.execute(load).subarray(6, 10))).toBe('00000000');
    second.file.close();
  });

  it('where it cannot be written the TPM fails, and begins again with what is in it', () => {
    const { machine, file } = open();
    machine.execute(STARTUP);
    machine.execute(setOwnerAuth(1));
    const aside = `${folder}.aside`;
    renameSync(folder, aside);
    const codeOf = (command: Uint8Array): string => toHex(machine.execute(command).subarray(6, 10));
    expect(codeOf(setAuth(TPM_RH.ENDORSEMENT, 2))).toBe('00000101');
    expect(codeOf(RANDOM)).toBe('00000101');
    machine.powerOn();
    expect(codeOf(STARTUP)).toBe('00000101');
    renameSync(aside, folder);
    machine.powerOn();
    expect(codeOf(STARTUP)).toBe('00000000');
    expect(machine.engine.state.owner.auth).toEqual(new Uint8Array([1]));
    expect(machine.engine.state.endorsement.auth).toEqual(new Uint8Array(0));
    file.close();
    expect(readdirSync(folder)).toEqual(['tpm.state']);
  });

  it('random numbers do not come again after a kill', () => {
    const first = open();
    first.machine.execute(STARTUP);
    const killed = readFileSync(path);
    const given = toHex(first.machine.execute(RANDOM));
    first.file.close();
    writeFileSync(path, killed);
    const second = open();
    second.machine.execute(STARTUP);
    expect(toHex(second.machine.execute(RANDOM))).not.toBe(given);
    second.file.close();
  });

  it('a damaged or foreign file is refused on one line and left as it was', () => {
    open().file.close();
    const good = readFileSync(path);
    for (const bad of [
      Buffer.from('something else entirely, long enough for a header'),
      Buffer.alloc(0),
      good.subarray(0, 300),
    ]) {
      writeFileSync(path, bad);
      expect(() => open()).toThrow(/^[^\n]*tpm\.state: TPM snapshot[^\n]*$/);
      expect(readFileSync(path).equals(bad)).toBe(true);
      expect(readdirSync(folder)).toEqual(['tpm.state']);
    }
  });

  it('is used by one TPM at a time; the lock of a dead process is taken over', () => {
    const { file } = open();
    expect(() => open()).toThrow(`${path}: is in use by process ${process.pid}`);
    file.close();
    expect(existsSync(`${path}.lock`)).toBe(false);
    writeFileSync(`${path}.lock`, '999999999 1');
    open().file.close();
    writeFileSync(`${path}.lock`, 'nonsense');
    open().file.close();
    expect(readdirSync(folder)).toEqual(['tpm.state']);
  });
});

/** QEMU with a TPM of an emulator behind it, and what a second client finds in that TPM when the machine is gone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import { COMMANDS, prepareCommand, TPM_ALG } from '../../src/tpm2/index.ts';
import { ROOT, run, tempFolder } from './run.ts';

/** Which program is the TPM; both are started with the same words. */
export type Emulator = 'esxsim' | 'swtpm';
/** Unmodified firmware of the distribution. */
export type Firmware = 'ovmf' | 'seabios';

/** The words before swtpm's own options. */
const COMMAND: Readonly<Record<Emulator, readonly [string, ...string[]]>> = {
  esxsim: [process.execPath, join(ROOT, 'bin', 'esxsim.js'), 'tpm', 'serve', 'socket'],
  swtpm: ['swtpm', 'socket'],
};

/** A TPM that waits for a machine. */
export interface TpmOfMachine {
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** What the firmware writes when everything is measured and nothing can be booted, and where. */
const DONE: Readonly<Record<Firmware, { readonly file: string; readonly text: string }>> = {
  ovmf: { file: 'serial', text: 'UEFI v2' },
  seabios: { file: 'debug', text: 'No bootable device' },
};

const OVMF = '/usr/share/OVMF';

async function until(what: string, seconds: number, holds: () => boolean): Promise<void> {
  for (let i = 0; i < seconds * 10; i++) {
    if (holds()) return;
    await wait(100);
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

function background(program: string, args: readonly string[], folder: string): ChildProcess {
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('error', (error) => {
    throw new Error(`${program}: ${error.message} (run test/conformance/setup.sh)`);
  });
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  await until('the end of a process', 30, () => child.exitCode !== null || child.signalCode !== null);
}

/** Starts an emulator whose control socket is `ctrl` in the folder, which also has its state; esxsim takes further options. */
export async function startEmulator(emulator: Emulator, folder: string, ...options: string[]): Promise<TpmOfMachine> {
  const [program, ...words] = COMMAND[emulator];
  const channel = ['--tpm2', '--ctrl', `type=unixio,path=${folder}/ctrl`, '--tpmstate', `dir=${folder}`];
  const process = background(program, [...words, ...channel, ...(emulator === 'esxsim' ? options : [])], folder);
  await until(`${emulator} listens`, 30, () => existsSync(join(folder, 'ctrl')));
  return {
    process,
    stop: () => {
      process.kill('SIGKILL');
      return ended(process);
    },
  };
}

/** A TPM and a virtual machine that uses it. */
export class VirtualMachine {
  readonly #folder: string;
  readonly #firmware: Firmware;
  readonly #tpm: ChildProcess;
  readonly #machine: ChildProcess;

  private constructor(folder: string, firmware: Firmware, tpm: ChildProcess, machine: ChildProcess) {
    this.#folder = folder;
    this.#firmware = firmware;
    this.#tpm = tpm;
    this.#machine = machine;
  }

  /** A new TPM and a machine that starts, or that goes on from `saved` (a file of {@link save}). */
  static async start(emulator: Emulator, firmware: Firmware, saved?: string): Promise<VirtualMachine> {
    const folder = tempFolder();
    const { process: tpm } = await startEmulator(emulator, folder);
    const flash: string[] = [];
    if (firmware === 'ovmf') {
      copyFileSync(`${OVMF}/OVMF_VARS_4M.fd`, join(folder, 'vars'));
      const drive = 'if=pflash,format=raw';
      flash.push('-drive', `${drive},readonly=on,file=${OVMF}/OVMF_CODE_4M.fd`, '-drive', `${drive},file=vars`);
    }
    const machine = background(
      'qemu-system-x86_64',
      [
        ...['-machine', 'q35', '-accel', 'tcg', '-m', '256', '-nodefaults', '-display', 'none', ...flash],
        ...['-chardev', 'socket,id=chrtpm,path=ctrl', '-tpmdev', 'emulator,id=tpm0,chardev=chrtpm'],
        ...['-device', 'tpm-tis,tpmdev=tpm0', '-serial', 'file:serial', '-debugcon', 'file:debug'],
        ...['-global', 'isa-debugcon.iobase=0x402', '-qmp', 'unix:qmp,server=on,wait=off'],
        ...(saved === undefined ? [] : ['-incoming', `exec:cat ${saved}`]),
      ],
      folder,
    );
    return new VirtualMachine(folder, firmware, tpm, machine);
  }

  /** Waits until the firmware has measured and started everything it can; `times` in all since the machine started. */
  async measured(times = 1): Promise<void> {
    const { file, text } = DONE[this.#firmware];
    const path = join(this.#folder, file);
    await until(`${this.#firmware} measures`, 150, () => {
      if (this.#machine.exitCode !== null) throw new Error(`QEMU ended with ${this.#machine.exitCode}`);
      return existsSync(path) && readFileSync(path, 'latin1').split(text).length > times;
    });
  }

  /** One command of QEMU's monitor. */
  async monitor(execute: string, args: object = {}): Promise<Record<string, unknown>> {
    await until('the monitor', 30, () => existsSync(join(this.#folder, 'qmp')));
    const socket: Socket = connect(join(this.#folder, 'qmp'));
    socket.write(`{"execute":"qmp_capabilities"}\n${JSON.stringify({ execute, arguments: args, id: 1 })}\n`);
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      for (const line of text.split('\n').slice(0, -1)) {
        const message = JSON.parse(line);
        if (message.id !== 1) continue;
        socket.destroy();
        if (message.error !== undefined) throw new Error(`${execute}: ${line}`);
        return message.return;
      }
    }
    throw new Error(`${execute}: the monitor closed: ${text}`);
  }

  /** Waits until the monitor says that the machine is in this state. */
  async state(query: string, status: string): Promise<void> {
    for (let i = 0; i < 300; i++) {
      const found = (await this.monitor(query)).status;
      if (found === status) return;
      if (found === 'failed') throw new Error(`${query}: failed`);
      await wait(100);
    }
    throw new Error(`${query}: not ${status} within 30 s`);
  }

  /** The machine with its TPM into a file; it stands still then. */
  async save(): Promise<string> {
    const file = join(this.#folder, 'saved');
    await this.monitor('migrate', { uri: `exec:cat > ${file}` });
    await this.state('query-migrate', 'completed');
    return file;
  }

  /** Kills the machine, so that the TPM is not told, and reads all PCRs of these banks as another client. */
  async pcrs(
    banks: readonly number[] = [TPM_ALG.SHA1, TPM_ALG.SHA256, TPM_ALG.SHA384, TPM_ALG.SHA512],
  ): Promise<string[]> {
    this.#machine.kill('SIGKILL');
    await ended(this.#machine);
    const reads = banks.flatMap((hash) =>
      // Eight at a time: a TPM answers no more digests.
      [0, 8, 16].map((first) => {
        const pcrSelect = new Uint8Array(3);
        pcrSelect[first / 8] = 0xff;
        return {
          name: `${hash} from ${first}`,
          ...prepareCommand(COMMANDS.PCR_Read, { pcrSelectionIn: [{ hash, pcrSelect }] }),
        };
      }),
    );
    const client = join(ROOT, 'test', 'conformance', 'clients', 'descriptor.py');
    const input = `${reads.map(({ bytes }) => toHex(bytes)).join('\n')}\n`;
    const done = run('python3', [client, join(this.#folder, 'ctrl')], { input });
    const [passed, ...answers] = done.stdout.trim().split('\n');
    if (passed !== '00000000') throw new Error(`SET_DATAFD: ${passed} ${done.stderr}`);
    return reads.map(({ name, accept }, i) => {
      const { pcrValues } = accept(fromHex(answers[i] ?? ''));
      return `${name}: ${pcrValues.map(toHex).join(' ')}`;
    });
  }

  /** Asks the machine to end; how the TPM, which it tells, ended. */
  async quit(): Promise<number | null> {
    await this.monitor('quit');
    await ended(this.#machine);
    await ended(this.#tpm);
    return this.#tpm.exitCode;
  }

  /** Ends what still runs. */
  async stop(): Promise<void> {
    this.#machine.kill('SIGKILL');
    this.#tpm.kill('SIGKILL');
    await Promise.all([ended(this.#machine), ended(this.#tpm)]);
  }
}

/**
 * A virtual machine with Linux in it, whose TPM is an emulator: the distribution's kernel with its driver and resource manager
 * (`/dev/tpm0`, `/dev/tpmrm0`), this package, and programs of this machine. Its firmware (qboot) measures nothing.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { CLIENTS, ROOT, run, runBeside, tempFolder } from './run.ts';
import { type Emulator, startEmulator } from './virtual-machine.ts';

/** What set-up takes out of the distribution's kernel package. */
const KERNEL = join(CLIENTS, 'guest', 'vmlinuz');
const SOURCES = join(ROOT, 'test', 'conformance', 'clients');

/** Programs of this machine that the guest's script and the script of tpm2-tools use. */
const PROGRAMS = [
  'bash',
  'cat',
  'cmp',
  'grep',
  'head',
  'ls',
  'mktemp',
  'od',
  'openssl',
  'rm',
  'sed',
  'stty',
  'tail',
  'tr',
  'tpm2',
];

/** Puts a file where it is on this machine, or at `to`, with what the dynamic linker needs for it. */
function install(root: string, file: string, to = file): void {
  const target = join(root, to);
  if (existsSync(target)) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(file), target);
  chmodSync(target, 0o755);
  for (const [library] of run('ldd', [file]).stdout.matchAll(/\/\S+(?= \(0x)/g)) install(root, library);
}

const which = (program: string): string => {
  const found = run('which', [program]).stdout.trim();
  if (found === '') throw new Error(`${program} is missing (run test/conformance/setup.sh)`);
  return found;
};

/** This package as a user installs it: no sources, no development dependencies. */
function installPackage(root: string): void {
  const to = join(root, 'esxsim');
  for (const part of ['package.json', 'bin', 'dist', 'vib-samples']) {
    cpSync(join(ROOT, part), join(to, part), { recursive: true });
  }
  const listed = run('npm', ['ls', '--omit=dev', '--all', '--parseable']).stdout.trim().split('\n').slice(1);
  for (const folder of listed) cpSync(folder, join(to, relative(ROOT, folder)), { recursive: true });
}

/** The initial RAM disk, which is all of the guest's file system. */
function ramDisk(folder: string): string {
  const root = join(folder, 'root');
  for (const name of ['proc', 'sys', 'dev', 'tmp', 'usr/bin', 'usr/lib', 'etc']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  const init = run('cc', ['-static', '-O1', '-o', join(root, 'init'), join(SOURCES, 'guest', 'init.c')]);
  if (init.code !== 0) throw new Error(`cc: ${init.stderr}`);
  install(root, process.execPath, '/usr/bin/node');
  for (const program of PROGRAMS) install(root, which(program), `/usr/bin/${program}`);
  for (const tool of run('sh', ['-c', 'ls /usr/bin/tpm2_*']).stdout.trim().split('\n')) {
    symlinkSync('tpm2', join(root, 'usr/bin', basename(tool)));
  }
  for (const tcti of run('sh', ['-c', 'ls /usr/lib/*/libtss2-tcti-device.so.0']).stdout.trim().split('\n')) {
    install(root, tcti);
  }
  install(root, join(CLIENTS, 'bin', 'gotpm-exercise'), '/usr/bin/gotpm-exercise');
  installPackage(root);
  copyFileSync(join(SOURCES, 'guest', 'guest.sh'), join(root, 'guest.sh'));
  copyFileSync(join(SOURCES, 'tpm2-tools', 'every-tool.sh'), join(root, 'every-tool.sh'));
  const file = join(folder, 'initrd');
  const packed = run('bsdtar', ['--format', 'newc', '-cf', file, '.'], { cwd: root });
  if (packed.code !== 0) throw new Error(`bsdtar: ${packed.stderr}`);
  return file;
}

let disk: string | undefined;

/** Runs the guest's script to its end with a new TPM. Its output by part. */
export async function runGuest(emulator: Emulator): Promise<ReadonlyMap<string, readonly string[]>> {
  disk ??= ramDisk(tempFolder());
  const folder = tempFolder();
  const tpm = await startEmulator(emulator, folder, '--no-ek-certificates');
  try {
    const machine = await runBeside(
      'qemu-system-x86_64',
      [
        ...['-machine', 'q35', '-accel', 'tcg', '-m', '1024', '-nodefaults', '-display', 'none', '-no-reboot'],
        ...['-bios', 'qboot.rom', '-kernel', KERNEL, '-initrd', disk, '-append', 'console=ttyS0 panic=-1 rdinit=/init'],
        ...['-chardev', 'socket,id=chrtpm,path=ctrl', '-tpmdev', 'emulator,id=tpm0,chardev=chrtpm'],
        ...['-device', 'tpm-tis,tpmdev=tpm0', '-serial', 'file:console', '-serial', 'file:output'],
      ],
      { cwd: folder },
    );
    if (machine.code !== 0) throw new Error(`QEMU ended with ${machine.code}: ${machine.stderr}`);
    const parts = new Map<string, string[]>();
    let lines: string[] = [];
    for (const line of readFileSync(join(folder, 'output'), 'utf8').split(/\r*\n/)) {
      if (!line.startsWith('== ')) {
        lines.push(line);
        continue;
      }
      lines = [];
      parts.set(line.slice(3), lines);
    }
    if (!parts.has('end')) {
      throw new Error(`the guest did not finish: ${readFileSync(join(folder, 'console'), 'latin1').slice(-2000)}`);
    }
    return parts;
  } finally {
    await tpm.stop();
  }
}

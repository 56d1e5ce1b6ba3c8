/** A command as a service of an operating system: in the background, with a process ID file and a file for its messages. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { InputError } from '../../src/bytes/errors.ts';
import { attempt } from '../node/files.ts';
import type { Target } from './swtpm-options.ts';

/** Set in the environment of the process that goes on in the background: it must not start another. */
const MARK = 'ESXSIM_IN_BACKGROUND';

/** Whether this process is the one that was put in the background. */
export const inBackground = (): boolean => process.env[MARK] === '1';

/** Lines of the background process up to and with the one that starts with `ready`. InputError where it ends before. */
export async function startInBackground(): Promise<string> {
  const [, script, ...words] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, ...(script === undefined ? [] : [script]), ...words], {
    detached: true,
    env: { ...process.env, [MARK]: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  const ready = await new Promise<string>((resolve, reject) => {
    child.once('error', (error) => reject(new InputError(`cannot go on in the background: ${error.message}`)));
    child.once('close', () => reject(new InputError(complaint.trim().replace(/^esxsim: /, '') || 'ended at once')));
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      if (/^ready .*\n/m.test(said)) resolve(said.trimEnd());
    });
  });
  child.unref();
  child.stdout.destroy();
  child.stderr.destroy();
  return ready;
}

/** Writes the process ID; the function returned removes the file. */
export function writePid(target: Target): () => void {
  const text = `${process.pid}\n`;
  if ('descriptor' in target) {
    attempt(`descriptor ${target.descriptor}`, 'write', () => writeSync(target.descriptor, text));
    return () => undefined;
  }
  const handle = attempt(target.file, 'write', () => openSync(target.file, 'w', 0o644));
  writeSync(handle, text);
  closeSync(handle);
  return () => rmSync(target.file, { force: true });
}

/** Where messages go: a function for lines and one that closes the file. */
export function messageLog({
  target,
  truncate,
  prefix,
}: {
  readonly target: Target | 'none';
  readonly truncate: boolean;
  readonly prefix: string;
}): { say: (text: string) => void; close: () => void } {
  if (target === 'none') return { say: () => undefined, close: () => undefined };
  const handle =
    'descriptor' in target
      ? target.descriptor
      : attempt(target.file, 'write', () => openSync(target.file, truncate ? 'w' : 'a', 0o600));
  return {
    say: (text) => void writeSync(handle, `${prefix}${text}\n`),
    close: () => {
      if (!('descriptor' in target)) closeSync(handle);
    },
  };
}

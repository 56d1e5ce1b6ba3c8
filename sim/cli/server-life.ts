/** What the commands that serve have in common: how long they live. */
import { once } from 'node:events';

let readers = true;

/** Whether this process ends when nobody reads its standard output any more, as `esxsim … | head` should. */
export const endsWithReader = (): boolean => readers;

/** Signals that end a server. Node would open its debugger for SIGUSR1: whoever can reach that reads every secret. */
const SIGNALS = process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGUSR1'];

/** Resolves when this process is asked to end. From now on it goes on where nobody reads what it prints. */
export async function askedToEnd(): Promise<void> {
  readers = false;
  await Promise.race(SIGNALS.map((signal) => once(process, signal)));
}

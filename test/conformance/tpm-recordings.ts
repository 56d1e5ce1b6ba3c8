/** Which programs are recorded, and how they are run. What they do is new with every run: their keys and nonces are random. */
import { join } from 'node:path';
import { CLIENTS, esxsim, type Finished, ROOT, runBeside, tempFolder } from './run.ts';
import { type RecordedEvent, record } from './tpm-recording.ts';

const SOURCES = join(ROOT, 'test', 'conformance', 'clients');
const tool = (name: string): string => join(CLIENTS, 'bin', name);
const swtpm = (port: number): string => `swtpm:127.0.0.1:${port}`;
const tcti = (port: number): string => `swtpm:host=127.0.0.1,port=${port}`;

async function ended(run: Promise<Finished>): Promise<void> {
  const { code, stderr } = await run;
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`);
}

function eventLog(): string {
  const folder = tempFolder();
  const { code, stderr } = esxsim('boot', '--out', folder);
  if (code !== 0) throw new Error(`esxsim boot ended with ${code}: ${stderr}`);
  return join(folder, 'eventlog.bin');
}

/** Each program with the least number of commands it is known to send. */
export const RECORDINGS: Readonly<Record<string, readonly [least: number, () => Promise<readonly RecordedEvent[]>]>> = {
  'tpm2-tools': [
    1000,
    () =>
      record('swtpm', (port) => {
        const script = join(SOURCES, 'tpm2-tools', 'every-tool.sh');
        return ended(runBeside('bash', [script], { env: { TPM2TOOLS_TCTI: tcti(port) } }));
      }),
  ],
  'go-tpm': [50, () => record('swtpm', (port) => ended(runBeside(tool('gotpm-exercise'), [swtpm(port)])))],
  'go-attestation': [
    50,
    () => {
      const log = eventLog();
      return record('swtpm', (port) => ended(runBeside(tool('gotpm-attestation'), ['-log', log, swtpm(port)])));
    },
  ],
  'tpm2-pytss': [
    100,
    () => {
      const script = join(SOURCES, 'pytss', 'exercise.py');
      const python = join(CLIENTS, 'venv', 'bin', 'python');
      return record('swtpm', (port) => ended(runBeside(python, [script, tcti(port)])), { started: true });
    },
  ],
  'tss.js': [
    20,
    () => {
      const script = join(SOURCES, 'tssjs', 'exercise.mjs');
      return record('mssim', (port) => ended(runBeside(process.execPath, [script, `127.0.0.1:${port}`])));
    },
  ],
};

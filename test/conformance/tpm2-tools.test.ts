/** Every tool of tpm2-tools against `esxsim tpm serve` and against swtpm: the same exit codes and the same outputs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT, run } from './run.ts';
import { startOurs, startTheirs, type TpmProcess } from './tpm-peer.ts';

const FOLDER = join(ROOT, 'test', 'conformance', 'clients', 'tpm2-tools');
const SCRIPT = join(FOLDER, 'every-tool.sh');

/** libtpms has eight curves, this TPM three. */
const compared = (output: string): string[] =>
  output.replace(/TPM2_PT_LOADED_CURVES: 0x\d/g, 'TPM2_PT_LOADED_CURVES').split('\n');

const direct = (tcti: string) => run('bash', [SCRIPT], { env: { TPM2TOOLS_TCTI: tcti } });
const brokered = (tcti: string) =>
  run('dbus-run-session', ['--', 'bash', join(FOLDER, 'with-abrmd.sh'), tcti, SCRIPT], {});

async function output(
  start: () => Promise<TpmProcess>,
  protocol: string,
  through: (tcti: string) => { code: number | null; stdout: string },
): Promise<string[]> {
  const tpm = await start();
  try {
    const done = through(`${protocol}:host=127.0.0.1,port=${tpm.port}`);
    expect(done.code).toBe(0);
    return compared(done.stdout);
  } finally {
    await tpm.stop();
  }
}

const ours = (protocol: string) => () => startOurs('--no-ek-certificates', '--protocol', protocol);

describe('tpm2-tools', () => {
  it('the script uses every tool of the package', () => {
    const listed = run('dpkg', ['-L', 'tpm2-tools']).stdout.matchAll(/\/usr\/bin\/tpm2_(\w+)\n/g);
    const script = readFileSync(SCRIPT, 'utf8');
    const unused = [...listed]
      .map(([, tool]) => tool ?? '')
      .filter((tool) => !new RegExp(`\\b${tool}( |$)`, 'm').test(script));
    expect(unused).toEqual([]);
  });

  describe('directly', () => {
    let theirs: string[];
    beforeAll(async () => {
      theirs = await output(() => startTheirs(), 'swtpm', direct);
    });

    it('swtpm itself runs the script as it is meant', () => {
      const failed = theirs.filter((line) => /^\d+ .* -> [1-9]/.test(line)).length;
      // Refusals that the script provokes.
      expect(failed).toBeLessThan(21);
      expect(theirs).toContain('credential released');
      expect(theirs).toContain('ecdh agrees');
    });

    it.each(['swtpm', 'mssim'])('the same through the %s protocol', async (protocol) => {
      expect(await output(ours(protocol), protocol, direct)).toEqual(theirs);
    });
  });

  it('the same through tpm2-abrmd', async () => {
    const theirs = await output(() => startTheirs(), 'swtpm', brokered);
    expect(await output(ours('swtpm'), 'swtpm', brokered)).toEqual(theirs);
  });
});

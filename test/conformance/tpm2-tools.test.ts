/** Every tool of tpm2-tools against `esxsim tpm serve` and against swtpm: the same exit codes and the same outputs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT, run } from './run.ts';
import { startOurs, startTheirs, type TpmProcess } from './tpm-peer.ts';

const FOLDER = join(ROOT, 'test', 'conformance', 'clients', 'tpm2-tools');
const SCRIPT = join(FOLDER, 'every-tool.sh');
const FAPI_SCRIPT = join(FOLDER, 'every-fapi-tool.sh');

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
    return done.stdout.split('\n');
  } finally {
    await tpm.stop();
  }
}

const ours = (protocol: string) => () => startOurs('--no-ek-certificates', '--protocol', protocol);

describe('tpm2-tools', () => {
  it.each([
    ['tpm2', SCRIPT],
    ['tss2', FAPI_SCRIPT],
  ])('the script of the %s_ tools uses every one of the package', (family, script) => {
    const text = readFileSync(script, 'utf8');
    const listed = run('dpkg', ['-L', 'tpm2-tools']).stdout.matchAll(new RegExp(`/usr/bin/${family}_(\\w+)\n`, 'g'));
    const tools = [...listed].map(([, tool]) => tool ?? '');
    expect(tools.length).toBeGreaterThan(30);
    expect(tools.filter((tool) => !new RegExp(`\\b${tool}( |$)`, 'm').test(text))).toEqual([]);
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

  // The TCG Feature API: sessions with salts, parameter encryption and HMACs, policies from JSON, a keystore.
  it.each(['P_ECCP256SHA256', 'P_RSA2048SHA256'])('the same through the Feature API with %s', async (profile) => {
    const through = (tcti: string) => run('bash', [FAPI_SCRIPT, profile, tcti]);
    const theirs = await output(() => startTheirs(), 'swtpm', through);
    expect(theirs.filter((line) => / -> [1-9]/.test(line)).length).toBeLessThan(20);
    expect(theirs.filter((line) => line === '    a message').length).toBeGreaterThan(8);
    expect(await output(ours('swtpm'), 'swtpm', through)).toEqual(theirs);
  });
});

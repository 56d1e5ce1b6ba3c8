/** Evidence of whole boots, judged by other people's tools: tpm2-tools, openssl, swtpm. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { esxsim, run, startSwtpm, tempFolder } from './run.ts';

const NONCE = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';

interface Tpm2EventlogPcrs {
  readonly [bank: string]: Readonly<Record<string, string>>;
}

/** PCR values at the end of tpm2_eventlog's YAML: `pcrs:`, then per bank `  N  : 0xHEX`. */
function pcrsOfEventlog(yaml: string): Tpm2EventlogPcrs {
  const banks: Record<string, Record<string, string>> = {};
  let bank: Record<string, string> | undefined;
  for (const line of yaml.slice(yaml.lastIndexOf('\npcrs:')).split('\n')) {
    const head = /^ {2}(sha\d+):/.exec(line);
    const value = /^ {4}(\d+)\s*:\s*0x([0-9a-f]+)/.exec(line);
    if (head?.[1] !== undefined) {
      bank = {};
      banks[head[1]] = bank;
    } else if (value?.[1] !== undefined && value[2] !== undefined && bank !== undefined) {
      bank[value[1]] = value[2];
    }
  }
  return banks;
}

const json = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

describe.each(['esxi-8.0-uefi', 'esxi-6.7-txt'])('evidence of %s', (profile) => {
  const folder = tempFolder();

  beforeAll(() => {
    const boot = esxsim('boot', '--profile', profile, '--nonce', NONCE, '--out', folder);
    expect(boot.stderr).toBe('');
    expect(boot.code).toBe(0);
  });

  it('tpm2_eventlog prints the log without error and computes the same PCRs', () => {
    const printed = run('tpm2_eventlog', [join(folder, 'eventlog.bin')]);
    expect(printed.stderr).toBe('');
    expect(printed.code).toBe(0);
    const computed = pcrsOfEventlog(printed.stdout);
    const actual = json(folder, 'pcrs.json');
    expect(Object.keys(computed).toSorted()).toEqual(['sha1', 'sha256']);
    for (const [bank, values] of Object.entries(computed)) {
      expect(Object.keys(values).length).toBeGreaterThanOrEqual(profile === 'esxi-8.0-uefi' ? 12 : 11);
      for (const [pcr, value] of Object.entries(values))
        expect([bank, pcr, value]).toEqual([bank, pcr, actual[bank][pcr]]);
    }
  });

  it('tpm2_checkquote accepts the quote with its nonce and refuses it with another', () => {
    const check = (nonce: string) =>
      run('tpm2_checkquote', [
        '-u',
        join(folder, 'ak.pem'),
        '-m',
        join(folder, 'quote.attest'),
        '-s',
        join(folder, 'quote.sig'),
        '-g',
        'sha256',
        '-q',
        nonce,
      ]);
    expect(check(NONCE).code).toBe(0);
    expect(check(NONCE.replace(/^00/, '01')).code).not.toBe(0);
  });

  it('tpm2_checkquote refuses a quote with one byte changed', () => {
    const changed = readFileSync(join(folder, 'quote.attest'));
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    writeFileSync(join(folder, 'changed.attest'), changed);
    const check = run('tpm2_checkquote', [
      '-u',
      join(folder, 'ak.pem'),
      '-m',
      join(folder, 'changed.attest'),
      '-s',
      join(folder, 'quote.sig'),
      '-g',
      'sha256',
      '-q',
      NONCE,
    ]);
    expect(check.code).not.toBe(0);
  });

  it('tpm2_print reads attestation structure and public areas', () => {
    const attest = run('tpm2_print', ['-t', 'TPMS_ATTEST', join(folder, 'quote.attest')]);
    expect(attest.code).toBe(0);
    expect(attest.stdout).toContain(`extraData: ${NONCE}`);
    for (const name of ['ak.pub', 'ek.pub']) {
      expect(run('tpm2_print', ['-t', 'TPM2B_PUBLIC', join(folder, name)]).code).toBe(0);
    }
  });

  it('openssl verifies the EK certificate and shows the TCG extensions', () => {
    const chain = join(folder, 'ek-ca.pem');
    const verified = run('openssl', ['verify', '-CAfile', chain, '-ignore_critical', join(folder, 'ek.crt')]);
    expect(verified.stdout + verified.stderr).toContain('ek.crt: OK');
    const text = run('openssl', ['x509', '-in', join(folder, 'ek.crt'), '-noout', '-text']).stdout;
    expect(text).toContain('2.23.133.8.1');
    expect(text).toMatch(/2\.23\.133\.2\.1\b/);
    expect(text).toMatch(/2\.23\.133\.2\.2\b/);
    expect(text).toMatch(/2\.23\.133\.2\.3\b/);
    expect(text).toMatch(/X509v3 Subject Directory Attributes/);
    expect(text).toMatch(/Key Encipherment/);
  });

  it('the EK certificate holds the key of ek.pub', () => {
    const certified = run('openssl', ['x509', '-in', join(folder, 'ek.crt'), '-noout', '-pubkey']).stdout;
    expect(certified.trim()).toBe(readFileSync(join(folder, 'ek.pem'), 'utf8').trim());
  });

  it('the same boot on swtpm gives the same PCRs and logs', async () => {
    const swtpm = await startSwtpm();
    try {
      const other = tempFolder();
      const boot = esxsim(
        'boot',
        '--profile',
        profile,
        '--nonce',
        NONCE,
        '--tpm',
        `swtpm:127.0.0.1:${swtpm.port}`,
        '--out',
        other,
        '--json',
      );
      expect(boot.stderr).toBe('');
      expect(boot.code).toBe(0);
      // swtpm comes without EK certificates; everything else holds, the credential that it opens for us included.
      const { findings, checks } = JSON.parse(boot.stdout).appraisal;
      expect(findings.map((f: { code: string }) => f.code)).toEqual(['EK_CERT_MISSING']);
      const activation = checks.find((c: { name: string }) => c.name.includes('TPM of the endorsement key'));
      expect(activation.result).toBe('passed');
      expect(json(other, 'pcrs.json')).toEqual(json(folder, 'pcrs.json'));
      for (const name of ['eventlog.bin', 'report.xml', 'layout.json', 'boot.log']) {
        expect(readFileSync(join(other, name)).equals(readFileSync(join(folder, name)))).toBe(true);
      }
      const check = run('tpm2_checkquote', [
        '-u',
        join(other, 'ak.pem'),
        '-m',
        join(other, 'quote.attest'),
        '-s',
        join(other, 'quote.sig'),
        '-g',
        'sha256',
        '-q',
        NONCE,
      ]);
      expect(check.code).toBe(0);
    } finally {
      await swtpm.stop();
    }
  });
});

describe('TXT log of esxi-6.7-txt', () => {
  it('tpm2_eventlog computes PCR 17 and 18 from it', () => {
    const folder = tempFolder();
    expect(esxsim('boot', '--profile', 'esxi-6.7-txt', '--out', folder).code).toBe(0);
    const printed = run('tpm2_eventlog', [join(folder, 'txt-eventlog.bin')]);
    expect(printed.code).toBe(0);
    const computed = pcrsOfEventlog(printed.stdout);
    const actual = json(folder, 'pcrs.json');
    for (const bank of ['sha1', 'sha256']) {
      expect(computed[bank]?.['17']).toBe(actual[bank]['17']);
      expect(computed[bank]?.['18']).toBe(actual[bank]['18']);
    }
  });
});

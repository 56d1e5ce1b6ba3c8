import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { hash } from '../../src/crypto/hash.ts';
import { isRevoked, parseRevocationList, readVib, verifyVib } from '../../src/vib/index.ts';
import { Options } from '../cli/command.ts';
import { run as verify } from '../cli/vib-verify.ts';
import { Host } from '../host.ts';
import { planChecked } from '../install.ts';
import { packageRoot } from '../node/files.ts';
import { loadImage } from '../node/image-files.ts';
import { readCertificates } from '../node/vib-files.ts';
import { resolveSpec } from '../spec/resolve.ts';

const samples = join(packageRoot(), 'vib-samples');
const pki = (name: string) => {
  const [certificate] = readCertificates([join(samples, 'pki', `${name}.crt.pem`)]);
  if (certificate === undefined) throw new Error(`no ${name}`);
  return certificate;
};
const partner = pki('vib-partner');
const root = pki('vib-root');
const path = join(
  samples,
  'esxi-8.0',
  readdirSync(join(samples, 'esxi-8.0')).find((name) => name.startsWith('ACME')) ?? '',
);
const vib = readVib(new Uint8Array(readFileSync(path)));
const fingerprint = toHex(hash('sha256', partner.der));
const colons = (hex: string): string => (hex.match(/../g) ?? []).join(':').toUpperCase();
const list = (text: string) => parseRevocationList(utf8(text));

describe('a revocation list', () => {
  it.each([
    ['a fingerprint', fingerprint],
    ['a fingerprint as openssl prints it', `sha256:${colons(fingerprint)}`],
    ['a serial number', toHex(partner.serial)],
    ['a serial number with zeros and a comment', `# stolen\n\nserial:00${colons(toHex(partner.serial))} # 2026\n`],
  ])('by %s', async (_, text) => {
    expect(isRevoked(list(text), partner)).toBe(true);
    expect(isRevoked(list(text), root)).toBe(false);
    const report = await verifyVib(vib, { roots: [root], time: 'ignore', revoked: list(text) });
    expect(report.signature.status).toBe('untrusted');
    expect(report.findings.map((f) => f.code)).toEqual(['chain-revoked', 'level-not-granted']);
  });

  it('counts for every certificate of the path, the root too', async () => {
    const revoked = list(toHex(hash('sha256', root.der)));
    expect((await verifyVib(vib, { roots: [root], time: 'ignore', revoked })).findings[0]?.code).toBe('chain-revoked');
  });

  it.each(['xyz', 'sha256:1234', '-----BEGIN X509 CRL-----', `${fingerprint}00`, 'serial:'])(
    'refuses the line %s',
    (line) => {
      expect(() => list(`01\n${line}`)).toThrow(/revocation list.*entry 2.*neither a SHA-256 fingerprint nor a serial/);
    },
  );

  it('never fails otherwise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseRevocationList(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});

describe('where it is used', () => {
  it('vib verify --revoked: exit 1', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'esxsim-revoked-')), 'list');
    writeFileSync(file, `${toHex(partner.serial)}\n`);
    const options = { level: 'PartnerSupported', time: '2026-01-01T00:00:00Z' };
    expect((await verify({ args: [path], options: new Options(options) })).exitCode).toBe(0);
    const done = await verify({ args: [path], options: new Options({ ...options, revoked: file }) });
    expect(done.exitCode).toBe(1);
    expect(done.text).toMatch(/error +chain-revoked/);
    writeFileSync(file, 'nonsense\n');
    await expect(verify({ args: [path], options: new Options({ ...options, revoked: file }) })).rejects.toThrow(
      /list: revocation list/,
    );
  });

  it('the VMkernel halts on a VIB of a revoked signer; installing refuses it', async () => {
    const spec = resolveSpec({ vmkernel: { revokedCertificates: [fingerprint] } });
    const result = await new Host(spec, loadImage(spec)).powerOn();
    expect(result.halted?.code).toBe('VIB_SIGNATURES');
    expect(result.consoleText).toMatch(
      /VIB ACME_bootbank_acme-raidmon\S*: signature untrusted: serial \S+ is on the revocation list/,
    );
    await expect(planChecked(spec, [vib], { roots: [root] })).rejects.toThrow(
      /does not have a valid signature \(untrusted\).*revocation list/,
    );
  });

  it("the host's clock decides about validity dates", async () => {
    const spec = resolveSpec({ time: '2099-01-01T00:00:00Z' });
    const result = await new Host(spec, loadImage(spec)).powerOn();
    expect(partner.notAfter).toBeLessThan(Date.parse(spec.time));
    expect(result.halted?.code).toBe('VIB_SIGNATURES');
  });

  it('a bad entry in a spec is named', () => {
    expect(() => resolveSpec({ vmkernel: { revokedCertificates: ['01', 'no'] } })).toThrow(
      /vmkernel\.revokedCertificates\[1\]: must be/,
    );
  });
});

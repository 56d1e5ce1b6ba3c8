/** Our PE writer, image hash and signatures against sbsigntool (sbsign, sbverify). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/bytes/bytes.ts';
import { decodePrivateKeyPem } from '../../src/crypto/keys.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { parseCertificate } from '../../src/crypto/x509.ts';
import {
  certificateDatabase,
  guid,
  parsePe,
  parseSignatureDatabase,
  peImageHash,
  readPeSignatures,
  signPe,
  verifyImage,
  writePe,
} from '../../src/uefi/index.ts';

const PKI = new URL('../../vib-samples/pki/', import.meta.url);
const pki = (name: string): string => new URL(name, PKI).pathname;
const certificate = (name: string) =>
  parseCertificate(decodePem(readFileSync(pki(`${name}.crt.pem`)))[0]?.bytes ?? new Uint8Array());

const signer = {
  certificate: certificate('sb-db-bootloader'),
  key: decodePrivateKeyPem(readFileSync(pki('sb-db-bootloader.key.pem'))),
};
const owner = guid('77fa9abd-0359-4d32-bd60-28f4e78f784b');
const databaseOf = (name: string) => parseSignatureDatabase(certificateDatabase(owner, [certificate(name).der]));

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'esxsim-pe-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(command: string, ...args: string[]): { status: number | null; out: string } {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.error !== undefined) throw new Error(`${command} is needed for this suite: ${result.error.message}`);
  return { status: result.status, out: `${result.stdout}${result.stderr}` };
}

const image = writePe({
  subsystem: 'application',
  sections: [
    { name: '.text', kind: 'code', data: new Uint8Array(3000).fill(0xc3) },
    { name: '.data', kind: 'data', data: new Uint8Array(100).fill(7) },
    { name: '.vmkeys', kind: 'readOnly', data: new Uint8Array(700).fill(9) },
  ],
});

describe('Authenticode against other implementations', () => {
  it('sbverify accepts what we sign, under the CA and under the signer itself', () => {
    const file = join(dir, 'ours.efi');
    writeFileSync(file, signPe(image, signer));
    for (const cert of ['sb-db-ca', 'sb-db-bootloader']) {
      const { status, out } = run('sbverify', '--cert', pki(`${cert}.crt.pem`), file);
      expect(out).toContain('Signature verification OK');
      expect(out).not.toMatch(/warning/i);
      expect(status).toBe(0);
    }
    expect(run('sbverify', '--cert', pki('sb-db-unrelated-ca.crt.pem'), file).status).not.toBe(0);
  });

  it('sbverify rejects the same image with one byte of a section changed', () => {
    const bytes = signPe(image, signer);
    const at = parsePe(bytes).sections[0]?.rawOffset ?? 0;
    bytes[at + 5] = 0;
    const file = join(dir, 'changed.efi');
    writeFileSync(file, bytes);
    expect(run('sbverify', '--cert', pki('sb-db-ca.crt.pem'), file).status).not.toBe(0);
    expect(verifyImage(parsePe(bytes), databaseOf('sb-db-ca'))).toMatchObject({ ok: false, code: 'bad-signature' });
  });

  it('we accept what sbsign signs, and its digest is ours', () => {
    const plain = join(dir, 'plain.efi');
    const signed = join(dir, 'sbsign.efi');
    writeFileSync(plain, image);
    const args = ['--key', pki('sb-db-bootloader.key.pem'), '--cert', pki('sb-db-bootloader.crt.pem')];
    expect(run('sbsign', ...args, '--output', signed, plain).status).toBe(0);
    const parsed = parsePe(new Uint8Array(readFileSync(signed)));
    const [entry] = readPeSignatures(parsed);
    if (entry?.ok !== true) throw new Error(entry?.problem ?? 'no signature');
    expect(toHex(entry.signature.digest)).toBe(toHex(peImageHash(parsePe(image), 'sha256')));
    expect(verifyImage(parsed, databaseOf('sb-db-ca'))).toMatchObject({ ok: true });
    expect(verifyImage(parsed, databaseOf('sb-db-unrelated-ca'))).toMatchObject({ ok: false, code: 'not-authorized' });
  });
});

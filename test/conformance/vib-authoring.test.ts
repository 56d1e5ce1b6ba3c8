/** What `vib build` and `vib sign` write, read by binutils, gzip, tar and openssl. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { esxsim, ROOT, tempFolder } from '../e2e/cli.ts';

const folder = tempFolder();
const pki = join(ROOT, 'vib-samples', 'pki');
const sh = (command: string): string => execFileSync('sh', ['-ec', command], { cwd: folder, encoding: 'utf8' });

mkdirSync(join(folder, 'tree', 'opt', 'demo'), { recursive: true });
writeFileSync(join(folder, 'tree', 'opt', 'demo', 'hello'), 'hello\n');
writeFileSync(
  join(folder, 'recipe.yaml'),
  `descriptor: { name: demo, version: "1.0-1", vendor: ACME, acceptance-level: partner }
payloads:
  - { name: demo, type: tgz, directory: tree }
  - { name: demoboot, type: boot, content: tree/opt/demo/hello }
`,
);

describe('a VIB made from a recipe', () => {
  it('is an ar archive of gzip files that tar reads, signed as openssl cms wants it', () => {
    const run = esxsim(
      'vib',
      'build',
      '--recipe',
      `${folder}/recipe.yaml`,
      '--test-signer',
      'partner',
      '--out',
      `${folder}/a.vib`,
    );
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(sh('ar t a.vib').trim().split('\n')).toEqual(['descriptor.xml', 'sig.pkcs7', 'demo', 'demoboot']);
    sh('mkdir -p a && cd a && ar x ../a.vib && chmod u+rw * && gzip -t < demo && gzip -t < demoboot');
    expect(sh('tar tzf a/demo').trim().split('\n')).toEqual(['opt/', 'opt/demo/', 'opt/demo/hello']);
    expect(sh('gzip -dc < a/demoboot')).toBe('hello\n');
    sh(
      `cd a && openssl cms -verify -binary -inform DER -in sig.pkcs7 -content descriptor.xml -CAfile ${pki}/vib-root.crt.pem -purpose any -out /dev/null 2>/dev/null`,
    );
  });

  it('carries two signers, RSA and ECDSA with an intermediate, and both verify', () => {
    sh(`
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -out root.pem -subj /CN=root -days 3650 2>/dev/null
      openssl req -x509 -newkey rsa:2048 -nodes -keyout two.key -out two.pem -subj /CN=two -days 3650 2>/dev/null
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key -out ca.csr -subj /CN=ca 2>/dev/null
      printf 'basicConstraints=critical,CA:true\\nkeyUsage=keyCertSign\\n' > ca.ext
      openssl x509 -req -in ca.csr -CA root.pem -CAkey root.key -set_serial 2 -days 3650 -extfile ca.ext -out ca.pem 2>/dev/null
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout one.key -out one.csr -subj /CN=one 2>/dev/null
      openssl x509 -req -in one.csr -CA ca.pem -CAkey ca.key -set_serial 3 -days 3650 -out one.pem 2>/dev/null
      cat root.pem two.pem > roots.pem
    `);
    const keys = [
      '--key',
      `${folder}/one.key`,
      '--cert',
      `${folder}/one.pem`,
      '--key',
      `${folder}/two.key`,
      '--cert',
      `${folder}/two.pem`,
    ];
    const run = esxsim(
      'vib',
      'sign',
      `${folder}/a.vib`,
      ...keys,
      '--chain',
      `${folder}/ca.pem`,
      '--out',
      `${folder}/b.vib`,
    );
    expect(run).toMatchObject({ code: 0, stderr: '' });
    sh('mkdir -p b && cd b && ar x ../b.vib && chmod u+rw *');
    sh(
      'cd b && openssl cms -verify -binary -inform DER -in sig.pkcs7 -content descriptor.xml -CAfile ../roots.pem -purpose any -out /dev/null 2>/dev/null',
    );
    expect(sh('openssl cms -cmsout -print -inform DER -in b/sig.pkcs7 | grep -c issuerAndSerialNumber').trim()).toBe(
      '2',
    );
    expect(readFileSync(join(folder, 'b', 'descriptor.xml'))).toEqual(
      readFileSync(join(folder, 'a', 'descriptor.xml')),
    );
    const verify = esxsim(
      'vib',
      'verify',
      '--root',
      `${folder}/roots.pem`,
      '--time',
      '2027-01-01T00:00:00Z',
      '--json',
      `${folder}/b.vib`,
    );
    expect(JSON.parse(verify.stdout)[0].signature.status).toBe('valid');
    // Right signatures by strangers grant no level, so the VIB as a whole is bad.
    expect(verify.code).toBe(1);
  });
});

describe('a certificate whose key is for RSASSA-PSS alone', () => {
  const made = sh(`
    openssl genpkey -algorithm rsa-pss -pkeyopt rsa_keygen_bits:2048 -out pss.key 2>/dev/null
    openssl req -x509 -new -key pss.key -out pss.pem -subj /CN=pss -days 3650
  `);

  it('is no signer here: openssl would take nothing but PSS from it', () => {
    expect(made).toBe('');
    const files = ['--key', `${folder}/pss.key`, '--cert', `${folder}/pss.pem`];
    const run = esxsim('vib', 'sign', `${folder}/a.vib`, ...files, '--out', `${folder}/no.vib`);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/pss\.pem: its key is for RSASSA-PSS alone; VIBs are signed with .*\n$/);
  });

  it('and its signatures by openssl verify, as PSS alone', () => {
    sh(`
      mkdir -p pss && cd pss && ar x ../a.vib && chmod u+rw *
      openssl cms -sign -binary -outform DER -in descriptor.xml -md sha256 -signer ../pss.pem -inkey ../pss.key -keyopt rsa_padding_mode:pss -out sig.pkcs7
      openssl cms -verify -binary -inform DER -in sig.pkcs7 -content descriptor.xml -CAfile ../pss.pem -purpose any -out /dev/null 2>/dev/null
      ar rcD ../pss.vib descriptor.xml sig.pkcs7 demo demoboot
    `);
    const args = ['--root', `${folder}/pss.pem`, '--time', '2027-01-01T00:00:00Z'];
    const run = esxsim('vib', 'verify', `${folder}/pss.vib`, ...args, '--json');
    expect(JSON.parse(run.stdout)).toMatchObject([{ signature: { status: 'valid' } }]);
  });
});

/** What a person did wrong is said in one line, with exit code 2 (or 1 where the thing checked is bad), leaving no files. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { esxsim, esxsimHere, ROOT, tempFolder } from './cli.ts';

const folder = tempFolder();
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const emptyFolder = tempFolder();
const samples = join(ROOT, 'vib-samples', 'esxi-8.0');
const sample = join(samples, readdirSync(samples).find((name) => name.includes('nvmxnet3_')) ?? '');
const vib = readFileSync(sample);

/** A copy of the sample VIB with one text replaced by another of the same length. */
function patched(name: string, from: string, to: string): string {
  const at = vib.indexOf(from);
  expect(at).toBeGreaterThan(0);
  expect(to.length).toBe(from.length);
  const copy = Buffer.from(vib);
  copy.write(to, at, 'latin1');
  return file(name, copy);
}

/** An ar archive whose only member is a descriptor. */
function descriptorOnly(name: string, xml: string): string {
  const header = `${'descriptor.xml'.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'0'.padEnd(8)}${String(xml.length).padEnd(10)}\`\n`;
  return file(name, `!<arch>\n${header}${xml}${xml.length % 2 ? '\n' : ''}`);
}

async function refused(args: readonly string[], message: RegExp, code = 2): Promise<void> {
  const run = await esxsimHere(...args);
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: expect.stringMatching(message) });
  expect(run.stderr.trimEnd().split('\n').length).toBe(1);
  expect(run.stderr).not.toMatch(/\n\s+at |Error:|internal error/);
}

describe('unusable input', () => {
  it.each<[string, string[], RegExp]>([
    ['unknown profile', ['boot', '--profile', 'esxi-3.5'], /unknown profile "esxi-3.5"; known: esxi-8\.0-uefi/],
    ['missing spec', ['boot', '--spec', join(folder, 'absent.yaml')], /absent\.yaml: cannot read: no such file/],
    ['spec that is no YAML', ['boot', '--spec', file('bad.yaml', 'a: [1, 2\nb: }')], /bad\.yaml: not JSON or YAML/],
    [
      'spec with a wrong value',
      ['boot', '--spec', file('bank.yaml', 'hardware: {tpm: {banks: [sha256, md5]}}')],
      /bank\.yaml: host spec: hardware\.tpm\.banks\[1\]/,
    ],
    [
      'spec with an unknown key',
      ['boot', '--spec', file('key.yaml', 'hardwear: {}')],
      /key\.yaml: host spec: .*hardwear/,
    ],
    [
      'spec of aliases',
      ['boot', '--spec', file('alias.yaml', 'a: &a [x]\nb: [*a, *a]')],
      /alias\.yaml: not JSON or YAML/,
    ],
    [
      'an EK that no profile knows',
      ['tpm', 'serve', '--spec', file('ek.yaml', 'hardware: {tpm: {endorsementKeys: [rsa2048, rsa4096]}}')],
      /ek\.yaml: host spec: hardware\.tpm\.endorsementKeys\[1\]/,
    ],
    [
      'a TPM of unknown algorithms',
      ['tpm', 'serve', '--extra-algorithm', 'aes192', '--extra-algorithm', 'des'],
      /--extra-algorithm des: expected aes192 or rsa4096/,
    ],
    [
      'a spec of such a TPM',
      ['tpm', 'serve', '--spec', file('alg.yaml', 'hardware: {tpm: {extraAlgorithms: [aes192, des]}}')],
      /alg\.yaml: host spec: hardware\.tpm\.extraAlgorithms\[1\]/,
    ],
    [
      'the TPM of a host without one',
      ['tpm', 'serve', '--spec', file('none.yaml', 'hardware: {tpm: {present: false}}')],
      /hardware\.tpm\.present: the host has no TPM/,
    ],
    ['unknown fault', ['boot', '--fault', 'no-such-fault'], /unknown fault "no-such-fault"; known: .*vib-payload-swap/],
    ['image build without --out', ['image', 'build'], /image build: --out DIR is needed/],
    ['vib build without a recipe', ['vib', 'build', '--out', 'x.vib'], /vib build: --recipe FILE and --out/],
    [
      'vib extract of no VIB',
      ['vib', 'extract', file('no.vib', 'x'), '--out', join(folder, 'x')],
      /no\.vib: neither a VIB/,
    ],
    [
      'a revocation list of nonsense',
      ['vib', 'verify', '--revoked', file('r.txt', 'zz\n'), sample],
      /r\.txt: revocation list/,
    ],
    ['image inspect of an empty folder', ['image', 'inspect', emptyFolder], /no \.vib files and no boot\.cfg/],
    [
      'fault on a missing module',
      ['boot', '--fault', 'vib-payload-swap:zz.v00'],
      /no module "zz\.v00" in the boot bank/,
    ],
    ['bad nonce', ['boot', '--nonce', 'xyz'], /--nonce: expected 1 to 64 bytes in hexadecimal/],
    ['unreachable TPM', ['boot', '--tpm', 'swtpm:127.0.0.1:1'], /127\.0\.0\.1:[12]/],
    ['TPM of an unknown kind', ['boot', '--tpm', 'usb'], /--tpm usb: expected embedded/],
    ['unknown option', ['boot', '--frobnicate'], /unknown option '--frobnicate'/],
    ['unknown command', ['bot'], /unknown command 'bot'/],
    ['image without VIBs', ['boot', '--image', emptyFolder], /no \.vib files and no boot\.cfg/],
    ['VIB that is a text file', ['vib', 'inspect', file('text.vib', 'hello')], /text\.vib: neither a VIB \("!<arch>"/],
    [
      'truncated VIB',
      ['vib', 'inspect', file('cut.vib', vib.subarray(0, vib.length - 100))],
      /cut\.vib: .*(left|bytes)/,
    ],
    [
      'descriptor with an external entity',
      [
        'vib',
        'inspect',
        descriptorOnly(
          'xxe.vib',
          '<!DOCTYPE vib [<!ENTITY x SYSTEM "file:///etc/passwd">]><vib version="5.0"><name>&x;</name></vib>',
        ),
      ],
      /xxe\.vib: .*document type declaration is not allowed/,
    ],
    ['log that is none', ['log', 'print', file('log.bin', new Uint8Array(40).fill(0xff))], /log\.bin: /],
    ['reference that is none', ['verify', '--reference', file('ref.json', '{"format": 1}'), folder], /ref\.json: /],
    [
      'evidence folder that is missing',
      ['verify', '--reference', join(folder, 'ref.json'), join(folder, 'nowhere')],
      /ref\.json|nowhere/,
    ],
    ['bad listen address', ['serve', '--listen', 'here'], /--listen: expected HOST:PORT/],
    ['too many hosts', ['serve', '--hosts', '0'], /number of hosts/],
    [
      'fault of a host that is not there',
      ['serve', '--hosts', '2', '--fault', 'esx99=cmdline-tamper'],
      /no host "esx99"/,
    ],
  ])('%s', (_, args, message) => refused(args, message));

  it('evidence in the boot bank that is booted', async () => {
    const bank = join(folder, 'bank');
    mkdirSync(bank);
    symlinkSync(bank, join(folder, 'link'));
    for (const out of [bank, join(folder, 'link')])
      await refused(['boot', '--image', bank, '--out', out], /--out: .* is the image that is booted/);
  });

  it('a used port', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await refused(['serve', '--listen', `127.0.0.1:${port}`, '--no-tls'], /the port is in use/);
    server.close();
  });

  it('nothing is left half-written where the target cannot be a folder', async () => {
    const target = file('occupied', 'x');
    await refused(['boot', '--out', target], /occupied: cannot write/);
    expect(readFileSync(target, 'utf8')).toBe('x');
    const inside = join(folder, 'fine');
    mkdirSync(inside);
    expect(existsSync(join(inside, 'pcrs.json'))).toBe(false);
  });
});

describe('the process itself', () => {
  it.each<[string, string[], number, RegExp]>([
    [
      'a file that is not there',
      ['vib', 'inspect', join(folder, 'absent.vib')],
      2,
      /^esxsim: .*absent\.vib: .*no such file.*\n$/,
    ],
    ['an option that is not there', ['boot', '--frobnicate'], 2, /^esxsim: unknown option '--frobnicate'.*\n$/],
    [
      'a bad VIB',
      ['vib', 'verify', join(ROOT, 'vib-samples/extra/COMMUNITY_bootbank_community-hello_0.1.0-1.vib')],
      1,
      /^$/,
    ],
    ['a good one', ['vib', 'verify', sample], 0, /^$/],
  ])('ends with its exit code: %s', (_, args, code, stderr) => {
    expect(esxsim(...args)).toMatchObject({ code, stderr: expect.stringMatching(stderr) });
  });
});

describe('bad VIBs (exit 1: the thing checked is bad)', () => {
  const verdict = async (path: string) => {
    const run = await esxsimHere('vib', 'verify', path, '--json');
    return { code: run.code, codes: JSON.parse(run.stdout)[0].findings.map((f: { code: string }) => f.code) };
  };

  it('a good one passes', async () => expect(await verdict(sample)).toEqual({ code: 0, codes: [] }));

  it('a changed descriptor breaks the signature', async () => {
    const { code, codes } = await verdict(patched('descriptor.vib', '<name>nvmxnet3</name>', '<name>nvmxnet4</name>'));
    expect(code).toBe(1);
    expect(codes).toContain('signature-other-content');
  });

  it('a changed payload breaks its checksums', async () => {
    const copy = Buffer.from(vib);
    copy[copy.length - 20] = (copy[copy.length - 20] ?? 0) ^ 1;
    const { code, codes } = await verdict(file('payload.vib', copy));
    expect(code).toBe(1);
    expect(codes.some((c: string) => c === 'checksum-mismatch' || c === 'payload-damaged')).toBe(true);
  });

  it('an unsigned community VIB is not for a PartnerSupported host', async () => {
    const community = join(ROOT, 'vib-samples', 'extra', 'COMMUNITY_bootbank_community-hello_0.1.0-1.vib');
    expect((await esxsimHere('vib', 'verify', community)).code).toBe(1);
    expect((await esxsimHere('vib', 'verify', '--level', 'CommunitySupported', community)).code).toBe(0);
    await refused(['boot', '--image', samples, '--image', community], /CommunitySupported, which is not compliant/);
  });
});

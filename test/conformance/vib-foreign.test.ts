/** VIBs put together by other people's tools, as the build scripts of community packages do it: ar, tar, gzip, xz, zstd, Python. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromUtf8, toHex } from '../../src/bytes/bytes.ts';
import { unxz } from '../../src/compress/xz.ts';
import { unzstd } from '../../src/compress/zstd.ts';
import { gzip, readVib, rewriteVib, writeVmtar } from '../../src/vib/index.ts';
import { esxsim, ROOT, tempFolder } from '../e2e/cli.ts';

const folder = tempFolder();
const path = (name: string): string => join(folder, name);
const sh = (command: string): string => execFileSync('sh', ['-ec', command], { cwd: folder, encoding: 'utf8' });
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)));
const sum = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

const LONG = `opt/demo/${'long-'.repeat(20)}folder/${'name-'.repeat(20)}file`;

function descriptor(payload: string, files: readonly string[], content: Uint8Array, type: string): string {
  const member = read(payload);
  return `<?xml version="1.0"?>
<!-- made by hand -->
<vib version="5.0">
  <type>bootbank</type>
  <name>foreign</name>
  <version>1.0.0-0.0.1</version>
  <vendor>somebody</vendor>
  <acceptance-level>community</acceptance-level>
  <file-list>
${files.map((file) => `    <file>${file}</file>`).join('\n')}
  </file-list>
  <payloads>
    <payload name="${payload}" type="${type}" size="${member.length}">
      <checksum checksum-type="sha-256">${sum('sha256', member)}</checksum>
      <checksum checksum-type="sha-256" verify-process="gunzip">${sum('sha256', content)}</checksum>
      <checksum checksum-type="sha-1" verify-process="gunzip">${sum('sha1', content)}</checksum>
    </payload>
  </payloads>
</vib>
`;
}

beforeAll(() => {
  mkdirSync(path(`root/${LONG.slice(0, LONG.lastIndexOf('/'))}`), { recursive: true });
  writeFileSync(path('root/opt/demo/hello'), 'hello\n', { mode: 0o755 });
  writeFileSync(path(`root/${LONG}`), 'long\n');
  writeFileSync(path('sig.pkcs7'), '');
});

const ARCHIVERS: readonly (readonly [string, string])[] = [
  ['GNU tar, its own format', 'tar --format=gnu -C root -czf payload1 opt'],
  ['GNU tar, pax', 'tar --format=pax -C root -czf payload1 ./opt'],
  [
    'GNU tar, owners beyond octal',
    'tar --format=gnu --owner=u:3000000000 --group=g:3000000000 -C root -czf payload1 opt',
  ],
  ['bsdtar, pax', 'bsdtar --format=pax -C root -czf payload1 opt'],
  ['bsdtar, gnutar', 'bsdtar --format=gnutar -C root -czf payload1 ./opt'],
  ['Python', `python3 -c "import tarfile; t=tarfile.open('payload1','w:gz'); t.add('root/opt','opt'); t.close()"`],
  [
    'Python, gnu format',
    `python3 -c "import tarfile; t=tarfile.open('payload1','w:gz',format=tarfile.GNU_FORMAT); t.add('root/opt','opt'); t.close()"`,
  ],
];

/** GNU ar puts a slash behind each name, which VMware's packages do not have; that is all there is to say of them. */
const GNU_NAMES = ['member-form', 'member-form', 'member-form'];
const findingsOf = ({ stdout }: { stdout: string }): string[] =>
  JSON.parse(stdout)[0].findings.map(({ code }: { code: string }) => code);

describe.each(ARCHIVERS)('a tgz payload by %s in an archive by ar r', (_, command) => {
  it('is verified, unpacked, and written back byte for byte', () => {
    sh(`rm -rf payload1 foreign.vib out; ${command}`);
    const content = new Uint8Array(execFileSync('gzip', ['-dc', path('payload1')]));
    writeFileSync(path('descriptor.xml'), descriptor('payload1', ['opt/demo/hello', LONG], content, 'tgz'));
    sh('ar r foreign.vib descriptor.xml sig.pkcs7 payload1 2>/dev/null');
    const verify = esxsim('vib', 'verify', '--level', 'CommunitySupported', '--json', path('foreign.vib'));
    expect(findingsOf(verify)).toEqual(GNU_NAMES);
    expect(verify.code).toBe(0);
    expect(esxsim('vib', 'extract', path('foreign.vib'), '--out', path('out')).code).toBe(0);
    expect(sh('diff -r root out')).toBe('');
    const bytes = read('foreign.vib');
    expect(toHex(rewriteVib(readVib(bytes)))).toBe(toHex(bytes));
  });

  it('is signed, and ar and openssl take the result', () => {
    const done = esxsim('vib', 'sign', path('foreign.vib'), '--test-signer', 'partner', '--out', path('signed.vib'));
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(sh('ar t signed.vib').trim().split('\n')).toEqual(['descriptor.xml', 'sig.pkcs7', 'payload1']);
    sh('rm -rf x; mkdir x; cd x; ar x ../signed.vib; cmp descriptor.xml ../descriptor.xml; cmp payload1 ../payload1');
    sh(
      `cd x; openssl cms -verify -binary -inform DER -in sig.pkcs7 -content descriptor.xml -CAfile ${join(ROOT, 'vib-samples/pki/vib-root.crt.pem')} -purpose any -out /dev/null 2>/dev/null`,
    );
  });
});

describe.each([
  ['xz', 'xz -c'],
  ['xz', 'xz -c -9e --check=sha256 --lzma2=preset=9e,lc=1,lp=3,pb=0'],
  ['xz', 'xz -c --check=none --block-size=5000'],
  ['xz', 'xz -c --check=crc32 --x86 --lzma2=preset=6'],
  ['zstd', 'zstd -q -c'],
  ['zstd', 'zstd -q -c -19 --no-check'],
] as const)('a vgz payload with a second layer of %s by `%s`', (layer, command) => {
  it('is verified, listed and unpacked; its checksums cover the gunzip-ed bytes', () => {
    const vmtar = writeVmtar([
      { name: 'opt/demo/hello', mode: 0o755, data: read('root/opt/demo/hello') },
      { name: 'opt/demo/numbers', data: new TextEncoder().encode(Array.from({ length: 9000 }, (_, i) => i).join(' ')) },
    ]);
    writeFileSync(path('vmtar'), vmtar);
    const inner = new Uint8Array(execFileSync('sh', ['-c', `${command} < ${path('vmtar')}`]));
    writeFileSync(path('nested'), gzip(inner));
    writeFileSync(path('descriptor.xml'), descriptor('nested', ['opt/demo/hello', 'opt/demo/numbers'], inner, 'vgz'));
    sh('rm -rf nested.vib out; ar r nested.vib descriptor.xml sig.pkcs7 nested 2>/dev/null');
    const verify = esxsim('vib', 'verify', '--level', 'CommunitySupported', '--json', path('nested.vib'));
    const [report] = JSON.parse(verify.stdout);
    expect(findingsOf(verify)).toEqual(GNU_NAMES);
    expect(report.payloads[0].layers).toEqual(['gzip', layer]);
    expect(esxsim('vib', 'list', path('nested.vib')).stdout).toMatch(/nested +file +0755 +6 +opt\/demo\/hello/);
    expect(esxsim('vib', 'extract', path('nested.vib'), '--out', path('out')).code).toBe(0);
    expect(fromUtf8(read('out/opt/demo/hello'))).toBe('hello\n');
    expect(read('out/opt/demo/numbers')).toHaveLength(9000 * 5 - 1110 - 1);
  });
});

describe('decoders on content of several kinds', () => {
  const CONTENTS: readonly (readonly [string, string])[] = [
    ['zeros', 'head -c 3000000 /dev/zero'],
    ['machine code', 'head -c 1500000 "$(command -v node)"'],
    ['text', `cat ${join(ROOT, 'src')}/*/*.ts`],
    [
      'what does not compress',
      `openssl enc -aes-128-ctr -K ${'0'.repeat(32)} -iv ${'0'.repeat(32)} -in /dev/zero 2>/dev/null | head -c 300000`,
    ],
    ['nothing', 'printf ""'],
  ];
  it.each(CONTENTS)('%s', (_, command) => {
    sh(
      `{ ${command}; } > plain || true; xz -kf plain; zstd -qf plain; zstd -qf --ultra -22 plain -o plain.22; xz -c -0 plain > plain.0`,
    );
    const plain = toHex(read('plain'));
    for (const name of ['plain.xz', 'plain.0']) expect(toHex(unxz(read(name), name, 1 << 26)), name).toBe(plain);
    for (const name of ['plain.zst', 'plain.22']) expect(toHex(unzstd(read(name), name, 1 << 26)), name).toBe(plain);
  });
});

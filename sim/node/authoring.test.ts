import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8, toHex, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodePrivateKeyPem, publicOf } from '../../src/crypto/keys.ts';
import { encodePem } from '../../src/crypto/pem.ts';
import type { NameInput } from '../../src/crypto/x509.ts';
import { createCertificate } from '../../src/crypto/x509-build.ts';
import {
  buildVib,
  extractMembers,
  extractVib,
  gzip,
  listVib,
  readVib,
  rewriteVib,
  signVib,
  verifyVib,
  writeUstar,
  writeVib,
} from '../../src/vib/index.ts';
import { parseRecipe } from '../authoring/recipe.ts';
import { Options } from '../cli/command.ts';
import { run as buildCommand } from '../cli/vib-build.ts';
import { run as extractCommand } from '../cli/vib-extract.ts';
import { run as signCommand } from '../cli/vib-sign.ts';
import { packageRoot } from './files.ts';
import { loadRecipe } from './recipe-files.ts';
import { writeTree } from './trees.ts';
import { readCertificates } from './vib-files.ts';

const temporary = () => mkdtempSync(join(tmpdir(), 'esxsim-authoring-'));
const samples = join(packageRoot(), 'vib-samples');
const sampleFiles = ['esxi-8.0', 'esxi-6.7', 'extra'].flatMap((set) =>
  readdirSync(join(samples, set))
    .filter((name) => name.endsWith('.vib'))
    .map((name) => join(samples, set, name)),
);
const roots = readCertificates([join(samples, 'pki', 'vib-root.crt.pem')]);
const time = Date.parse('2026-06-01T00:00:00Z');

const RECIPE = `
descriptor:
  name: demo
  version: 1.2.3-4
  vendor: ACME
  summary: A <demo> & more
  release-date: "2026-01-01T00:00:00.000000+00:00"
  relationships:
    depends: [esx-base >= 8.0.0, vmkapi_2_6_0_0, { name: other, relation: "<<", version: "2.0-1" }]
    replaces: [olddemo << 1.0-0]
  software-tags: [module, driver]
  system-requires: { maintenance-mode: true, hwplatform: [{ vendor: ACME }] }
  acceptance-level: PartnerSupported
payloads:
  - name: demo
    type: vgz
    directory: tree
    files:
      - { path: etc/vmware/default.map.d/demo.map, text: "regtype=native,bus=pci\\n" }
      - { path: opt/demo/run.sh, from: run.sh, mode: "0750" }
      - { path: opt/demo/current, link: run.sh }
      - { path: opt/demo/empty, directory: true }
  - name: demoboot
    type: boot
    content: module.bin
    attributes: { boot-order: "7" }
`;

function project(recipe = RECIPE): string {
  const folder = temporary();
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  put('recipe.yaml', recipe);
  put('tree/usr/lib/vmware/vmkmod/demo', 'ELF or so');
  put('tree/bin/tool', '#!/bin/sh\n');
  put('run.sh', '#!/bin/sh\nexit 0\n');
  put('module.bin', 'module');
  chmodSync(join(folder, 'tree/bin/tool'), 0o755);
  return folder;
}

const options = (values: Record<string, unknown>) => new Options(values);
const build = (values: Record<string, unknown>) => buildCommand({ args: [], options: options(values) });

describe('every sample, read and written', () => {
  it.each(sampleFiles)('%s', (path) => {
    const bytes = new Uint8Array(readFileSync(path));
    const vib = readVib(bytes);
    expect(toHex(hash('sha256', rewriteVib(vib)))).toBe(toHex(hash('sha256', bytes)));
    expect(toHex(hash('sha256', writeVib(vib)))).toBe(toHex(hash('sha256', bytes)));
  });
});

describe('vib build', () => {
  it('builds the same bytes from the same input, whatever times and places are', async () => {
    const one = project();
    const two = project();
    for (const folder of [one, two]) {
      const done = await build({
        recipe: join(folder, 'recipe.yaml'),
        out: join(folder, 'o.vib'),
        testSigner: ['partner'],
      });
      expect(done.exitCode).toBe(0);
    }
    const bytes = new Uint8Array(readFileSync(join(one, 'o.vib')));
    expect(readFileSync(join(two, 'o.vib'))).toEqual(Buffer.from(bytes));
    const report = await verifyVib(readVib(bytes), { roots, time });
    expect(report.findings.map((f) => f.code)).toEqual(['link']);
    expect(report.signature.grantedLevel).toBe('PartnerSupported');
  });

  it('takes files from an absolute path as they are', () => {
    const folder = project();
    const other = project();
    writeFileSync(join(other, 'far'), 'from afar');
    const stated = `descriptor: { name: far, version: 1-1, vendor: ACME, acceptance-level: community }
payloads: [{ name: far, type: boot, content: ${join(other, 'far')} }]`;
    const vib = readVib(buildVib(loadRecipe(parseRecipe(utf8(stated)), folder)));
    expect(extractVib(vib).files.map(({ data }) => fromUtf8(data))).toEqual(['from afar']);
  });

  it('carries every field and file of the recipe', () => {
    const folder = project();
    const vib = readVib(buildVib(loadRecipe(parseRecipe(utf8(RECIPE)), folder)));
    const { relationships, acceptanceLevel, softwareTags, systemRequires, summary, payloads } = vib.descriptor;
    expect(summary).toBe('A <demo> & more');
    expect(acceptanceLevel).toBe('partner');
    expect(softwareTags).toEqual(['module', 'driver']);
    expect(systemRequires.hwPlatforms).toEqual([{ vendor: 'ACME' }]);
    expect(relationships.depends).toEqual([
      { name: 'esx-base', relation: '>=', version: '8.0.0' },
      { name: 'vmkapi_2_6_0_0' },
      { name: 'other', relation: '<<', version: '2.0-1' },
    ]);
    expect(relationships.replaces).toEqual([{ name: 'olddemo', relation: '<<', version: '1.0-0' }]);
    expect(payloads[1]?.attributes).toEqual({ 'boot-order': '7' });
    const entries = listVib(vib).map(({ path, type, mode }) => `${path} ${type} ${mode.toString(8)}`);
    expect(entries).toEqual([
      'bin directory 755',
      'bin/tool file 755',
      'usr directory 755',
      'usr/lib directory 755',
      'usr/lib/vmware directory 755',
      'usr/lib/vmware/vmkmod directory 755',
      'usr/lib/vmware/vmkmod/demo shared 644',
      'etc directory 755',
      'etc/vmware directory 755',
      'etc/vmware/default.map.d directory 755',
      'etc/vmware/default.map.d/demo.map file 644',
      'opt directory 755',
      'opt/demo directory 755',
      'opt/demo/run.sh file 750',
      'opt/demo/current symlink 777',
      'opt/demo/empty directory 755',
      'demoboot module 644',
    ]);
  });

  it.each<[string, string | ((text: string) => string), RegExp]>([
    ['no YAML', 'a: [1', /recipe: not JSON or YAML/],
    ['an unknown field', (t) => t.replace('vendor:', 'vendr:'), /descriptor\.vendor: must be text|vendr/],
    ['a version that YAML reads as a number', (t) => t.replace('1.2.3-4', '1.2'), /descriptor\.version: must be text/],
    ['an unknown level', (t) => t.replace('PartnerSupported', 'gold'), /acceptance-level: must be certified/],
    ['a bad relation', (t) => t.replace('esx-base >= 8.0.0', 'esx-base is 8'), /depends\[0\]: must be NAME/],
    ['a payload of nothing', (t) => t.replace('content: module.bin', ''), /payloads\[1\]: must have/],
    ['a name too long for ar', (t) => t.replaceAll('demoboot', 'demoboot-too-long-name'), /payloads\[1\]\.name/],
    [
      'the name of the descriptor',
      (t) => t.replaceAll('demoboot', 'descriptor.xml'),
      /payloads\[1\]\.name: is what a member/,
    ],
    [
      'the name of the signature',
      (t) => t.replaceAll('demoboot', 'sig.pkcs7'),
      /payloads\[1\]\.name: is what a member/,
    ],
    [
      'what XML cannot hold',
      (t) => t.replace(/summary: .*/, 'summary: "a\\u0001b"'),
      /summary: has a character that XML/,
    ],
    ['a missing file', (t) => t.replace('module.bin', 'absent.bin'), /absent\.bin: cannot read: no such file/],
    ['a path outside', (t) => t.replace('opt/demo/run.sh', '../run.sh'), /path "\.\.\/run\.sh" leads outside/],
    ['a file stated twice', (t) => t.replace('opt/demo/run.sh', 'bin/tool'), /bin\/tool appears twice/],
    ['two payloads of one name', (t) => t.replaceAll('demoboot', 'demo'), /payload "demo" appears twice/],
    ['files for a boot module', (t) => t.replace('type: vgz', 'type: boot'), /type boot is no archive/],
  ])('refuses %s in one line and writes nothing', async (_, change, message) => {
    const folder = project(typeof change === 'string' ? change : change(RECIPE));
    const out = join(folder, 'o.vib');
    const refusal = build({ recipe: join(folder, 'recipe.yaml'), out, unsigned: true });
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.not.toThrow(/\n/);
    expect(existsSync(out)).toBe(false);
  });

  it('wants a signer or --unsigned, not both', async () => {
    const recipe = join(project(), 'recipe.yaml');
    await expect(build({ recipe, out: `${recipe}.vib` })).rejects.toThrow(/either a signer/);
    await expect(build({ recipe, out: `${recipe}.vib`, unsigned: true, testSigner: ['partner'] })).rejects.toThrow(
      /either/,
    );
    await expect(build({ recipe })).rejects.toThrow(/--out/);
    await expect(build({ recipe, out: `${recipe}.vib`, testSigner: ['gold'] })).rejects.toThrow(/--test-signer/);
    await expect(build({ recipe, out: `${recipe}.vib`, testSigner: ['partner'], hash: 'md5' })).rejects.toThrow(
      /--hash/,
    );
  });

  it('refuses a link in a source folder', async () => {
    const folder = project();
    symlinkSync('/etc/passwd', join(folder, 'tree', 'evil'));
    const recipe = join(folder, 'recipe.yaml');
    await expect(build({ recipe, out: join(folder, 'o.vib'), unsigned: true })).rejects.toThrow(/evil: is neither/);
  });

  it('never fails otherwise on any recipe', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: RECIPE.length }), (text, at) => {
        try {
          parseRecipe(utf8(RECIPE.slice(0, at) + text + RECIPE.slice(at)));
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('vib sign', () => {
  const community = join(samples, 'extra', readdirSync(join(samples, 'extra'))[0] ?? '');

  function ownSigner(folder: string, name: string, type: 'ec' | 'rsa'): { key: string; cert: string } {
    const pair =
      type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const key = decodePrivateKeyPem(pem);
    const subject: NameInput = [['CN', name]];
    const der = createCertificate(
      {
        subject,
        issuer: subject,
        serial: 5n,
        notBefore: 0,
        notAfter: 4e12,
        publicKey: publicOf(key),
        hash: 'sha256',
        extensions: [],
      },
      key,
    );
    writeFileSync(join(folder, `${name}.key`), pem);
    writeFileSync(join(folder, `${name}.crt`), encodePem('CERTIFICATE', der));
    return { key: join(folder, `${name}.key`), cert: join(folder, `${name}.crt`) };
  }

  it('signs with several keys of the user, RSA and ECDSA, and changes the signature only', async () => {
    const folder = temporary();
    const a = ownSigner(folder, 'a', 'ec');
    const b = ownSigner(folder, 'b', 'rsa');
    const out = join(folder, 's.vib');
    const values = { out, key: [a.key, b.key], cert: [a.cert, b.cert], hash: 'sha256' };
    expect((await signCommand({ args: [community], options: options(values) })).exitCode).toBe(0);
    const vib = readVib(new Uint8Array(readFileSync(out)));
    const before = readVib(new Uint8Array(readFileSync(community)));
    const others = (v: typeof vib) => v.members.filter((m) => m.name !== 'sig.pkcs7').map((m) => toHex(m.data));
    expect(others(vib)).toEqual(others(before));
    const report = await verifyVib(vib, { roots: readCertificates([a.cert, b.cert]), time });
    expect(report.signature.status).toBe('valid');
    expect(report.signature.signers.map((s) => s.algorithm)).toEqual(['ecdsa sha256', 'rsa-pkcs1 sha256']);
    expect(rewriteVib(vib)).toEqual(signVib(before, readVibSigners(a, b)));
  });

  function readVibSigners(...pairs: { key: string; cert: string }[]) {
    return pairs.map(({ key, cert }) => {
      const [certificate] = readCertificates([cert]);
      if (certificate === undefined) throw new Error('no certificate');
      return { certificate, key: decodePrivateKeyPem(readFileSync(key)), hash: 'sha256' as const };
    });
  }

  it('refuses a key of another certificate, keys without certificates, and no signer', async () => {
    const folder = temporary();
    const a = ownSigner(folder, 'a', 'ec');
    const b = ownSigner(folder, 'b', 'ec');
    const sign = (values: Record<string, unknown>) =>
      signCommand({ args: [community], options: options({ out: join(folder, 'o.vib'), ...values }) });
    await expect(sign({ key: [a.key], cert: [b.cert] })).rejects.toThrow(/a\.key: is not the key of the certificate/);
    await expect(sign({ key: [a.key] })).rejects.toThrow(/belong together: 1 keys, 0 certificates/);
    await expect(sign({})).rejects.toThrow(/give a signer/);
    await expect(sign({ key: [a.cert], cert: [a.cert] })).rejects.toThrow(InputError);
    expect(existsSync(join(folder, 'o.vib'))).toBe(false);
  });
});

describe('vib extract', () => {
  const extract = (args: string[], values: Record<string, unknown>) =>
    extractCommand({ args, options: options(values) });

  it('writes the files with their modes, and the members with --raw', async () => {
    const folder = project();
    const vib = join(folder, 'o.vib');
    await build({ recipe: join(folder, 'recipe.yaml'), out: vib, unsigned: true });
    const out = join(folder, 'out');
    expect((await extract([vib], { out })).exitCode).toBe(0);
    expect(readFileSync(join(out, 'opt/demo/run.sh'), 'utf8')).toBe('#!/bin/sh\nexit 0\n');
    expect(statSync(join(out, 'opt/demo/run.sh')).mode & 0o777).toBe(0o750);
    expect(readdirSync(join(out, 'opt/demo'))).toEqual(['empty', 'run.sh']);
    const raw = join(folder, 'raw');
    await extract([vib], { out: raw, raw: true });
    expect(readdirSync(raw)).toEqual(['demo', 'demoboot', 'descriptor.xml', 'sig.pkcs7']);
    const members = extractMembers(readVib(new Uint8Array(readFileSync(vib))));
    for (const { path, data } of members) expect(new Uint8Array(readFileSync(join(raw, path)))).toEqual(data);
    await expect(extract([vib], { out })).rejects.toThrow(/exists and is not empty/);
    await expect(extract([vib], {})).rejects.toThrow(/--out DIR is needed/);
  });

  it('gives several VIBs a folder each', async () => {
    const out = join(temporary(), 'all');
    await extract(sampleFiles.slice(0, 2), { out });
    expect(readdirSync(out).length).toBe(2);
  });

  it.each(['../evil', '/etc/evil', 'a/../../evil'])('does not unpack a VIB with the path %s', async (name) => {
    const folder = temporary();
    const vib = join(folder, 'evil.vib');
    const descriptor = { type: 'bootbank', name: 'e', version: '1-1', vendor: 'E', acceptanceLevel: 'community' };
    const files = [{ name, data: utf8('x') }];
    writeFileSync(vib, buildVib({ descriptor, payloads: [{ name: 'e', type: 'tgz', files }] }));
    const done = await extract([vib], { out: join(folder, 'out') });
    expect(done.exitCode).toBe(1);
    expect(done.text).toMatch(/unsafe-path/);
    expect(readdirSync(folder)).toEqual(['evil.vib']);
  });

  it('does not unpack any VIB where one tries to leave, and leaves nothing behind where one is damaged', async () => {
    const folder = temporary();
    const make = (name: string, path: string, data = utf8('x')): string => {
      const descriptor = { type: 'bootbank', name, version: '1-1', vendor: 'E', acceptanceLevel: 'community' };
      const file = join(folder, `${name}.vib`);
      const payload = { name: 'e', type: 'insttar', data: gzip(writeUstar([{ name: path, data }])) };
      writeFileSync(file, buildVib({ descriptor, payloads: [payload] }));
      return file;
    };
    const [good, evil, last] = [make('good', 'a'), make('evil', '../b'), make('last', 'c', new Uint8Array(2 << 20))];
    const out = join(folder, 'new/deep/out');
    const done = await extract([good, evil, last], { out });
    expect([done.exitCode, done.text.match(/not unpacked/g)?.length]).toEqual([1, 3]);
    await expect(extract([good, last], { out, maxSize: '100000' })).rejects.toThrow(/last\.vib: .*limit of 100000/);
    expect(readdirSync(folder)).toEqual(['evil.vib', 'good.vib', 'last.vib']);
    expect((await extract([good, last], { out })).exitCode).toBe(0);
    expect(readdirSync(join(folder, 'new/deep'))).toEqual(['out']);
    expect(readdirSync(join(out, 'E_bootbank_last_1-1'))).toEqual(['c']);
  });

  it('leaves links out and keeps to the limits', async () => {
    const folder = temporary();
    const vib = join(folder, 'l.vib');
    const descriptor = { type: 'bootbank', name: 'l', version: '1-1', vendor: 'L', acceptanceLevel: 'community' };
    const files = [
      { name: 'link', type: 'symlink' as const, linkName: '/etc/passwd' },
      { name: 'zeros', data: new Uint8Array(3 << 20).map((_, i) => (i % 4096 === 0 ? i >> 12 : 0)) },
    ];
    writeFileSync(vib, buildVib({ descriptor, payloads: [{ name: 'l', type: 'tgz', files }] }));
    const done = await extract([vib], { out: join(folder, 'out'), maxRatio: '2000' });
    expect(done.exitCode).toBe(0);
    expect(readdirSync(join(folder, 'out'))).toEqual(['zeros']);
    await expect(extract([vib], { out: join(folder, 'b'), maxSize: '1000' })).rejects.toThrow(
      /l\.vib: .*limit of 1000/,
    );
    await expect(extract([vib], { out: join(folder, 'b'), maxRatio: '3' })).rejects.toThrow(/3 times its/);
    await expect(extract([vib], { out: join(folder, 'b'), maxRatio: 'x' })).rejects.toThrow(/--max-ratio/);
    expect(readdirSync(folder).toSorted()).toEqual(['l.vib', 'out']);
  });

  it('says which file is held twice, and by which payload of which VIB', async () => {
    const folder = temporary();
    const data = new Uint8Array(3);
    const payload = (name: string, ...files: string[]) => ({
      name,
      type: 'tgz',
      files: files.map((file) => ({ name: file, data })),
    });
    const descriptor = { type: 'bootbank', name: 'x', version: '1-1', vendor: 'ACME', acceptanceLevel: 'community' };
    const made = (name: string, ...payloads: ReturnType<typeof payload>[]): string => {
      const path = join(folder, name);
      writeFileSync(path, buildVib({ descriptor: { ...descriptor, fileList: [] }, payloads }));
      return path;
    };
    const [a, b, c] = [
      made('a.vib', payload('p', 'etc/x', 'etc/y', './etc/x')),
      made('b.vib', payload('p', 'etc/x'), payload('q', 'etc/y', 'etc/x')),
      made('c.vib', payload('p', 'etc'), payload('q', 'etc/x')),
    ];
    const out = join(folder, 'out');
    const refused = (...vibs: string[]) => expect(extract(vibs, { out })).rejects;
    await refused(a).toThrow(`${out}: etc/x appears twice, in payload p of ${a}`);
    await refused(b).toThrow(`${out}: etc/x appears twice, in payload p of ${b} and in payload q of ${b}`);
    await refused(c).toThrow(`${out}: etc is both a file and a folder, in payload p of ${c} and in payload q of ${c}`);
    // Two VIBs of one id would go to one folder.
    await refused(made('d.vib', payload('p', 'etc/x')), made('e.vib', payload('q', 'etc/x'))).toThrow(
      /x_1-1\/etc\/x appears twice, in payload p of .*d\.vib and in payload q of .*e\.vib$/,
    );
    expect(existsSync(out)).toBe(false);
  });

  it('unpacked content of a sample is what the sample holds', () => {
    const vib = readVib(new Uint8Array(readFileSync(sampleFiles[0] ?? '')));
    const folder = join(temporary(), 'x');
    const { files } = extractVib(vib);
    writeTree(folder, files);
    for (const { path, data, directory } of files) {
      if (!directory) expect(readFileSync(join(folder, path)).equals(data)).toBe(true);
    }
  });
});

describe('writeTree', () => {
  const data = new Uint8Array(0);
  it.each<[string, string[], RegExp]>([
    ['a path twice', ['a', 'a'], /appears twice/],
    ['a file that is a folder too', ['a', 'a/b'], /a is both a file and a folder/],
    ['a folder that is a file too', ['a/b/c', 'a/b'], /a\/b is both a file and a folder/],
    ['a path outside', ['../a'], /leads outside/],
  ])('refuses %s', (_, paths, message) => {
    const folder = temporary();
    expect(() =>
      writeTree(
        join(folder, 'x'),
        paths.map((path) => ({ path, data })),
      ),
    ).toThrow(message);
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** What the VMkernel finds out about the modules of installed VIBs. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../src/bytes/bytes.ts';
import { buildVib, gzip, readVib, signVib, writeAr } from '../../src/vib/index.ts';
import { Host } from '../host.ts';
import type { BootImage } from '../image.ts';
import { inspectImage } from '../image-inspect.ts';
import { packageRoot } from '../node/files.ts';
import { loadImage } from '../node/image-files.ts';
import { readSigners } from '../node/signers.ts';
import { resolveSpec } from '../spec/resolve.ts';

const SAMPLES = join(packageRoot(), 'vib-samples', 'esxi-8.0');

/** The image with some bytes of its boot bank replaced. */
const withFile = (image: BootImage, name: string, bytes: Uint8Array): BootImage => ({
  ...image,
  bootbank: new Map([...image.bootbank]).set(name, bytes),
});

describe('a module that boot.cfg does not name', () => {
  const image = loadImage(resolveSpec({}));
  const config = fromUtf8(image.bootbank.get('boot.cfg') ?? new Uint8Array(0));
  const dropped = withFile(image, 'boot.cfg', utf8(config.replace(' --- /vim.v00', '')));

  it('is named on the console and by an inspection', async () => {
    const { consoleText } = await new Host(resolveSpec({}), dropped).powerOn();
    expect(consoleText).toMatch(
      /Image: payload vim of VIB VMware_bootbank_esx-base\S+: vim\.v00 is installed, but was not/,
    );
    const { problems } = await inspectImage(dropped, { time: 'ignore' });
    expect(problems).toEqual([
      expect.stringMatching(/esx-base\S+: boot\.cfg does not name vim\.v00, its payload vim$/),
    ]);
  });
});

describe('a module that another file differs from in case alone', () => {
  it('is taken by its exact name', async () => {
    const image = loadImage(resolveSpec({}));
    const other = image.bootbank.get('vsan.v00') ?? new Uint8Array(0);
    const first: BootImage = { ...image, bootbank: new Map([['GC.V00', other], ...image.bootbank]) };
    const { modules } = await inspectImage(first, { time: 'ignore' });
    expect(modules.find(({ file }) => file === 'gc.v00')?.checksum).toBe(true);
  });
});

describe('checksums other than SHA-256 of the content', () => {
  const made = readVib(
    buildVib({
      descriptor: { type: 'bootbank', vendor: 'ACME', name: 'demo', version: '1-1', acceptanceLevel: 'partner' },
      payloads: [{ name: 'demo', type: 'tgz', files: [{ name: 'opt/acme/f', data: utf8('content') }] }],
    }),
  );
  const none = { keys: [], certificates: [], chain: [], hash: 'sha256' };
  const signers = readSigners({ ...none, testSigners: ['partner'] });
  const content = '<checksum checksum-type="sha-256" verify-process="gunzip">';
  const anyChecksum = /<checksum checksum-type="([^"]+)"( verify-process="gunzip")?>[0-9a-f]+<\/checksum>/g;

  /** The image with the package, whose descriptor keeps only some of its checksums. */
  function imageWith(keep: (type: string, ofContent: boolean) => boolean) {
    const edit = (xml: string): string =>
      xml.replaceAll(anyChecksum, (sum, type: string, process?: string) =>
        keep(type, process !== undefined) ? sum : '',
      );
    const members = made.members.map(({ name, data }) =>
      name === 'descriptor.xml' ? { name, data: utf8(edit(fromUtf8(data))) } : { name, data },
    );
    const path = join(mkdtempSync(join(tmpdir(), 'esxsim-sums-')), 'demo.vib');
    writeFileSync(path, signVib(readVib(writeAr(members)), signers));
    return resolveSpec({
      image: { paths: [SAMPLES, path] },
      vmkernel: { payloadCheck: 'enforce' },
    });
  }

  it.each<[string, (type: string, ofContent: boolean) => boolean]>([
    ['SHA-256 of the file', (type, ofContent) => type === 'sha-256' && !ofContent],
    ['SHA-1 of the content', (type, ofContent) => type === 'sha-1' && ofContent],
    ['all', () => true],
  ])('%s: a changed module is found out', async (_, keep) => {
    expect(fromUtf8(made.descriptorBytes)).toContain(content);
    const spec = imageWith(keep);
    const image = loadImage(spec);
    expect((await new Host(spec, image).powerOn()).halted).toBeUndefined();
    const sums = async (of: BootImage) =>
      (await inspectImage(of, { time: 'ignore' })).modules.find(({ file }) => file === 'demo.t00')?.checksum;
    expect(await sums(image)).toBe(true);
    const changed = withFile(image, 'demo.t00', gzip(utf8('changed'.repeat(200))));
    expect(await sums(changed)).toBe(false);
    const { halted, consoleText } = await new Host(spec, changed).powerOn();
    expect(halted?.code).toBe('VIB_SIGNATURES');
    expect(consoleText).toMatch(
      /payload demo of VIB ACME_bootbank_demo_1-1: demo\.t00 differs from its signed checksum/,
    );
  });
});

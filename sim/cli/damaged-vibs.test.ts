/** Damaged VIBs in a folder and in an offline bundle, compressed and stored: each gets its own row, the others are reported as ever. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesSource, openZip, writeZip } from '../../src/archive/index.ts';
import { writeBundle } from '../../src/depot/index.ts';
import { buildVib } from '../../src/vib/index.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { Options } from './command.ts';
import { run as bundle } from './image-bundle.ts';
import { run as inspectImage } from './image-inspect.ts';
import { run as inspect } from './vib-inspect.ts';
import { run as list } from './vib-list.ts';
import { run as verify } from './vib-verify.ts';

/** Over the size from which files of a bundle are unpacked outside of memory, and nothing that compresses well. */
const noise = new Uint8Array(1_200_000);
for (let i = 0, state = 1; i < noise.length; i++) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  noise[i] = state >>> 24;
}
const vib = (name: string, content: Uint8Array) =>
  buildVib({
    descriptor: { type: 'bootbank', vendor: 'ACME', name, version: '1-1', acceptanceLevel: 'community' },
    payloads: [{ name: 'p', type: 'boot', content }],
  });

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'esxsim-damaged-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A bundle of a good VIB, one cut off, one that is no ar archive, and a large one: damaged only where it is compressed. */
function damagedBundle(compress: boolean): string {
  const bytes = writeBundle({
    release: '8.0.3',
    vendor: { name: 'x', code: 'X' },
    timestamp: '2024-01-01T00:00:00.000000+00:00',
    vibs: [vib('good', noise.subarray(0, 900)), vib('cut', noise.subarray(0, 900)), vib('noar', noise.subarray(0, 900))]
      .concat(vib('large', noise))
      .map((each) => () => each),
  });
  const whole = openZip(bytesSource(bytes));
  const files = [...whole.entries.keys()].map((name) => {
    const data = whole.read(name);
    if (name.includes('/cut/')) return { name, data: data.subarray(0, 700), compress };
    return { name, data: name.includes('/noar/') ? data.with(0, 0) : data, compress };
  });
  const packed = writeZip(files);
  const large = openZip(bytesSource(packed)).entries.get('vib20/large/ACME_bootbank_large_1-1.vib');
  if (compress && large !== undefined) packed[large.offset + 4000] = (packed[large.offset + 4000] ?? 0) ^ 0x55;
  const path = join(folder, compress ? 'compressed.zip' : 'stored.zip');
  writeFileSync(path, packed);
  return path;
}

const on = (command: (input: CommandInput) => Promise<CommandResult>, path: string, options = {}) =>
  command({ args: [path], options: new Options(options) });
const rows = (json: unknown): Record<string, unknown>[] => JSON.parse(JSON.stringify(json));

describe.each([true, false])('compressed: %s', (compress) => {
  const bad = ['cut', 'noar', ...(compress ? ['large'] : [])].map((name) => `ACME_bootbank_${name}_1-1`);

  it('vib verify reports every VIB, the damaged ones as BAD', async () => {
    const done = await on(verify, damagedBundle(compress), {
      level: 'CommunitySupported',
      time: '2026-01-01T00:00:00Z',
    });
    expect(done.exitCode).toBe(1);
    expect(
      rows(done.json)
        .filter(({ ok }) => ok === false)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(bad.toSorted());
    expect(rows(done.json).length).toBe(4);
    expect(rows(done.json).find(({ id }) => id === bad[0])).toMatchObject({
      accepted: false,
      findings: [{ code: 'vib-unreadable', message: expect.stringContaining('700 bytes, the metadata say') }],
    });
    expect(done.text).toMatch(/^ACME_bootbank_good_1-1: OK$/m);
    expect(done.text).toMatch(/^ACME_bootbank_cut_1-1: NOT OK\n {2}file {2}BAD {2}offline bundle\.vib20\/cut\//m);
    if (compress) expect(done.text).toMatch(/large_1-1: NOT OK\n {2}file {2}BAD {2}zip\.vib20\/large\/\S+vib: \w/);
  });

  it('vib inspect shows every VIB, of the damaged ones the reason', async () => {
    const done = await on(inspect, damagedBundle(compress));
    expect(done.exitCode).toBe(1);
    const problems = rows(done.json).filter(({ problem }) => problem !== undefined);
    expect(problems.map(({ id }) => id).toSorted()).toEqual(bad.toSorted());
    expect(done.text).toMatch(/^Name +good$/m);
    expect(done.text).toMatch(/^VIB {3}ACME_bootbank_noar_1-1\nFile {2}BAD: \S/m);
  });

  it('image inspect has a row for every VIB', async () => {
    const done = await on(inspectImage, damagedBundle(compress));
    expect(done.exitCode).toBe(1);
    const lines = done.text.split('\n');
    for (const id of bad) expect(lines.find((line) => line.startsWith(id))).toMatch(/ BAD /);
    expect(lines.find((line) => line.startsWith('ACME_bootbank_good_1-1'))).toMatch(/ ok /);
    expect(lines.filter((line) => line.startsWith('problem: ')).length).toBe(bad.length);
  });

  it('what needs all VIBs is refused, with the name of the one that is damaged', async () => {
    const path = damagedBundle(compress);
    await expect(on(list, path)).rejects.toThrow(/\.zip: .*vib20\/(cut|noar|large)\//);
    await expect(on(bundle, path, { out: join(folder, 'out.zip') })).rejects.toThrow(/vib20\/(cut|noar|large)\//);
  });
});

it('a damaged VIB in a folder keeps nobody from the others', async () => {
  const path = join(folder, 'vibs');
  mkdirSync(path);
  writeFileSync(join(path, 'a.vib'), vib('a', noise.subarray(0, 900)).subarray(0, 700));
  writeFileSync(join(path, 'b.vib'), vib('b', noise.subarray(0, 900)));
  const verified = await on(verify, path, { level: 'CommunitySupported', time: '2026-01-01T00:00:00Z' });
  expect(verified.exitCode).toBe(1);
  expect(rows(verified.json)).toMatchObject([
    { id: 'a.vib', ok: false, findings: [{ code: 'vib-unreadable', message: expect.stringMatching(/^ar\.member/) }] },
    { id: 'ACME_bootbank_b_1-1', ok: true },
  ]);
  const inspected = await on(inspect, path);
  expect(inspected.exitCode).toBe(1);
  expect(inspected.text).toMatch(/^VIB {3}a\.vib\nFile {2}BAD: ar\.member/m);
  expect(inspected.text).toMatch(/^Name +b$/m);
  await expect(on(list, path)).rejects.toThrow(/vibs\/a\.vib: ar\.member/);
  // A file that the user names and that cannot be read is not checked at all.
  await expect(on(verify, join(path, 'a.vib'), { level: 'CommunitySupported' })).rejects.toThrow(/a\.vib: ar\.member/);
});

it('a bundle that is cut off itself is unusable', async () => {
  const path = damagedBundle(true);
  writeFileSync(path, readFileSync(path).subarray(0, 5000));
  for (const command of [verify, inspect, inspectImage]) {
    const run = on(command, path, { level: 'CommunitySupported' });
    await expect(run).rejects.toThrow(/compressed\.zip: zip\.end: no end of central directory record/);
  }
});

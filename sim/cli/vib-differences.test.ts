/** Archives that are not what their descriptor says: what the commands do that list and unpack them. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../src/bytes/bytes.ts';
import { buildVib, gzip, readVib, writeAr } from '../../src/vib/index.ts';
import type { CommandInput, CommandResult } from './command.ts';
import { Options } from './command.ts';
import { run as extract } from './vib-extract.ts';
import { run as list } from './vib-list.ts';
import { run as verify } from './vib-verify.ts';

const good = readVib(
  buildVib({
    descriptor: { type: 'bootbank', vendor: 'ACME', name: 'a', version: '1-1', acceptanceLevel: 'community' },
    payloads: [
      { name: 'p', type: 'tgz', files: [{ name: 'opt/a', data: utf8('one') }] },
      { name: 'k', type: 'boot', content: utf8('kernel') },
    ],
  }),
);
type Member = { readonly name: string; readonly data: Uint8Array };
const changed = (change: (member: Member) => Member[]) => writeAr(good.members.flatMap((each) => change(each)));
const edited = (edit: (xml: string) => string) =>
  changed((each) => [each.name === 'descriptor.xml' ? { ...each, data: utf8(edit(fromUtf8(each.data))) } : each]);

/** What is wrong, the archive, the finding, and how many files it holds. */
const CASES: readonly (readonly [string, Uint8Array, string, number])[] = [
  ['a payload is missing', changed((each) => (each.name === 'k' ? [] : [each])), 'payload-missing', 1],
  [
    'a payload is not declared',
    changed((each) => (each.name === 'k' ? [each, { name: 'z', data: utf8('?') }] : [each])),
    'payload-undeclared',
    2,
  ],
  ['another size', edited((xml) => xml.replace(/(name="k" type="boot" size=")\d+/, '$11')), 'payload-size', 2],
  [
    'another content',
    changed((each) => [each.name === 'k' ? { ...each, data: gzip(utf8('kernal')) } : each]),
    'checksum-mismatch',
    2,
  ],
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'esxsim-differences-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const on = (command: (input: CommandInput) => Promise<CommandResult>, path: string, options = {}) =>
  command({ args: [path], options: new Options(options) });

describe.each(CASES)('%s', (_, bytes, code, files) => {
  const vib = (): string => {
    const path = join(folder, `${code}.vib`);
    writeFileSync(path, bytes);
    return path;
  };

  it('vib list says so below the list', async () => {
    const { text, exitCode } = await on(list, vib());
    expect(exitCode).toBe(1);
    expect(text).toMatch(new RegExp(`^PAYLOAD[^]*\\n  error +${code} +[kz] +\\S`));
    expect(text).toMatch(/^p {2}.* opt\/a$/m);
  });

  it('vib extract unpacks what there is and says so', async () => {
    const out = join(folder, `${code}.out`);
    const { text, exitCode } = await on(extract, vib(), { out });
    expect(exitCode).toBe(1);
    expect(text).toMatch(new RegExp(`, ${files} files? written to .*\\n  error +${code} `));
    expect(readdirSync(out, { recursive: true })).toContain(join('opt', 'a'));
  });
});

describe('nothing is wrong', () => {
  it('neither command says anything', async () => {
    const path = join(folder, 'good.vib');
    writeFileSync(path, writeAr(good.members));
    const [listed, unpacked] = [await on(list, path), await on(extract, path, { out: join(folder, 'good') })];
    expect([listed.exitCode, unpacked.exitCode]).toEqual([0, 0]);
    expect(listed.text + unpacked.text).not.toMatch(/error|warning/);
  });

  it('a level that the host refuses is no OK', async () => {
    const path = join(folder, 'level.vib');
    writeFileSync(path, writeAr(good.members));
    const at = (level: string) => on(verify, path, { level, time: '2026-01-01T00:00:00Z' });
    expect((await at('CommunitySupported')).text).toMatch(/^ACME_bootbank_a_1-1: OK$/m);
    const refused = await at('PartnerSupported');
    expect([refused.exitCode, refused.text]).toEqual([1, expect.stringMatching(/^ACME_bootbank_a_1-1: NOT OK$/m)]);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageRoot } from './files.ts';
import { openVibFolder, openVibPaths } from './vib-files.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'esxsim-vibs-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('a folder gives every VIB whatever the case of its suffix, and nothing else', async () => {
  const samples = join(packageRoot(), 'vib-samples/esxi-8.0');
  const bytes = readFileSync(join(samples, readdirSync(samples)[0] ?? ''));
  for (const name of ['A1.VIB', 'b.vib', 'c.Vib', 'd.vib.txt', 'evib']) writeFileSync(join(dir, name), bytes);
  const found = ['A1.VIB', 'b.vib', 'c.Vib'].map((name) => join(dir, name));
  expect(openVibFolder(dir).map(({ path }) => path)).toEqual(found);
  expect((await openVibPaths([dir])).map(({ path }) => path)).toEqual(found);
});

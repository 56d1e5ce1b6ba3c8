/** Where a result cannot be written, that is said before the work, not after it. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { run as boot } from './boot.ts';
import { Options } from './command.ts';
import { run as predict } from './predict.ts';
import { run as serve } from './serve.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'esxsim-targets-'));
  writeFileSync(join(folder, 'file'), 'x');
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each([
  ['boot --trace', boot, 'trace', 'none/tpm.trace', /none\/tpm\.trace: cannot write: no such file or folder$/],
  ['boot --trace', boot, 'trace', '.', /cannot write: is a folder$/],
  ['boot --out', boot, 'out', 'file', /file: cannot write: .* is no folder$/],
  ['boot --out', boot, 'out', 'file/below', /file\/below: cannot write: /],
  ['predict --out', predict, 'out', 'none/ref.json', /none\/ref\.json: cannot write: no such file or folder$/],
  ['serve --ca-out', serve, 'caOut', 'none/ca.pem', /none\/ca\.pem: cannot write: no such file or folder$/],
])('%s at a place that takes no file: %s', async (_, run, option, name, message) => {
  const steps: string[] = [];
  const io = { json: false, line: (text: string) => steps.push(text), progress: (text: string) => steps.push(text) };
  // An image that is not there would be complained about next.
  const values = { [option]: join(folder, name), image: [join(folder, 'no-image')], listen: '127.0.0.1:0', hosts: '1' };
  await expect(run({ args: [], options: new Options(values) }, io)).rejects.toThrow(message);
  expect(steps).toEqual([]);
  expect(readdirSync(folder)).toEqual(['file']);
});

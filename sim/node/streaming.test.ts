/** VIBs of any size through the public names: opened in their file, unpacked and written back piece by piece. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as library from '../../src/vib/index.ts';
import { packageRoot } from './files.ts';
import * as node from './index.ts';

it('opens, unpacks, and writes a VIB back with what the entry points export', async () => {
  const samples = join(packageRoot(), 'vib-samples/esxi-8.0');
  const path = join(samples, readdirSync(samples).find((name) => name.includes('_acme-raidmon_')) ?? '');
  const folder = mkdtempSync(join(tmpdir(), 'esxsim-streaming-'));
  try {
    const vib = library.vibFromSource(node.fileSource(path));
    const tree = new node.TreeWriter(join(folder, 'content'));
    const { files, findings } = await library.writeVibFiles(vib, tree);
    tree.commit();
    expect(findings.filter(library.isError)).toEqual([]);
    const whole = library.extractVib(vib).files.filter(({ directory }) => !directory);
    expect(files.filter(({ directory }) => !directory).length).toBe(whole.length);
    for (const { path: name, data } of whole) {
      expect(readFileSync(join(folder, 'content', name)).equals(data), name).toBe(true);
    }
    const copy = join(folder, 'copy.vib');
    node.writePiecesAtomic(copy, library.piecesOf(library.sourceOfVib(vib)));
    expect(readFileSync(copy).equals(readFileSync(path))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

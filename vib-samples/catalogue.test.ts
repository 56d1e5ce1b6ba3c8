import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { installImage } from '../sim/install.ts';
import { resolveSpec } from '../sim/spec/resolve.ts';
import { hash } from '../src/crypto/hash.ts';
import { readVib, verifyVib } from '../src/vib/index.ts';
import { makeCatalogue } from './catalogue.ts';
import { loadPki } from './pki.ts';
import { catalogueRows } from './recipes/catalogue.ts';

const pki = loadPki((name) => readFileSync(new URL(`pki/${name}`, import.meta.url), 'utf8'));

describe('catalogues', () => {
  it.each([
    [60, 55, 65],
    [150, 140, 160],
  ] as const)('%i components: installable, signed, no name twice', async (size, least, most) => {
    const vibs = [...makeCatalogue(size, 'small', pki)].map(({ bytes }) => readVib(bytes));
    expect(vibs.length).toBeGreaterThanOrEqual(least);
    expect(vibs.length).toBeLessThanOrEqual(most);
    expect(new Set(vibs.map(({ descriptor }) => descriptor.name)).size).toBe(vibs.length);
    for (const vib of vibs) {
      const report = await verifyVib(vib, { roots: [pki.vibRoot], time: 'ignore' });
      expect(report.ok, vib.descriptor.name).toBe(true);
    }
    expect(installImage(resolveSpec({}, {}), vibs).bootbank.size).toBeGreaterThan(vibs.length);
  });

  it('the same bytes every time', () => {
    const digest = () => [...makeCatalogue(60, 'small', pki)].map(({ bytes }) => Buffer.from(hash('sha256', bytes)));
    expect(digest()).toEqual(digest());
  });

  it('at real scale the large one has about 350 MB', () => {
    const kib = catalogueRows(150).reduce((sum, row) => sum + row.kib, 0);
    expect((kib * 1105) / 1e6).toBeGreaterThan(330);
    expect((kib * 1105) / 1e6).toBeLessThan(370);
  });
});

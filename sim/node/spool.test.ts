import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesSource, openZip, writeZip } from '../../src/archive/index.ts';
import { writeBundle } from '../../src/depot/index.ts';
import { buildVib, rewriteVib, vibId } from '../../src/vib/index.ts';
import { openVibPaths } from './vib-files.ts';

/** Bytes that do not compress to nothing. */
const noise = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => ((i * i + seed) >> 7) ^ (i >> 3));

const VIBS = [1, 2, 3, 4].map((n) =>
  buildVib({
    descriptor: {
      type: 'bootbank',
      name: `part-${n}`,
      version: '1.0-1',
      vendor: 'TST',
      acceptanceLevel: 'CommunitySupported',
    },
    payloads: [{ name: `part${n}`, type: 'boot', content: noise(n === 4 ? 1000 : (1 << 20) + n * 777_777, n) }],
  }),
);

describe('a bundle whose VIBs are compressed', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'esxsim-spool-test-'));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('is unpacked into a temporary file, several VIBs at a time, each whole', async () => {
    const stored = openZip(
      bytesSource(
        writeBundle({
          release: '8.0.3',
          vendor: { name: 'Test', code: 'tst' },
          timestamp: '2026-01-01T00:00:00.000000+00:00',
          vibs: VIBS.map((vib) => () => vib),
        }),
      ),
    );
    const names = [...stored.entries.keys()];
    const path = join(dir, 'deflated.zip');
    writeFileSync(path, writeZip(names.map((name) => ({ name, data: stored.read(name), compress: true }))));
    for (const round of [1, 2]) {
      const found = await openVibPaths([path]);
      expect(found.map(({ vib }) => vibId(vib.descriptor))).toEqual(
        VIBS.map((_, i) => `TST_bootbank_part-${i + 1}_1.0-1`),
      );
      for (const [i, { vib }] of found.entries()) {
        expect(Buffer.compare(rewriteVib(vib), VIBS[i] ?? new Uint8Array(0)), `round ${round}, VIB ${i}`).toBe(0);
      }
    }
  });
});

/** `--catalogue 60|150 [--scale real] --out DIR`: writes a catalogue and says what is in it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeCatalogue } from './catalogue.ts';
import type { SamplePki } from './pki.ts';

const USAGE = 'usage: npm run samples -- --catalogue 60|150 [--scale small|real] --out DIR';

/** Handles the options; false where the arguments ask for no catalogue. */
export function buildCatalogue(args: readonly string[], pki: SamplePki): boolean {
  if (args.length === 0) return false;
  const string = { type: 'string' } as const;
  const { values } = parseArgs({ args: [...args], options: { catalogue: string, scale: string, out: string } });
  const { catalogue, scale = 'small', out } = values;
  const size = catalogue === '60' ? 60 : catalogue === '150' ? 150 : undefined;
  if (size === undefined || out === undefined || (scale !== 'small' && scale !== 'real')) throw new Error(USAGE);
  mkdirSync(out, { recursive: true });
  let total = 0;
  let count = 0;
  for (const { path, bytes } of makeCatalogue(size, scale, pki)) {
    writeFileSync(join(out, path), bytes);
    total += bytes.length;
    count++;
  }
  console.log(`${count} VIBs, ${(total / 2 ** 20).toFixed(1)} MiB in ${out}`);
  return true;
}

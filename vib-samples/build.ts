/**
 * `npm run samples`: writes the sample VIBs and the default Secure Boot keys. Byte-identical on every run. With
 * `--catalogue` it writes a catalogue of a whole image instead (catalogue-build.ts).
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCatalogue } from './catalogue-build.ts';
import { defaultKeysModule } from './default-keys.ts';
import { makeSamples } from './make.ts';
import { loadPki } from './pki.ts';

const here = dirname(fileURLToPath(import.meta.url));
const pki = loadPki((name) => readFileSync(join(here, 'pki', name), 'utf8'));
if (buildCatalogue(process.argv.slice(2), pki)) process.exit(0);
const samples = makeSamples(pki);

for (const folder of new Set(samples.map(({ path }) => dirname(path)))) {
  mkdirSync(join(here, folder), { recursive: true });
  // Samples of earlier recipes would otherwise stay and be installed as well.
  for (const name of readdirSync(join(here, folder))) {
    if (name.endsWith('.vib')) rmSync(join(here, folder, name));
  }
}
let total = 0;
for (const { path, bytes } of samples) {
  writeFileSync(join(here, path), bytes);
  total += bytes.length;
  console.log(`${String(bytes.length).padStart(8)}  ${path}`);
}
writeFileSync(join(here, '..', 'sim', 'platform', 'default-keys.ts'), defaultKeysModule(pki));
console.log(`${String(total).padStart(8)}  bytes in ${samples.length} VIBs`);

// House rules a linter cannot know: src/ never imports sim/; randomness and time only from their two modules; the library
// and the core of the simulator bundle for a browser. Exits 1 with one line for each breach.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

const breaches = [];
const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();

const ENTROPY_AND_TIME = [
  /\bMath\.random\b/,
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  /\bperformance\.now\b/,
  /\bprocess\.hrtime\b/,
  /\brandom(?:UUID|Bytes|Int|FillSync)\(/,
  /\bgetRandomValues\b/,
  /\bgenerateKeyPair(?:Sync)?\b/,
];
const ALLOWED = new Set(['sim/entropy.ts', 'sim/clock.ts']);

for (const file of [...files('src'), ...files('sim')]) {
  const lines = readFileSync(file, 'utf8').split('\n');
  lines.forEach((line, i) => {
    const at = `${file}:${i + 1}`;
    if (file.startsWith('src/') && /from ['"](?:\.\.\/)+sim\//.test(line)) breaches.push(`${at}: src/ imports sim/`);
    if (!ALLOWED.has(file)) {
      const found = ENTROPY_AND_TIME.find((pattern) => pattern.test(line));
      if (found) breaches.push(`${at}: ${found.source} outside sim/entropy.ts and sim/clock.ts`);
    }
  });
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
for (const [name, target] of Object.entries(manifest.exports)) {
  if (typeof target !== 'object' || name === './vitest' || name === './node') continue;
  try {
    await build({
      entryPoints: [target['esxsim-source']],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      conditions: ['esxsim-source', 'browser'],
      logLevel: 'silent',
    });
  } catch (error) {
    const [first] = error.errors ?? [];
    breaches.push(
      `export ${name} does not bundle for a browser: ${first?.location?.file ?? ''} ${first?.text ?? error}`,
    );
  }
}

for (const breach of breaches) process.stderr.write(`house: ${breach}\n`);
process.exit(breaches.length > 0 ? 1 : 0);

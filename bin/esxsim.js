#!/usr/bin/env node
// The CLI is bundled by `npm run build` (which `npm ci` runs) so that a cold start reads one file, not hundreds.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bundle = new URL('../dist/cli.mjs', import.meta.url);
if (!existsSync(fileURLToPath(bundle))) {
  process.stderr.write('esxsim: dist/cli.mjs is missing; run `npm run build`\n');
  process.exit(2);
}
await import(bundle.href);

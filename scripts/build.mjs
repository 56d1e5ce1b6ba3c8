// Builds dist/: the library file by file (tsc, with types) and the CLI as one bundle (esbuild) for a fast cold start.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

// Installed as a dependency the package already carries dist/ and has no compiler: nothing to do.
if (!existsSync('node_modules/esbuild') || !existsSync('node_modules/typescript')) process.exit(0);

rmSync('dist', { recursive: true, force: true });
const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

// The host spec's schema for editors and other languages; the checks themselves are the library's.
const { z } = await import('zod');
const { hostSpecSchema } = await import(new URL('../dist/sim/spec/schema.js', import.meta.url).href);
// A user writes only parts of a spec: nothing is required.
const schema = z.toJSONSchema(hostSpecSchema, {
  io: 'input',
  override: ({ jsonSchema }) => delete jsonSchema.required,
});
writeFileSync('dist/host-spec.schema.json', `${JSON.stringify(schema, null, 2)}\n`);

const { build } = await import('esbuild');
await build({
  entryPoints: { cli: 'sim/cli/main.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'cli-[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  conditions: ['esxsim-source'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'warning',
});

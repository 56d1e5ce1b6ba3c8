import { defineConfig } from 'vitest/config';
import { reporters } from './vitest.reporters.ts';

/** Suites that drive real clients and peers; `npm run conformance` installs those first. */
export default defineConfig({
  resolve: { conditions: ['esxsim-source'] },
  ssr: { resolve: { conditions: ['esxsim-source', 'node', 'import', 'default'] } },
  test: {
    include: ['test/conformance/**/*.test.ts'],
    globalSetup: ['test/support/temporary-folder.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    fileParallelism: false,
    ...reporters('conformance'),
  },
});

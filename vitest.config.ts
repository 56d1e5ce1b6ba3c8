import { defineConfig } from 'vitest/config';
import { reporters } from './vitest.reporters.ts';

/** Unit and end-to-end tests: no network, no OS packages. */
export default defineConfig({
  resolve: { conditions: ['esxsim-source'] },
  ssr: { resolve: { conditions: ['esxsim-source', 'node', 'import', 'default'] } },
  test: {
    include: [
      'src/**/*.test.ts',
      'sim/**/*.test.ts',
      'vib-samples/**/*.test.ts',
      'test/unit/**/*.test.ts',
      'test/e2e/**/*.test.ts',
    ],
    globalSetup: ['test/support/temporary-folder.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // vitest leaves a core idle by default; most of the time here goes into child processes of the e2e tests.
    maxWorkers: 2,
    // Test files of a worker share its modules, which have no state: loading them anew for each file took a fifth of the time.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    ...reporters('unit'),
  },
});

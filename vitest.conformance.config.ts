import { defineConfig } from 'vitest/config';
import { reporters } from './vitest.reporters.ts';

const DIFFERENTIAL = 'test/conformance/tpm-differential*.test.ts';

/** Suites of one project; those of the next order begin when these are through. */
const suites = (name: string, groupOrder: number, maxWorkers: number, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include, exclude, maxWorkers, sequence: { groupOrder } },
});

/**
 * Suites that drive real clients and peers; `npm run conformance` installs those first. Side by side run those that keep one
 * TPM busy beside ours; the others have machines, browsers and servers of their own, and wait for them.
 */
export default defineConfig({
  resolve: { conditions: ['esxsim-source'] },
  ssr: { resolve: { conditions: ['esxsim-source', 'node', 'import', 'default'] } },
  test: {
    projects: [
      suites('differential', 0, 2, [DIFFERENTIAL]),
      suites('clients', 1, 1, ['test/conformance/**/*.test.ts'], [DIFFERENTIAL]),
    ],
    globalSetup: ['test/support/temporary-folder.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    ...reporters('conformance'),
  },
});

import { defineConfig } from 'vitest/config';
import { reporters } from './vitest.reporters.ts';

const suitesNamed = (...names: string[]): string[] => names.map((name) => `test/conformance/${name}.test.ts`);

/** Suites with machines, browsers, servers and real clocks of their own. */
const ALONE = suitesNamed(
  ...['browser', 'device', 'foreign-clients', 'qemu', 'serve', 'swtpm-script', 'tpm-control-channel', 'tpm-servers'],
  ...['tpm2-tools', 'vsphere-clients'],
);

/** Suites of one project; those of the next order begin when these are through. */
const suites = (name: string, groupOrder: number, maxWorkers: number, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include, exclude, maxWorkers, sequence: { groupOrder } },
});

/**
 * Suites that drive real clients and peers; `npm run conformance` installs those first. Two at a time run those that compare
 * files, evidence, and the answers of two TPMs; the others wait for them.
 */
export default defineConfig({
  resolve: { conditions: ['esxsim-source'] },
  ssr: { resolve: { conditions: ['esxsim-source', 'node', 'import', 'default'] } },
  test: {
    projects: [suites('judges', 0, 2, ['test/conformance/**/*.test.ts'], ALONE), suites('clients', 1, 1, ALONE)],
    globalSetup: ['test/support/temporary-folder.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    ...reporters('conformance'),
  },
});

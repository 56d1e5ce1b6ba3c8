import { defineConfig } from 'vitest/config';
import { reporters } from './vitest.reporters.ts';

/** Command streams of the conformance suite against a third engine, Microsoft's reference implementation. */
export default defineConfig({
  resolve: { conditions: ['esxsim-source'] },
  ssr: { resolve: { conditions: ['esxsim-source', 'node', 'import', 'default'] } },
  test: {
    include: ['test/conformance/tpm-differential*.test.ts'],
    // Why these do not fit: docs/tpm.md, "Against Microsoft's reference".
    exclude: [
      'ciphers',
      'crypto',
      'curves',
      'curve-schemes',
      'given-keys',
      'x509',
      'recorded',
      'wire',
      'self-test',
    ].map((name) => `test/conformance/tpm-differential-${name}.test.ts`),
    env: { ESXSIM_PEER: 'microsoft' },
    globalSetup: ['test/support/temporary-folder.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    ...reporters('microsoft'),
  },
});

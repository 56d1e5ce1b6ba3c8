import { defineConfig } from 'vitest/config';

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
    testTimeout: 30_000,
  },
});

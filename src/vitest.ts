/** Matchers for vitest: `expect(appraisal).toBeTrusted()` and `expect(appraisal).toFind('COMMAND_LINE_MISMATCH')`. */
import { expect } from 'vitest';
import { type Appraisal, type FindingCode, renderAppraisal } from './verify/index.ts';

interface Result {
  readonly pass: boolean;
  readonly message: () => string;
}

function appraisalOf(received: unknown): Appraisal {
  if (typeof received === 'object' && received !== null && 'verdict' in received && 'findings' in received) {
    return received as Appraisal;
  }
  throw new TypeError('expected an Appraisal of esxsim/verify');
}

/** The matchers, for use with `expect.extend` of another vitest instance. */
export const matchers = {
  /** The verdict is TRUSTED. */
  toBeTrusted(received: unknown): Result {
    const appraisal = appraisalOf(received);
    return { pass: appraisal.verdict === 'TRUSTED', message: () => renderAppraisal(appraisal) };
  },
  /** The findings are exactly these codes, in any order. */
  toFind(received: unknown, ...codes: FindingCode[]): Result {
    const appraisal = appraisalOf(received);
    const found = appraisal.findings.map((f) => f.code).toSorted();
    return {
      pass: found.join() === codes.toSorted().join(),
      message: () => `expected findings ${codes.join(', ') || '(none)'}\n${renderAppraisal(appraisal)}`,
    };
  },
};

/** Adds the matchers to `expect`. */
export function install(): void {
  expect.extend(matchers);
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: vitest declares this interface with `any`
  interface Matchers<T = any> {
    toBeTrusted(): T;
    toFind(...codes: FindingCode[]): T;
  }
}

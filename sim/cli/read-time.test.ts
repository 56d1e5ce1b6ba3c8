import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/bytes/errors.ts';
import { readTime } from './verify.ts';

describe('--time', () => {
  it.each([
    ['2026-01-01', Date.UTC(2026, 0, 1)],
    ['2026-01-01T12:30', Date.UTC(2026, 0, 1, 12, 30)],
    ['2026-01-01T12:30:05Z', Date.UTC(2026, 0, 1, 12, 30, 5)],
    ['2026-01-01T12:30:05.250000', Date.UTC(2026, 0, 1, 12, 30, 5, 250)],
    ['2026-01-01T01:30:00+02:00', Date.UTC(2025, 11, 31, 23, 30)],
    ['2024-02-29', Date.UTC(2024, 1, 29)],
  ])('%s is UTC where it names no zone', (text, time) => expect(readTime(text)).toBe(time));

  it.each(['2025-02-30', '2025-02-29T00:00:00Z', '2025-13-01', '2025-01-01T25:00', 'yesterday', '', '2025', '1e3'])(
    '%j is refused',
    (text) => expect(() => readTime(text)).toThrow(InputError),
  );
});

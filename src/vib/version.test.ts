import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVibVersions, constraintText, versionSatisfies, vibSatisfies } from './version.ts';

describe('compareVibVersions', () => {
  // Version texts of published VIBs (facts: vib-and-modules §2, esxi-measured-boot §12), oldest first.
  const ordered = [
    '0.1-1OEM.701.1.0.40650718',
    '0.1.0-1OEM.701.1.0.40650718',
    '1.2.3-1OEM.701.0.0.16850804',
    '1.2.3-1vmw.670.1.28.10302608',
    '1.10.0-1vmw.670.1.28.10302608',
    '6.7.0-1.28.10302608',
    '6.7.0-2.48.13006603',
    '8.0.3-0.0.24022510',
    '8.0.3-0.35.24280767',
    '20.00.06.00-5vmw.803.0.0.24022510',
  ];
  it('orders published versions', () => {
    const shuffled = ordered.toReversed();
    expect(shuffled.toSorted(compareVibVersions)).toEqual(ordered);
  });
  it('compares numbers by value and takes leading zeros for nothing', () => {
    expect(compareVibVersions('20.00.04.00-5', '20.0.4.0-5')).toBe(0);
    expect(compareVibVersions('1.9-1', '1.10-1')).toBeLessThan(0);
    expect(compareVibVersions('1.0', '1.0-1')).toBeLessThan(0);
    expect(compareVibVersions(`1.${'9'.repeat(40)}-1`, `1.1${'0'.repeat(40)}-1`)).toBeLessThan(0);
  });
  it('is a total order on any text', () => {
    const text = fc.stringMatching(/^[0-9a-c.-]{0,8}$/);
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        expect(Math.sign(compareVibVersions(a, b))).toBe(-Math.sign(compareVibVersions(b, a)) + 0);
        expect(compareVibVersions(a, a)).toBe(0);
        if (compareVibVersions(a, b) <= 0 && compareVibVersions(b, c) <= 0) {
          expect(compareVibVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

describe('constraints', () => {
  it.each([
    ['8.0.3-0.0.24022510', '>=', '8.0.0', true],
    ['8.0.3-0.0.24022510', '=', '8.0.3', true],
    ['8.0.3-0.0.24022510', '=', '8.0.3-0.1', false],
    ['8.0.3-0.0.24022510', '<<', '8.0.3', false],
    ['8.0.3-0.0.24022510', '<=', '8.0.3', true],
    ['8.0.3-0.0.24022510', '>', '8.0.2-9', true],
    ['8.0.3-0.0.24022510', '~', '8.0.3', false],
  ])('%s %s %s: %s', (version, relation, wanted, holds) => {
    expect(versionSatisfies(version, { name: 'x', relation, version: wanted })).toBe(holds);
  });

  it('answers by name or by what is provided', () => {
    const none = { depends: [], conflicts: [], replaces: [], compatibleWith: [] };
    const provides = [{ name: 'vmkapi_2_6_0_0' }, { name: 'esx-version', relation: '=', version: '8.0.3' }];
    const vib = { name: 'esx-base', version: '8.0.3-1', relationships: { ...none, provides } };
    expect(vibSatisfies(vib, { name: 'vmkapi_2_6_0_0' })).toBe(true);
    expect(vibSatisfies(vib, { name: 'vmkapi_2_6_0_0', relation: '>=', version: '1.0' })).toBe(false);
    expect(vibSatisfies(vib, { name: 'esx-version', relation: '>=', version: '8.0.0' })).toBe(true);
    expect(vibSatisfies(vib, { name: 'esx-version', relation: '<<', version: '8.0.0' })).toBe(false);
    expect(vibSatisfies(vib, { name: 'esx-base', relation: '>=', version: '8.0.3-1' })).toBe(true);
    expect(vibSatisfies(vib, { name: 'esx-ui' })).toBe(false);
    expect(constraintText({ name: 'esx-base', relation: '>=', version: '8.0' })).toBe('esx-base >= 8.0');
  });
});

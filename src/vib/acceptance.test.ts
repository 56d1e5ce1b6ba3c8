import { describe, expect, it } from 'vitest';
import {
  ACCEPTANCE_LEVELS,
  type AcceptanceLevel,
  acceptanceCode,
  compareAcceptance,
  hostAccepts,
  lowestAcceptance,
  parseAcceptance,
} from './acceptance.ts';

const LEVELS: readonly AcceptanceLevel[] = [
  'VMwareCertified',
  'VMwareAccepted',
  'PartnerSupported',
  'CommunitySupported',
];

describe('acceptance levels', () => {
  it('decide what a host installs, as VMware documents it', () => {
    // Rows: host; columns: VIB (facts §16.2).
    const table = LEVELS.map((host) => LEVELS.map((vib) => (hostAccepts(host, vib) ? 'ok' : '-')).join(' '));
    expect(table).toEqual(['ok - - -', 'ok ok - -', 'ok ok ok -', 'ok ok ok ok']);
  });

  it('are read in both spellings', () => {
    for (const { level, code } of ACCEPTANCE_LEVELS) {
      expect(parseAcceptance(code)).toBe(level);
      expect(parseAcceptance(level.toLowerCase())).toBe(level);
      expect(acceptanceCode(level)).toBe(code);
    }
    expect(parseAcceptance('vmware')).toBeUndefined();
  });

  it('are ordered, and a profile has the lowest', () => {
    expect([...LEVELS].reverse().sort((a, b) => compareAcceptance(b, a))).toEqual(LEVELS);
    expect(lowestAcceptance(['VMwareCertified', 'PartnerSupported', 'VMwareAccepted'])).toBe('PartnerSupported');
  });
});

/** Acceptance levels: names, order, and what a host of one level installs (VMware documentation; facts §16.2). */

/** Names as `esxcli` and the API write them. */
export type AcceptanceLevel = 'VMwareCertified' | 'VMwareAccepted' | 'PartnerSupported' | 'CommunitySupported';

/** Names as a descriptor writes them. */
export type AcceptanceCode = 'certified' | 'accepted' | 'partner' | 'community';

/** One level; a higher `rank` is more trusted. */
export interface AcceptanceRow {
  readonly level: AcceptanceLevel;
  readonly code: AcceptanceCode;
  readonly rank: number;
  /** Whether a VIB of this level must carry a signature. */
  readonly signed: boolean;
}

/** All levels, most trusted first. */
export const ACCEPTANCE_LEVELS: readonly AcceptanceRow[] = [
  { level: 'VMwareCertified', code: 'certified', rank: 4, signed: true },
  { level: 'VMwareAccepted', code: 'accepted', rank: 3, signed: true },
  { level: 'PartnerSupported', code: 'partner', rank: 2, signed: true },
  { level: 'CommunitySupported', code: 'community', rank: 1, signed: false },
];

/** A host's level unless set otherwise. */
export const DEFAULT_HOST_LEVEL: AcceptanceLevel = 'PartnerSupported';

/** The level of a name in either spelling, upper or lower case; undefined for anything else. */
export function parseAcceptance(name: string): AcceptanceLevel | undefined {
  const wanted = name.toLowerCase();
  return ACCEPTANCE_LEVELS.find((row) => row.code === wanted || row.level.toLowerCase() === wanted)?.level;
}

function row(level: AcceptanceLevel): AcceptanceRow {
  const found = ACCEPTANCE_LEVELS.find((each) => each.level === level);
  if (found === undefined) throw new TypeError(`not an acceptance level: ${level}`);
  return found;
}

/** The descriptor's spelling of a level. */
export const acceptanceCode = (level: AcceptanceLevel): AcceptanceCode => row(level).code;

/** Whether VIBs of a level must be signed. */
export const mustBeSigned = (level: AcceptanceLevel): boolean => row(level).signed;

/** Negative, zero or positive as `a` is less, equally or more trusted than `b`. */
export const compareAcceptance = (a: AcceptanceLevel, b: AcceptanceLevel): number => row(a).rank - row(b).rank;

/** Whether a host of level `host` installs a VIB of level `vib`: the VIB's must be at least the host's. */
export const hostAccepts = (host: AcceptanceLevel, vib: AcceptanceLevel): boolean => compareAcceptance(vib, host) >= 0;

/** The level of an image profile: the lowest of its VIBs. An empty list is VMwareCertified. */
export function lowestAcceptance(levels: readonly AcceptanceLevel[]): AcceptanceLevel {
  return levels.reduce<AcceptanceLevel>(
    (low, level) => (compareAcceptance(level, low) < 0 ? level : low),
    'VMwareCertified',
  );
}

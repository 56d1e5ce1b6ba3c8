/**
 * Versions of VIBs and the relations between packages. The rule is ours where VMware documents none (docs/vib-authoring.md):
 * `VERSION-RELEASE`, both dotted; parts are compared from left to right, a part as runs of digits (by value) and of other
 * characters (by ASCII). Digits come after letters, a part that exists after one that does not.
 */
import type { VibConstraint, VibDescriptor } from './descriptor.ts';

/** Longest version looked at; what follows does not count. */
const MAX_VERSION = 256;

const runs = (part: string): string[] => part.match(/\d+|\D+/g) ?? [];
const isNumber = (run: string): boolean => /^\d/.test(run);
const ascii = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Numbers of any length by value. */
function compareNumbers(a: string, b: string): number {
  const x = a.replace(/^0+(?=\d)/, '');
  const y = b.replace(/^0+(?=\d)/, '');
  return x.length === y.length ? ascii(x, y) : x.length - y.length;
}

function compareRuns(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? 1 : -1;
  return isNumber(a) ? compareNumbers(a, b) : ascii(a, b);
}

function compareLists<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (x: T | undefined, y: T | undefined) => number,
): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compare(a[i], b[i]);
    if (order !== 0) return Math.sign(order);
  }
  return 0;
}

const comparePart = (a: string | undefined, b: string | undefined): number =>
  a === undefined || b === undefined ? compareRuns(a, b) : compareLists(runs(a), runs(b), compareRuns);

const compareDotted = (a: string, b: string): number => compareLists(a.split('.'), b.split('.'), comparePart);

function split(text: string): { version: string; release: string | undefined } {
  const shown = text.slice(0, MAX_VERSION);
  const dash = shown.indexOf('-');
  return dash < 0
    ? { version: shown, release: undefined }
    : { version: shown.slice(0, dash), release: shown.slice(dash + 1) };
}

/** Negative, zero or positive as `a` is older than, the same as or newer than `b`. Zero does not mean equal text (`1.0`, `1.00`). */
export function compareVibVersions(a: string, b: string): number {
  const x = split(a);
  const y = split(b);
  return compareDotted(x.version, y.version) || comparePart(x.release, y.release);
}

const HOLDS: ReadonlyMap<string, (order: number) => boolean> = new Map([
  ['<', (order) => order < 0],
  ['<<', (order) => order < 0],
  ['<=', (order) => order <= 0],
  ['=', (order) => order === 0],
  ['==', (order) => order === 0],
  ['>=', (order) => order >= 0],
  ['>', (order) => order > 0],
  ['>>', (order) => order > 0],
]);

/** Whether a relation is one that {@link versionSatisfies} understands. */
export const isKnownRelation = (relation: string): boolean => HOLDS.has(relation);

/**
 * Whether a version stands in the constraint's relation. A constraint without relation or version holds for every version;
 * one whose version has no release part compares the version part only; one with an unknown relation holds for none.
 */
export function versionSatisfies(version: string, { relation, version: wanted }: VibConstraint): boolean {
  if (relation === undefined || wanted === undefined) return true;
  const whole = wanted.includes('-') ? version : split(version).version;
  return HOLDS.get(relation)?.(compareVibVersions(whole, wanted)) ?? false;
}

/** Whether a VIB is what a constraint names: by its own name and version, or by something it provides. */
export function vibSatisfies(
  { name, version, relationships }: Pick<VibDescriptor, 'name' | 'version' | 'relationships'>,
  constraint: VibConstraint,
): boolean {
  if (name === constraint.name && versionSatisfies(version, constraint)) return true;
  return relationships.provides.some(
    (provided) =>
      provided.name === constraint.name &&
      // What is provided without a version answers only to constraints without one.
      (constraint.version === undefined ||
        (provided.version !== undefined && versionSatisfies(provided.version, constraint))),
  );
}

/** A constraint as text: `esx-base >= 8.0.0`. */
export const constraintText = ({ name, relation, version }: VibConstraint): string =>
  [name, relation, version].filter((part) => part !== undefined).join(' ');

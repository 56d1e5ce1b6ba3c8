/** Which of the given VIBs make the image: duplicates dropped, older versions superseded, replaced ones removed. */
import { piecesOf } from '../../src/archive/index.ts';
import { equalBytes } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { isModuleType } from '../../src/esxboot/index.ts';
import {
  compareVibVersions,
  payloadSource,
  type Vib,
  type VibPayload,
  versionSatisfies,
  vibId,
} from '../../src/vib/index.ts';
import type { InstallProblem } from './problems.ts';

/** A VIB that is not installed, and why that is fine. */
export interface SkippedVib {
  readonly vib: string;
  readonly why: string;
}

/** Result of {@link selectVibs}. */
export interface Selection {
  /** By id; the order in which VIBs were given does not matter. */
  readonly vibs: readonly Vib[];
  readonly skipped: readonly SkippedVib[];
  readonly problems: readonly InstallProblem[];
}

const byId = (a: Vib, b: Vib): number => {
  const [x, y] = [vibId(a.descriptor), vibId(b.descriptor)];
  return x < y ? -1 : x > y ? 1 : 0;
};

/** Newest first; ids decide between versions that compare as equal. */
const newestFirst = (a: Vib, b: Vib): number =>
  compareVibVersions(b.descriptor.version, a.descriptor.version) || byId(a, b);

const NOTHING = new Uint8Array(0);

/** Whether two payloads are the same, piece by piece: they may be large. */
function samePayload(a: VibPayload, b: VibPayload | undefined): boolean {
  if (b === undefined) return false;
  const [source, other] = [payloadSource(a), payloadSource(b)];
  if (source.size !== other.size) return false;
  const pieces = piecesOf(other);
  for (const piece of piecesOf(source)) {
    if (!equalBytes(piece, pieces.next().value ?? NOTHING)) return false;
  }
  return true;
}

/**
 * Whether two VIBs are the same package; how their archives are written does not matter, nor payloads that an installed one has
 * lost, which the checksums of the descriptor speak for.
 */
function sameVib(a: Vib, b: Vib): boolean {
  const [first = [], second = []] = [a, b].map(({ payloads }) => payloads.filter(({ type }) => isModuleType(type)));
  return (
    equalBytes(a.descriptorBytes, b.descriptorBytes) &&
    equalBytes(a.signature ?? NOTHING, b.signature ?? NOTHING) &&
    first.length === second.length &&
    first.every((payload, i) => samePayload(payload, second[i]))
  );
}

/** Why the same VIB counts once. */
export const TWICE = 'given twice';

/** One VIB per id. */
function distinct(vibs: readonly Vib[], skipped: SkippedVib[], problems: InstallProblem[]): Vib[] {
  const kept = new Map<string, Vib>();
  for (const vib of vibs) {
    const id = vibId(vib.descriptor);
    const other = kept.get(id);
    if (other === undefined) kept.set(id, vib);
    else if (sameVib(other, vib)) skipped.push({ vib: id, why: TWICE });
    else problems.push({ code: 'duplicate-id', vib: id, message: `two different VIBs have the id ${id}` });
  }
  return [...kept.values()].sort(byId);
}

/** Applies upgrade and replacement rules. */
export function selectVibs(given: readonly Vib[]): Selection {
  const skipped: SkippedVib[] = [];
  const problems: InstallProblem[] = [];
  const all = distinct(given, skipped, problems);
  const newest = new Map<string, Vib>();
  for (const vib of all.toSorted(newestFirst)) {
    const { name } = vib.descriptor;
    const winner = newest.get(name);
    if (winner === undefined) newest.set(name, vib);
    else skipped.push({ vib: vibId(vib.descriptor), why: `superseded by ${vibId(winner.descriptor)}` });
  }
  const current = new Set(all.filter((vib) => newest.get(vib.descriptor.name) === vib));
  for (const vib of [...current]) {
    if (!current.has(vib)) continue;
    for (const constraint of vib.descriptor.relationships.replaces) {
      for (const other of [...current]) {
        const { name, version } = other.descriptor;
        if (other === vib || name !== constraint.name || !versionSatisfies(version, constraint)) continue;
        current.delete(other);
        skipped.push({ vib: vibId(other.descriptor), why: `replaced by ${vibId(vib.descriptor)}` });
      }
    }
  }
  return { vibs: [...current], skipped, problems };
}

/** The installed VIBs without those of the given names; a name that is not installed is an InputError. */
export function withoutVibs(vibs: readonly Vib[], names: readonly string[]): Vib[] {
  const matches = ({ descriptor }: Vib, name: string): boolean =>
    descriptor.name === name || vibId(descriptor) === name;
  const unknown = names.find((name) => !vibs.some((vib) => matches(vib, name)));
  if (unknown !== undefined) throw new InputError(`--remove: no VIB ${unknown} is installed`);
  return vibs.filter((vib) => !names.some((name) => matches(vib, name)));
}

/** What is in an offline bundle: its image profiles, its VIBs with what is wrong with their files, its bulletins. */
import { InputError } from '../src/bytes/errors.ts';
import type { BundleFinding, BundleVib, OfflineBundle, UnusedPart } from '../src/depot/index.ts';
import { inspectVib, parseAcceptance } from '../src/vib/index.ts';

/** One VIB of a bundle. */
export interface BundleVibInspection {
  readonly id: string;
  /** Acceptance level the VIB claims. */
  readonly level: string;
  /** Path in the bundle, and bytes of the file as the metadata say. */
  readonly path: string;
  readonly size: number | null;
  /** `signed` is not checked here; null where the file cannot be read. */
  readonly signature: 'signed' | 'unsigned' | 'missing' | 'unreadable' | null;
  /** Image profiles that name it. */
  readonly profiles: readonly string[];
  /** What is wrong with the file: not there, damaged, another size, checksum or id than the metadata say. */
  readonly problem: string | null;
  /** Whether the metadata state a SHA-256 to compare the file with. */
  readonly checksum: boolean;
}

/** A bundle, inspected. */
export interface BundleInspection {
  readonly vendors: readonly { readonly name: string; readonly code: string }[];
  readonly profiles: readonly {
    readonly name: string;
    readonly creator: string;
    readonly acceptanceLevel: string;
    readonly vibs: number;
  }[];
  readonly vibs: readonly BundleVibInspection[];
  /** Bulletins and components, with those of their VIBs that the bundle does not hold. */
  readonly bulletins: readonly {
    readonly id: string;
    readonly summary: string;
    readonly vibs: number;
    readonly absent: readonly string[];
  }[];
  readonly findings: readonly BundleFinding[];
  /** Parts of the metadata that are not used. */
  readonly unusedParts: readonly UnusedPart[];
}

function inspectOne(bundle: OfflineBundle, vib: BundleVib): BundleVibInspection {
  const { id, path, packedSize, descriptor } = vib;
  const known = {
    id,
    level: parseAcceptance(descriptor.acceptanceLevel) ?? descriptor.acceptanceLevel,
    path,
    size: packedSize ?? null,
    checksum: vib.sha256 !== undefined,
    profiles: bundle.profiles.filter(({ vibIds }) => vibIds.includes(id)).map(({ name }) => name),
  };
  try {
    return { ...known, signature: inspectVib(bundle.openVib(id)).signature.status, problem: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { ...known, signature: null, problem: error.message };
  }
}

/** Inspects a bundle. Every VIB is read once, whole, and compared with the metadata; nothing is verified. */
export function inspectBundle(bundle: OfflineBundle): BundleInspection {
  const { vendors, profiles, vibs, bulletins, findings, unusedParts } = bundle;
  return {
    vendors: vendors.map(({ name, code }) => ({ name, code })),
    profiles: profiles.map(({ name, creator, acceptanceLevel, vibIds }) => ({
      name,
      creator,
      acceptanceLevel: parseAcceptance(acceptanceLevel) ?? acceptanceLevel,
      vibs: vibIds.length,
    })),
    vibs: [...vibs.values()].map((vib) => inspectOne(bundle, vib)),
    bulletins: bulletins.map(({ id, summary, vibIds }) => ({
      id,
      summary,
      vibs: vibIds.length,
      absent: vibIds.filter((each) => !vibs.has(each)),
    })),
    findings,
    unusedParts,
  };
}

/** A file that nothing names is of no use, and does no harm. */
const HARMLESS: ReadonlySet<BundleFinding['code']> = new Set(['vib-not-listed']);

/** Whether every VIB is what the metadata say, and the metadata can be read and agree with each other. */
export const isSoundBundle = ({ vibs, findings }: BundleInspection): boolean =>
  vibs.every(({ problem }) => problem === null) && findings.every(({ code }) => HARMLESS.has(code));

/** Writing offline bundles. Deterministic: the same VIBs and names give the same bytes. */
import { asSource, type ByteSource, writeZip, type ZipInput, zipParts } from '../archive/index.ts';
import { concat } from '../bytes/bytes.ts';
import { InputError } from '../bytes/errors.ts';
import { acceptanceCode, lowestAcceptance, parseAcceptance } from '../vib/acceptance.ts';
import { vibId } from '../vib/descriptor.ts';
import { vibFromSource } from '../vib/vib-source.ts';
import { sha256Of } from './digest.ts';
import {
  type BundleBulletin,
  type BundleProfile,
  type BundleVib,
  bulletinElement,
  bundleVibXml,
  elementXml,
  indexXml,
  profileXml,
  vendorIndexXml,
  vibXmlName,
  vmwareXml,
} from './metadata.ts';

/** What a bundle is made of. */
export interface BundleInput {
  /** Release that the metadata are for, e.g. `8.0.3`. */
  readonly release: string;
  /** Name and code in `index.xml`. */
  readonly vendor: { readonly name: string; readonly code: string };
  /** Time in the metadata, ISO 8601 with microseconds: always the caller's, so that bundles are reproducible. */
  readonly timestamp: string;
  /** Image profiles by name: the VIBs' ids; absent for a bundle of VIBs without a profile. */
  readonly profiles?: readonly { readonly name: string; readonly vibIds: readonly string[] }[];
  /** The .vib files, taken one at a time, each function once for the metadata and once for the archive. */
  readonly vibs: readonly (() => Uint8Array | ByteSource)[];
}

interface Described {
  readonly vib: BundleVib;
  readonly xml: ZipInput;
  readonly read: () => ByteSource;
}

function describe(give: () => Uint8Array | ByteSource): Described {
  const read = (): ByteSource => asSource(give());
  const source = read();
  const { descriptor, descriptorBytes } = vibFromSource(source);
  const id = vibId(descriptor);
  if (/[/\\]/.test(id))
    throw new InputError(`offline bundle: VIB ${JSON.stringify(id)} cannot be a file: its id has a slash`);
  const vib: BundleVib = {
    id,
    descriptor,
    path: `vib20/${descriptor.name}/${id}.vib`,
    packedSize: source.size,
    sha256: sha256Of(source),
  };
  return { vib, read, xml: { name: vibXmlName(vib, descriptorBytes), data: bundleVibXml(vib), compress: true } };
}

function profileOf(name: string, vibIds: readonly string[], vibs: readonly BundleVib[]): BundleProfile {
  const missing = vibIds.filter((id) => !vibs.some((vib) => vib.id === id));
  if (missing.length > 0) throw new InputError(`image profile ${name}: no VIB ${missing.join(', ')}`);
  const levels = vibs
    .filter(({ id }) => vibIds.includes(id))
    .map(({ descriptor }) => parseAcceptance(descriptor.acceptanceLevel) ?? 'CommunitySupported');
  return { name, creator: 'esxsim', acceptanceLevel: acceptanceCode(lowestAcceptance(levels)), vibIds };
}

/**
 * The bundle piece by piece, each only until the next is asked for. Unreadable VIBs are a FormatError, two VIBs of one id and profiles that name a VIB the bundle
 * does not hold an InputError.
 */
export function* bundleParts(input: BundleInput): Generator<Uint8Array> {
  const { release, timestamp } = input;
  const described = input.vibs.map(describe).toSorted((a, b) => (a.vib.id < b.vib.id ? -1 : 1));
  const vibs = described.map(({ vib }) => vib);
  const twice = vibs.find(({ id }, i) => vibs[i + 1]?.id === id);
  if (twice !== undefined) throw new InputError(`offline bundle: VIB ${twice.id} appears twice`);
  const profiles = (input.profiles ?? []).map(({ name, vibIds }) => profileOf(name, vibIds, vibs));
  const bulletin: BundleBulletin = {
    id: `esxsim-${release}`,
    summary: `VIBs for ${release}`,
    vibIds: vibs.map(({ id }) => id),
  };
  const element = bulletinElement(bulletin, vibs, timestamp);
  const xml = (name: string, data: Uint8Array): ZipInput => ({ name, data, compress: true });
  const metadata = writeZip([
    xml('vendor-index.xml', vendorIndexXml(release)),
    xml('vmware.xml', vmwareXml([element], timestamp)),
    xml(`bulletins/${bulletin.id}.xml`, elementXml(element)),
    ...profiles.map((profile) => xml(`profiles/${profile.name}.xml`, profileXml(profile))),
    ...described.map((each) => each.xml),
  ]);
  function* files(): Generator<ZipInput> {
    yield xml('index.xml', indexXml(input.vendor));
    yield xml('vendor-index.xml', vendorIndexXml(release));
    yield { name: 'metadata.zip', data: metadata };
    for (const { vib, read } of described) yield { name: vib.path, data: read() };
  }
  yield* zipParts(files());
}

/** The bundle as one byte string. */
export const writeBundle = (input: BundleInput): Uint8Array =>
  concat(...Array.from(bundleParts(input), (part) => part.slice()));

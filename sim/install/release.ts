/** Whether the VIBs of an image are of the release that the host spec names: the spec's is what a host says of itself. */
import type { VibDescriptor } from '../../src/vib/index.ts';
import type { HostSpec } from '../spec/schema.ts';

/** The VIB whose version is that of the release. */
const BASE = 'esx-base';

/** A line for the user where the base system of an image is of another release than the spec; undefined where it fits. */
export function otherRelease(
  { release }: Pick<HostSpec, 'release'>,
  descriptors: Iterable<Pick<VibDescriptor, 'name' | 'version'>>,
): string | undefined {
  for (const { name, version } of descriptors) {
    if (name !== BASE || version.startsWith(`${release.version}-`)) continue;
    return `${BASE} is ${version}, but the host is of release ${release.version} build ${release.build}: choose another --profile, or set release in the spec`;
  }
  return undefined;
}

/** Trust anchors of VIB signatures: certificates inside the verifier's own archive, payload `sb` (docs/decisions/0004). */
import { InputError } from '../bytes/errors.ts';
import { decodePem } from '../crypto/pem.ts';
import { type Certificate, parseCertificate } from '../crypto/x509.ts';
import { isFile, openPayload, type Vib, vibId } from '../vib/index.ts';
import { compareVibVersions } from '../vib/version.ts';

/** Payload that holds the anchors, and the folder inside it. */
export const ANCHOR_PAYLOAD = 'sb';
export const ANCHOR_FOLDER = 'usr/lib/vmware/secureboot/certs/';

/** The certificates among an archive's files; `complain` hears of those that cannot be read. */
export function readTrustAnchors(
  files: readonly { readonly path: string; readonly data: Uint8Array }[],
  complain: (path: string, why: string) => void = () => {},
): Certificate[] {
  return files
    .filter(({ path }) => path.startsWith(ANCHOR_FOLDER))
    .flatMap(({ path, data }) => {
      try {
        return decodePem(data).map(({ bytes }) => parseCertificate(bytes));
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        complain(path, error.message);
        return [];
      }
    });
}

/** Payload that the VMkernel is, and the VIB that brings it to real hosts. */
const KERNEL_PAYLOAD = 'k';
const BASE_VIB = 'esx-base';

const brings = ({ payloads }: Vib, wanted: string): boolean => payloads.some(({ name }) => name === wanted);

/**
 * The VIB whose anchors a host goes by: the one with the VMkernel, the base system, the newest where there are several; where none has
 * both, the only one with anchors. Whatever the order, no other package can put its own in their place.
 */
function anchorVib(vibs: readonly Vib[]): Vib | undefined {
  const all = vibs.filter((vib) => brings(vib, ANCHOR_PAYLOAD));
  const kernels = all.filter((vib) => brings(vib, KERNEL_PAYLOAD));
  if (kernels.length === 0) return all.length === 1 ? all[0] : undefined;
  const rank = ({ descriptor }: Vib): number => (descriptor.name === BASE_VIB ? 1 : 0);
  return kernels.toSorted(
    (a, b) =>
      rank(b) - rank(a) ||
      compareVibVersions(b.descriptor.version, a.descriptor.version) ||
      (vibId(a.descriptor) < vibId(b.descriptor) ? -1 : 1),
  )[0];
}

/** The anchors that a set of VIBs brings; none where `sb` is missing or damaged. */
export function vibTrustAnchors(vibs: readonly Vib[]): Certificate[] {
  const payload = anchorVib(vibs)?.payloads.find(({ name }) => name === ANCHOR_PAYLOAD);
  if (payload === undefined) return [];
  try {
    const files = openPayload(payload).entries.filter(isFile);
    return readTrustAnchors(files.map(({ name, data }) => ({ path: name.replace(/^(\.?\/)+/, ''), data })));
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

/** Trust anchors of VIB signatures: certificates inside the verifier's own archive, payload `sb` (docs/decisions/0004). */
import { InputError } from '../bytes/errors.ts';
import { decodePem } from '../crypto/pem.ts';
import { type Certificate, parseCertificate } from '../crypto/x509.ts';
import { isFile, openPayload, type Vib } from '../vib/index.ts';

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

/** The anchors that a set of VIBs brings; none where `sb` is missing or damaged. */
export function vibTrustAnchors(vibs: readonly Vib[]): Certificate[] {
  const payload = vibs.flatMap((vib) => vib.payloads).find(({ name }) => name === ANCHOR_PAYLOAD);
  if (payload === undefined) return [];
  try {
    const files = openPayload(payload).entries.filter(isFile);
    return readTrustAnchors(files.map(({ name, data }) => ({ path: name.replace(/^(\.?\/)+/, ''), data })));
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

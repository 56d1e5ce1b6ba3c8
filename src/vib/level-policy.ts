/**
 * Which acceptance level a signer may claim: certificate policies, one per level, that the signer's certificate and every CA
 * between it and the trusted root assert (see docs/vib-signing.md). VMware's own convention is not public; this one is ours.
 */
import type { Certificate } from '../crypto/x509.ts';
import { ACCEPTANCE_LEVELS, type AcceptanceLevel } from './acceptance.ts';

/** The arc of the policies, below the enterprise number reserved for examples (RFC 5612). */
const ARC = '1.3.6.1.4.1.32473.8';

/** anyPolicy (RFC 5280, 4.2.1.4): a CA that may hand on every level. */
const ANY_POLICY = '2.5.29.32.0';

/** Certificate policy OID of each level that needs a signature. */
export const LEVEL_POLICY: Readonly<Record<AcceptanceLevel, string>> = {
  VMwareCertified: `${ARC}.1`,
  VMwareAccepted: `${ARC}.2`,
  PartnerSupported: `${ARC}.3`,
  CommunitySupported: `${ARC}.4`,
};

/**
 * The most trusted level that a path (leaf first, trusted root last) grants; undefined where it grants none. The root is
 * trusted for what it is, so its policies do not matter (RFC 5280, 6.1.1).
 */
export function grantedLevel(path: readonly Certificate[]): AcceptanceLevel | undefined {
  const judged = path.length === 1 ? path : path.slice(0, -1);
  const asserts = (certificate: Certificate, oid: string, depth: number): boolean =>
    certificate.policies?.includes(oid) === true || (depth > 0 && certificate.policies?.includes(ANY_POLICY) === true);
  return ACCEPTANCE_LEVELS.map((row) => row.level).find((level) =>
    judged.every((certificate, depth) => asserts(certificate, LEVEL_POLICY[level], depth)),
  );
}

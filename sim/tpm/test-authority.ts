/** Certificate authorities of simulated manufacturers: a root and the key that signs what it issues. Everything in them is fixed. */
import { concat, latin1 } from '../../src/bytes/bytes.ts';
import { derOid, derSequence, derSetOf } from '../../src/crypto/asn1-write.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodePrivateKeyPem, type PrivateKey } from '../../src/crypto/keys.ts';
import type { Extension } from '../../src/crypto/x509.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  createCertificate,
  keyUsage,
  subjectKeyIdentifier,
} from '../../src/crypto/x509-build.ts';
import type { NameInput } from '../../src/crypto/x509-name.ts';

/** certificatePolicies of a test authority: RFC 5280, 4.2.1.4 anyPolicy. */
export const ANY_POLICY = '2.5.29.32.0';

/** 2015-01-01 (before the oldest release simulated) and 2055-01-01, both at midnight UTC. */
export const VALIDITY = { notBefore: 1_420_070_400_000, notAfter: 2_682_374_400_000 } as const;

/** Positive 16-byte serial number that follows from what is certified. */
export function serialNumber(label: string, content: Uint8Array): Uint8Array {
  const serial = hash('sha256', concat(latin1(`${label}\0`), content)).slice(0, 16);
  // A leading 0x40 to 0x7F keeps the number positive and its length the same for every content.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** DER of a relative distinguished name with one attribute. `value` is its DER. */
export const nameAttribute = (oid: string, value: Uint8Array): Uint8Array => derSetOf(derSequence(derOid(oid), value));

/** Keys and names of an authority, from `sim/pki`. */
export interface AuthorityPki {
  readonly rootKey: string;
  readonly rootName: NameInput;
  readonly signerKey: string;
  readonly signerName: NameInput;
  /**
   * `ca` signs certificates. An attribute authority signs attribute certificates and is no CA (RFC 5755, 4.5); its certificate has no
   * keyUsage, as some verifiers of attribute certificates want keyCertSign in it, which only a CA may have.
   */
  readonly signer: 'ca' | 'attribute-authority';
}

/** An authority ready to sign. */
export interface Authority {
  readonly signerKey: PrivateKey;
  readonly signerName: NameInput;
  /** DER, the signer before the root. */
  readonly chain: readonly Uint8Array[];
}

/** The authority with its certificates. */
export function createAuthority(pki: AuthorityPki): Authority {
  const rootKey = decodePrivateKeyPem(pki.rootKey);
  const signerKey = decodePrivateKeyPem(pki.signerKey);
  const ca = (pathLength: number): Extension[] => [
    basicConstraints(true, pathLength),
    keyUsage(['keyCertSign', 'cRLSign']),
  ];
  const issue = (serial: bigint, subject: NameInput, publicKey: PrivateKey, role: readonly Extension[]) =>
    createCertificate(
      {
        serial,
        subject,
        issuer: pki.rootName,
        ...VALIDITY,
        publicKey,
        hash: 'sha384',
        extensions: [
          ...role,
          subjectKeyIdentifier(publicKey),
          authorityKeyIdentifier(rootKey),
          certificatePolicies([ANY_POLICY]),
        ],
      },
      rootKey,
    );
  const [root, signer] = pki.signer === 'ca' ? [ca(1), ca(0)] : [ca(0), [basicConstraints(false)]];
  return {
    signerKey,
    signerName: pki.signerName,
    chain: [issue(2n, pki.signerName, signerKey, signer), issue(1n, pki.rootName, rootKey, root)],
  };
}

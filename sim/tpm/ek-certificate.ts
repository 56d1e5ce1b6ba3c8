/**
 * Endorsement key certificates of the simulated manufacturer (TCG EK Credential Profile for TPM Family 2.0, 2.5, chapter 3):
 * root → intermediate → EK. Everything is fixed or follows from the EK, so the same TPM always has the same certificate.
 */
import { concat, latin1, toHex } from '../../src/bytes/bytes.ts';
import { derInteger, derOid, derSequence, derSetOf, derUtf8 } from '../../src/crypto/asn1-write.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodePrivateKeyPem, encodeSpki, type PrivateKey, type PublicKey } from '../../src/crypto/keys.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  createCertificate,
  extendedKeyUsage,
  keyUsage,
  rawExtension,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../src/crypto/x509-build.ts';
import {
  TPM_INTERMEDIATE_KEY_PEM,
  TPM_INTERMEDIATE_NAME,
  TPM_ROOT_KEY_PEM,
  TPM_ROOT_NAME,
} from '../pki/tpm-manufacturer.ts';
import type { TpmConfig } from './config.ts';

/** Object identifiers of the profile (TCG OID registry, 2.23.133). */
const OID = {
  tpmManufacturer: '2.23.133.2.1',
  tpmModel: '2.23.133.2.2',
  tpmVersion: '2.23.133.2.3',
  tpmSpecification: '2.23.133.2.16',
  ekCertificate: '2.23.133.8.1',
  subjectDirectoryAttributes: '2.5.29.9',
  /** certificatePolicies of a test authority: RFC 5280, 4.2.1.4 anyPolicy. */
  anyPolicy: '2.5.29.32.0',
} as const;

/** 2015-01-01 (before the oldest release simulated) and 2055-01-01, both at midnight UTC. */
const NOT_BEFORE = 1_420_070_400_000;
const NOT_AFTER = 2_682_374_400_000;

/** Family, level and revision in TPMSpecification (profile, 3.1.3). */
const SPECIFICATION = { family: '2.0', level: 0, revision: 159 } as const;

interface Authority {
  readonly rootKey: PrivateKey;
  readonly intermediateKey: PrivateKey;
  /** DER, the intermediate before the root. */
  readonly chain: readonly Uint8Array[];
}

function ca(
  serial: bigint,
  subject: typeof TPM_ROOT_NAME | typeof TPM_INTERMEDIATE_NAME,
  key: PrivateKey,
  rootKey: PrivateKey,
) {
  return createCertificate(
    {
      serial,
      subject,
      issuer: TPM_ROOT_NAME,
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
      publicKey: key,
      hash: 'sha384',
      extensions: [
        basicConstraints(true, key === rootKey ? 1 : 0),
        keyUsage(['keyCertSign', 'cRLSign']),
        subjectKeyIdentifier(key),
        authorityKeyIdentifier(rootKey),
        certificatePolicies([OID.anyPolicy]),
      ],
    },
    rootKey,
  );
}

let authority: Authority | undefined;

/** Made at first use: importing this module must cost nothing. */
function manufacturer(): Authority {
  if (authority === undefined) {
    const rootKey = decodePrivateKeyPem(TPM_ROOT_KEY_PEM);
    const intermediateKey = decodePrivateKeyPem(TPM_INTERMEDIATE_KEY_PEM);
    const intermediate = ca(2n, TPM_INTERMEDIATE_NAME, intermediateKey, rootKey);
    authority = { rootKey, intermediateKey, chain: [intermediate, ca(1n, TPM_ROOT_NAME, rootKey, rootKey)] };
  }
  return authority;
}

/** DER certificates above an EK certificate: the intermediate, then the root. */
export const ekCertificateChain = (): readonly Uint8Array[] => manufacturer().chain;

/** Two hexadecimal digits a byte in upper case, as TCG attributes write vendor identifiers and versions. */
const hexId = (bytes: Uint8Array): string => `id:${toHex(bytes).toUpperCase()}`;

const attribute = (oid: string, value: Uint8Array): Uint8Array => derSetOf(derSequence(derOid(oid), value));

/** Subject alternative name, critical because the subject is empty: manufacturer, model and version of the TPM (profile, 3.1.2). */
function tpmIdentity(config: TpmConfig) {
  const manufacturerId = new Uint8Array(4);
  manufacturerId.set(latin1(config.manufacturer));
  const version = new Uint8Array(4);
  new DataView(version.buffer).setUint32(0, Number(config.firmwareVersion >> 32n));
  const name = derSequence(
    attribute(OID.tpmManufacturer, derUtf8(hexId(manufacturerId))),
    attribute(OID.tpmModel, derUtf8(config.vendorString)),
    attribute(OID.tpmVersion, derUtf8(hexId(version))),
  );
  return { kind: 'directory', name } as const;
}

/** subjectDirectoryAttributes with TPMSpecification (profile, 3.1.3 and 3.2.9). */
function tpmSpecification(): Uint8Array {
  const { family, level, revision } = SPECIFICATION;
  const value = derSequence(derUtf8(family), derInteger(level), derInteger(revision));
  return derSequence(derSequence(derOid(OID.tpmSpecification), derSetOf(value)));
}

/** Positive 16-byte serial number that follows from the key. */
function serialOf(key: PublicKey): Uint8Array {
  const serial = hash('sha256', concat(latin1('EK certificate\0'), encodeSpki(key))).slice(0, 16);
  // A leading 0x40 to 0x7F keeps the number positive and its length the same for every key.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** DER certificate of an endorsement key, issued by the intermediate of {@link ekCertificateChain}. */
export function issueEkCertificate(key: PublicKey, config: TpmConfig): Uint8Array {
  const { intermediateKey } = manufacturer();
  return createCertificate(
    {
      serial: serialOf(key),
      subject: [],
      issuer: TPM_INTERMEDIATE_NAME,
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
      publicKey: key,
      hash: 'sha384',
      extensions: [
        subjectAltName([tpmIdentity(config)], true),
        basicConstraints(false),
        keyUsage([key.kind === 'rsa' ? 'keyEncipherment' : 'keyAgreement']),
        extendedKeyUsage([OID.ekCertificate]),
        rawExtension(OID.subjectDirectoryAttributes, tpmSpecification()),
        authorityKeyIdentifier(intermediateKey),
        certificatePolicies([OID.anyPolicy]),
      ],
    },
    intermediateKey,
  );
}

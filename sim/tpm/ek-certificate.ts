/**
 * Endorsement key certificates of the simulated manufacturer (TCG EK Credential Profile for TPM Family 2.0, 2.5, chapter 3):
 * root → intermediate → EK. Everything is fixed or follows from the EK, so the same TPM always has the same certificate.
 */
import { latin1, toHex, u32Bytes } from '../../src/bytes/bytes.ts';
import { derInteger, derOid, derSequence, derSetOf, derUtf8 } from '../../src/crypto/asn1-write.ts';
import { encodeSpki, type PublicKey } from '../../src/crypto/keys.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  createCertificate,
  extendedKeyUsage,
  keyUsage,
  rawExtension,
  subjectAltName,
} from '../../src/crypto/x509-build.ts';
import type { NameInput } from '../../src/crypto/x509-name.ts';
import {
  TPM_INTERMEDIATE_KEY_PEM,
  TPM_INTERMEDIATE_NAME,
  TPM_ROOT_KEY_PEM,
  TPM_ROOT_NAME,
} from '../pki/tpm-manufacturer.ts';
import type { TpmConfig } from './config.ts';
import {
  ANY_POLICY,
  type Authority,
  createAuthority,
  nameAttribute,
  serialNumber,
  VALIDITY,
} from './test-authority.ts';

/** Object identifiers of the profile (TCG OID registry, 2.23.133). */
const OID = {
  tpmManufacturer: '2.23.133.2.1',
  tpmModel: '2.23.133.2.2',
  tpmVersion: '2.23.133.2.3',
  tpmSpecification: '2.23.133.2.16',
  ekCertificate: '2.23.133.8.1',
  subjectDirectoryAttributes: '2.5.29.9',
} as const;

/** Family, level and revision in TPMSpecification (profile, 3.1.3). */
const SPECIFICATION = { family: '2.0', level: 0, revision: 159 } as const;

let authority: Authority | undefined;

/** Made at first use: importing this module must cost nothing. */
function manufacturer(): Authority {
  authority ??= createAuthority({
    rootKey: TPM_ROOT_KEY_PEM,
    rootName: TPM_ROOT_NAME,
    signerKey: TPM_INTERMEDIATE_KEY_PEM,
    signerName: TPM_INTERMEDIATE_NAME,
    signer: 'ca',
  });
  return authority;
}

/** DER certificates above an EK certificate: the intermediate, then the root. */
export const ekCertificateChain = (): readonly Uint8Array[] => manufacturer().chain;

/** Two hexadecimal digits a byte in upper case, as TCG attributes write vendor identifiers and versions. */
const hexId = (bytes: Uint8Array): string => `id:${toHex(bytes).toUpperCase()}`;

/** Subject alternative name, critical because the subject is empty: manufacturer, model and version of the TPM (profile, 3.1.2). */
function tpmIdentity(config: TpmConfig) {
  const manufacturerId = new Uint8Array(4);
  manufacturerId.set(latin1(config.manufacturer));
  const version = u32Bytes(Number(config.firmwareVersion >> 32n));
  const name = derSequence(
    nameAttribute(OID.tpmManufacturer, derUtf8(hexId(manufacturerId))),
    nameAttribute(OID.tpmModel, derUtf8(config.vendorString)),
    nameAttribute(OID.tpmVersion, derUtf8(hexId(version))),
  );
  return { kind: 'directory', name } as const;
}

/** subjectDirectoryAttributes with TPMSpecification (profile, 3.1.3 and 3.2.9). */
function tpmSpecification(): Uint8Array {
  const { family, level, revision } = SPECIFICATION;
  const value = derSequence(derUtf8(family), derInteger(level), derInteger(revision));
  return derSequence(derSequence(derOid(OID.tpmSpecification), derSetOf(value)));
}

/** Issuer and serial number of the certificate of an endorsement key: they follow from the key. */
export function ekCertificateId(key: PublicKey): { issuer: NameInput; serial: Uint8Array } {
  return { issuer: TPM_INTERMEDIATE_NAME, serial: serialNumber('EK certificate', encodeSpki(key)) };
}

/** DER certificate of an endorsement key, issued by the intermediate of {@link ekCertificateChain}. */
export function issueEkCertificate(key: PublicKey, config: TpmConfig): Uint8Array {
  const { signerKey } = manufacturer();
  return createCertificate(
    {
      ...ekCertificateId(key),
      subject: [],
      ...VALIDITY,
      publicKey: key,
      hash: 'sha384',
      extensions: [
        subjectAltName([tpmIdentity(config)], true),
        basicConstraints(false),
        keyUsage([key.kind === 'rsa' ? 'keyEncipherment' : 'keyAgreement']),
        extendedKeyUsage([OID.ekCertificate]),
        rawExtension(OID.subjectDirectoryAttributes, tpmSpecification()),
        authorityKeyIdentifier(signerKey),
        certificatePolicies([ANY_POLICY]),
      ],
    },
    signerKey,
  );
}

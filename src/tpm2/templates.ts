/** Public area templates: endorsement keys of the TCG EK Credential Profile and restricted signing keys for attestation. */
import { fromHex } from '../bytes/bytes.ts';
import { TPMA_OBJECT } from './attributes.ts';
import { TPM_ALG, TPM_ECC_CURVE } from './constants.ts';
import type { EccPublicArea, RsaPublicArea } from './structures/index.ts';

const EMPTY = new Uint8Array(0);

/**
 * PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256: whoever knows the endorsement hierarchy's authorisation may use the EK
 * (TCG EK Credential Profile 2.5, B.3.2 and B.6, PolicyA).
 */
export const EK_AUTH_POLICY_SHA256 = fromHex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa');

const EK_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.adminWithPolicy |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.decrypt;

const AK_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.userWithAuth |
  TPMA_OBJECT.noDA |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.sign;

const STORAGE_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.userWithAuth |
  TPMA_OBJECT.noDA |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.decrypt;

const NULL_SCHEME = { scheme: TPM_ALG.NULL } as const;
const NO_SYMMETRIC = { algorithm: TPM_ALG.NULL } as const;
const AES_128_CFB = { algorithm: TPM_ALG.AES, keyBits: 128, mode: TPM_ALG.CFB } as const;

/** EK template L-1: RSA 2048, storage (EK Credential Profile, B.3.3). */
export const EK_RSA2048: RsaPublicArea = {
  type: TPM_ALG.RSA,
  nameAlg: TPM_ALG.SHA256,
  objectAttributes: EK_ATTRIBUTES,
  authPolicy: EK_AUTH_POLICY_SHA256,
  parameters: { symmetric: AES_128_CFB, scheme: NULL_SCHEME, keyBits: 2048, exponent: 0 },
  unique: new Uint8Array(256),
};

/** EK template L-2: ECC NIST P-256, storage (EK Credential Profile, B.3.4). */
export const EK_ECC_P256: EccPublicArea = {
  type: TPM_ALG.ECC,
  nameAlg: TPM_ALG.SHA256,
  objectAttributes: EK_ATTRIBUTES,
  authPolicy: EK_AUTH_POLICY_SHA256,
  parameters: { symmetric: AES_128_CFB, scheme: NULL_SCHEME, curveID: TPM_ECC_CURVE.NIST_P256, kdf: NULL_SCHEME },
  unique: { x: new Uint8Array(32), y: new Uint8Array(32) },
};

/** Attestation key: RSA 2048, restricted signing, RSASSA with SHA-256. */
export const AK_RSA2048: RsaPublicArea = {
  type: TPM_ALG.RSA,
  nameAlg: TPM_ALG.SHA256,
  objectAttributes: AK_ATTRIBUTES,
  authPolicy: EMPTY,
  parameters: {
    symmetric: NO_SYMMETRIC,
    scheme: { scheme: TPM_ALG.RSASSA, hashAlg: TPM_ALG.SHA256 },
    keyBits: 2048,
    exponent: 0,
  },
  unique: EMPTY,
};

/** Attestation key: ECC NIST P-256, restricted signing, ECDSA with SHA-256. */
export const AK_ECC_P256: EccPublicArea = {
  type: TPM_ALG.ECC,
  nameAlg: TPM_ALG.SHA256,
  objectAttributes: AK_ATTRIBUTES,
  authPolicy: EMPTY,
  parameters: {
    symmetric: NO_SYMMETRIC,
    scheme: { scheme: TPM_ALG.ECDSA, hashAlg: TPM_ALG.SHA256 },
    curveID: TPM_ECC_CURVE.NIST_P256,
    kdf: NULL_SCHEME,
  },
  unique: { x: EMPTY, y: EMPTY },
};

/** Storage root key: ECC NIST P-256 (TCG TPM v2.0 Provisioning Guidance, 7.5.1, with an empty unique field). */
export const SRK_ECC_P256: EccPublicArea = {
  ...EK_ECC_P256,
  objectAttributes: STORAGE_ATTRIBUTES,
  authPolicy: EMPTY,
  unique: { x: EMPTY, y: EMPTY },
};

/** NV indices of EK certificates (EK Credential Profile, 2.2.1.4). */
export const EK_CERTIFICATE_INDEX = { rsa2048: 0x01c00002, eccP256: 0x01c0000a } as const;

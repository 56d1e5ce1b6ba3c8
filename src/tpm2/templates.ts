/** Public area templates: restricted signing keys for attestation, and a storage root key. */
import { TPMA_OBJECT } from './attributes.ts';
import { TPM_ALG, TPM_ECC_CURVE } from './constants.ts';
import { EK_ECC_P256 } from './ek-profile.ts';
import type { EccPublicArea, RsaPublicArea } from './structures/index.ts';

const EMPTY = new Uint8Array(0);

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

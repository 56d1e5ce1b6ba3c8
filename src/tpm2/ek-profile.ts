/**
 * Endorsement keys of the TCG EK Credential Profile for TPM Family 2.0 (version 2.5): templates of the Low Range (L) and the High
 * Range (H), their policies, and the NV indices of their certificates. H-5 (SM2) and H-7 (RSA 4096) are left out: no
 * simulated TPM has the one, and only those that are asked to the other.
 */
import { fromHex } from '../bytes/bytes.ts';
import { TPMA_NV, TPMA_OBJECT } from './attributes.ts';
import { TPM_ALG, TPM_ECC_CURVE } from './constants.ts';
import { hashSize } from './hash-alg.ts';
import type { EccPublicArea, RsaPublicArea, TPMS_NV_PUBLIC } from './structures/index.ts';

const EMPTY = new Uint8Array(0);

/** Policies of EKs with one name algorithm (profile, B.6), and the NV index one of them rests on. */
export interface EkPolicies {
  /** PolicySecret(TPM_RH_ENDORSEMENT): whoever knows the endorsement hierarchy's authorisation may use the EK. */
  readonly a: Uint8Array;
  /** PolicyOR(A, C): what High Range templates have. */
  readonly b: Uint8Array;
  /** PolicyAuthorizeNV of the policy index: the policy that whoever satisfies A wrote there. */
  readonly c: Uint8Array;
  /** Policy index I-1, I-2 or I-3. */
  readonly nvIndex: number;
}

/** Policies by the EK's name algorithm. */
export const EK_POLICIES: ReadonlyMap<number, EkPolicies> = new Map([
  [
    TPM_ALG.SHA256,
    {
      a: fromHex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'),
      b: fromHex('ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0'),
      c: fromHex('3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde'),
      nvIndex: 0x01c07f01,
    },
  ],
  [
    TPM_ALG.SHA384,
    {
      a: fromHex('8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53'),
      b: fromHex('b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12'),
      c: fromHex('d6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165'),
      nvIndex: 0x01c07f02,
    },
  ],
  [
    TPM_ALG.SHA512,
    {
      a: fromHex(
        '1e3b76502c8a1425aa0b7b3fc646a1b0fae063b03b5368f9c4cddecaff0891dd682bac1a85d4d832b781ea451915de5fc5bf0dc4a1917cd42fa041e3f998e0ee',
      ),
      b: fromHex(
        'b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a429c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea',
      ),
      c: fromHex(
        '589ee1e146544716e8deafe6db247b01b81e9f9c7dd16b814aa159138749105fba5388dd1dea702f35240c184933121e2c61b8f50d3ef91393a49a38c3f73fc8',
      ),
      nvIndex: 0x01c07f03,
    },
  ],
]);

/** Policies of EKs with this name algorithm; RangeError where the profile has none. */
export function ekPolicies(nameAlg: number): EkPolicies {
  const policies = EK_POLICIES.get(nameAlg);
  if (policies === undefined) throw new RangeError(`no EK policies for the name algorithm 0x${nameAlg.toString(16)}`);
  return policies;
}

/** Attributes of a policy index (profile, B.6.3): only who satisfies policy A writes it, everybody reads it. */
const POLICY_INDEX_ATTRIBUTES =
  TPMA_NV.policyWrite |
  TPMA_NV.writeAll |
  TPMA_NV.ppRead |
  TPMA_NV.ownerRead |
  TPMA_NV.authRead |
  TPMA_NV.policyRead |
  TPMA_NV.noDA |
  TPMA_NV.written;

/** Public area of the policy index of a name algorithm, written: policy C rests on its Name. It holds a TPMT_HA. */
export function ekPolicyIndex(nameAlg: number): TPMS_NV_PUBLIC {
  const { a, nvIndex } = ekPolicies(nameAlg);
  return { nvIndex, nameAlg, attributes: POLICY_INDEX_ATTRIBUTES, authPolicy: a, dataSize: 2 + hashSize(nameAlg) };
}

const LOW_ATTRIBUTES =
  TPMA_OBJECT.fixedTPM |
  TPMA_OBJECT.fixedParent |
  TPMA_OBJECT.sensitiveDataOrigin |
  TPMA_OBJECT.adminWithPolicy |
  TPMA_OBJECT.restricted |
  TPMA_OBJECT.decrypt;
const HIGH_ATTRIBUTES = LOW_ATTRIBUTES | TPMA_OBJECT.userWithAuth;

const NULL_SCHEME = { scheme: TPM_ALG.NULL } as const;
const aesCfb = (keyBits: 128 | 256) => ({ algorithm: TPM_ALG.AES, keyBits, mode: TPM_ALG.CFB }) as const;

/** EK template L-1: RSA 2048, storage (profile, B.3.3). */
export const EK_RSA2048: RsaPublicArea = {
  type: TPM_ALG.RSA,
  nameAlg: TPM_ALG.SHA256,
  objectAttributes: LOW_ATTRIBUTES,
  authPolicy: ekPolicies(TPM_ALG.SHA256).a,
  parameters: { symmetric: aesCfb(128), scheme: NULL_SCHEME, keyBits: 2048, exponent: 0 },
  unique: new Uint8Array(256),
};

/** EK template L-2: ECC NIST P-256, storage (profile, B.3.4). */
export const EK_ECC_P256: EccPublicArea = {
  type: TPM_ALG.ECC,
  nameAlg: TPM_ALG.SHA256,
  objectAttributes: LOW_ATTRIBUTES,
  authPolicy: ekPolicies(TPM_ALG.SHA256).a,
  parameters: { symmetric: aesCfb(128), scheme: NULL_SCHEME, curveID: TPM_ECC_CURVE.NIST_P256, kdf: NULL_SCHEME },
  unique: { x: new Uint8Array(32), y: new Uint8Array(32) },
};

/** High Range: usable with the key's own authorisation or policy B; `unique` is empty (profile, B.4). */
function highRsa(keyBits: number, nameAlg: RsaPublicArea['nameAlg'], symmetricBits: 128 | 256): RsaPublicArea {
  return {
    type: TPM_ALG.RSA,
    nameAlg,
    objectAttributes: HIGH_ATTRIBUTES,
    authPolicy: ekPolicies(nameAlg).b,
    parameters: { symmetric: aesCfb(symmetricBits), scheme: NULL_SCHEME, keyBits, exponent: 0 },
    unique: EMPTY,
  };
}

function highEcc(curveID: number, nameAlg: EccPublicArea['nameAlg'], symmetricBits: 128 | 256): EccPublicArea {
  return {
    type: TPM_ALG.ECC,
    nameAlg,
    objectAttributes: HIGH_ATTRIBUTES,
    authPolicy: ekPolicies(nameAlg).b,
    parameters: { symmetric: aesCfb(symmetricBits), scheme: NULL_SCHEME, curveID, kdf: NULL_SCHEME },
    unique: { x: EMPTY, y: EMPTY },
  };
}

/** The EKs this project knows: short names for specs, in the order of their NV indices. */
export const EK_KINDS = ['rsa2048', 'eccP256', 'rsa2048High', 'eccP256High', 'eccP384', 'eccP521', 'rsa3072'] as const;

/** An EK of the profile. */
export type EkKind = (typeof EK_KINDS)[number];

/** One EK of the profile. */
export interface EkTemplate {
  /** Name in the profile. */
  readonly template: string;
  readonly publicArea: RsaPublicArea | EccPublicArea;
  /** NV index of its certificate (profile, 2.2.1.4 and 2.2.1.5). */
  readonly certificateIndex: number;
}

/** Every EK: template and certificate index. */
export const EK_PROFILE: Readonly<Record<EkKind, EkTemplate>> = {
  rsa2048: { template: 'L-1', publicArea: EK_RSA2048, certificateIndex: 0x01c00002 },
  eccP256: { template: 'L-2', publicArea: EK_ECC_P256, certificateIndex: 0x01c0000a },
  rsa2048High: {
    template: 'H-1',
    publicArea: highRsa(2048, TPM_ALG.SHA256, 128),
    certificateIndex: 0x01c00012,
  },
  eccP256High: {
    template: 'H-2',
    publicArea: highEcc(TPM_ECC_CURVE.NIST_P256, TPM_ALG.SHA256, 128),
    certificateIndex: 0x01c00014,
  },
  eccP384: {
    template: 'H-3',
    publicArea: highEcc(TPM_ECC_CURVE.NIST_P384, TPM_ALG.SHA384, 256),
    certificateIndex: 0x01c00016,
  },
  eccP521: {
    template: 'H-4',
    publicArea: highEcc(TPM_ECC_CURVE.NIST_P521, TPM_ALG.SHA512, 256),
    certificateIndex: 0x01c00018,
  },
  rsa3072: {
    template: 'H-6',
    publicArea: highRsa(3072, TPM_ALG.SHA384, 256),
    certificateIndex: 0x01c0001c,
  },
};

/** First NV index of the CA certificates above the EK certificates, DER after DER (profile, 2.2.1.5.2). */
export const EK_CHAIN_INDEX = 0x01c00100;

/** First NV index of platform certificates (TCG Registry of Reserved TPM 2.0 Handles and Localities, 2.2.2). */
export const PLATFORM_CERTIFICATE_INDEX = 0x01c08000;

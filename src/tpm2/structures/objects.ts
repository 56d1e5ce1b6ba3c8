/** Public and sensitive areas, creation data, credentials, tickets (TPM 2.0 Library specification, Part 2, 10.7, 11.1.14 to 12.4, 15). */
import {
  type Codec,
  type Infer,
  oneOf,
  oneOfOrExtra,
  sized,
  sizedOptional,
  struct,
  tpm2b,
  u16,
  u32,
  variant,
} from '../codec.ts';
import { TPM_ALG, TPM_ST } from '../constants.ts';
import { TPM_RC } from '../response-code.ts';
import {
  MAX_DIGEST,
  TPM_ALG_ID,
  TPM_ST_TAG,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPMA_LOCALITY,
  TPMA_OBJECT_BITS,
  TPMI_ALG_HASH,
  TPMI_ALG_HASH_NULL,
  TPMI_ECC_CURVE,
  TPMI_RH_HIERARCHY,
} from './base.ts';
import { TPML_PCR_SELECTION } from './pcr.ts';
import {
  MAX_ECC_KEY_BYTES,
  MAX_RSA_KEY_BYTES,
  TPM2B_ECC_PARAMETER,
  TPM2B_PUBLIC_KEY_RSA,
  TPMS_ECC_POINT,
  TPMT_ECC_SCHEME,
  TPMT_KDF_SCHEME,
  TPMT_KDF_SCHEME_OF_CURVE,
  TPMT_KEYEDHASH_SCHEME,
  TPMT_RSA_SCHEME,
  TPMT_SYM_DEF_OBJECT,
  TPMT_SYM_DEF_OBJECT_GIVEN,
  UP_TO_3072,
} from './schemes.ts';

const A = TPM_ALG;
/** Part 2, 12.2.2 */
export const TPMI_ALG_PUBLIC = oneOf('TPMI_ALG_PUBLIC', u16, [A.RSA, A.KEYEDHASH, A.ECC, A.SYMCIPHER], TPM_RC.TYPE);

/** Part 2, 11.2.4.6 */
export const TPMI_RSA_KEY_BITS = oneOfOrExtra(
  'TPMI_RSA_KEY_BITS',
  u16,
  [1024, 2048, 3072],
  { value: 4096, algorithm: 'rsa4096' },
  TPM_RC.VALUE,
);

/** Part 2, 12.2.3.4 and 12.2.3.5 */
export const TPMS_RSA_PARMS = struct('TPMS_RSA_PARMS', 'Part 2, 12.2.3.5', {
  symmetric: TPMT_SYM_DEF_OBJECT,
  scheme: TPMT_RSA_SCHEME,
  keyBits: TPMI_RSA_KEY_BITS,
  exponent: u32,
});
/** Part 2, 12.2.3.6 */
export const TPMS_ECC_PARMS = struct('TPMS_ECC_PARMS', 'Part 2, 12.2.3.6', {
  symmetric: TPMT_SYM_DEF_OBJECT,
  scheme: TPMT_ECC_SCHEME,
  curveID: TPMI_ECC_CURVE,
  kdf: TPMT_KDF_SCHEME,
});
export type TPMS_RSA_PARMS = Infer<typeof TPMS_RSA_PARMS>;
export type TPMS_ECC_PARMS = Infer<typeof TPMS_ECC_PARMS>;

const KINDS = {
  [A.KEYEDHASH]: {
    parameters: struct('TPMS_KEYEDHASH_PARMS', 'Part 2, 12.2.3.3', { scheme: TPMT_KEYEDHASH_SCHEME }),
  },
  [A.SYMCIPHER]: { parameters: struct('TPMS_SYMCIPHER_PARMS', 'Part 2, 11.1.9', { sym: TPMT_SYM_DEF_OBJECT_GIVEN }) },
  [A.RSA]: { parameters: TPMS_RSA_PARMS },
  [A.ECC]: { parameters: TPMS_ECC_PARMS },
};

/** Part 2, 12.2.3.8 */
export const TPMT_PUBLIC_PARMS = variant(
  'TPMT_PUBLIC_PARMS',
  'Part 2, 12.2.3.8',
  { type: TPMI_ALG_PUBLIC },
  'type',
  KINDS,
);

const UNIQUE = {
  [A.KEYEDHASH]: { ...KINDS[A.KEYEDHASH], unique: TPM2B_DIGEST },
  [A.SYMCIPHER]: { ...KINDS[A.SYMCIPHER], unique: TPM2B_DIGEST },
  [A.RSA]: { ...KINDS[A.RSA], unique: TPM2B_PUBLIC_KEY_RSA },
  [A.ECC]: { ...KINDS[A.ECC], unique: TPMS_ECC_POINT },
};
/** Part 2, 12.2.4; nameAlg may be TPM_ALG_NULL. */
export const TPMT_PUBLIC = variant(
  'TPMT_PUBLIC',
  'Part 2, 12.2.4',
  {
    type: TPMI_ALG_PUBLIC,
    nameAlg: TPMI_ALG_HASH_NULL,
    objectAttributes: TPMA_OBJECT_BITS,
    authPolicy: TPM2B_DIGEST,
  },
  'type',
  UNIQUE,
);
export type TPMT_PUBLIC = Infer<typeof TPMT_PUBLIC>;
/** Where an object must have a Name (TPMT_PUBLIC without the `+`): nameAlg TPM_ALG_NULL is refused. */
const TPMT_PUBLIC_NAMED: Codec<TPMT_PUBLIC> = variant(
  'TPMT_PUBLIC',
  'Part 2, 12.2.4',
  { type: TPMI_ALG_PUBLIC, nameAlg: TPMI_ALG_HASH, objectAttributes: TPMA_OBJECT_BITS, authPolicy: TPM2B_DIGEST },
  'type',
  UNIQUE,
);
export type RsaPublicArea = Extract<TPMT_PUBLIC, { type: typeof TPM_ALG.RSA }>;
export type EccPublicArea = Extract<TPMT_PUBLIC, { type: typeof TPM_ALG.ECC }>;
/** Part 2, 12.2.5 */
export const TPM2B_PUBLIC = sized('TPM2B_PUBLIC', TPMT_PUBLIC_NAMED);
/** Where the object may have no Name. */
export const TPM2B_PUBLIC_NULL = sized('TPM2B_PUBLIC+', TPMT_PUBLIC);
/** Bytes of a reference TPM's memory for a public area (TPMT_PUBLIC) with RSA keys of up to 3,072 bits. */
const LARGEST_TEMPLATE = 484;
/** Part 2, 12.2.6: an unparsed template of TPM2_CreateLoaded and TPM2_PolicyTemplate. */
export const TPM2B_TEMPLATE = tpm2b('TPM2B_TEMPLATE', LARGEST_TEMPLATE + 128, {
  without: LARGEST_TEMPLATE,
  algorithm: 'rsa4096',
});

/** Part 2, 11.1.14: largest sealed data. */
export const TPM2B_SENSITIVE_DATA = tpm2b('TPM2B_SENSITIVE_DATA', 128);
/** Part 2, 11.1.15 */
export const TPMS_SENSITIVE_CREATE = struct('TPMS_SENSITIVE_CREATE', 'Part 2, 11.1.15', {
  userAuth: TPM2B_AUTH,
  data: TPM2B_SENSITIVE_DATA,
});
export const TPM2B_SENSITIVE_CREATE = sized('TPM2B_SENSITIVE_CREATE', TPMS_SENSITIVE_CREATE);

const secret = (name: string, max: number) => ({ sensitive: tpm2b(name, max) });
/** Part 2, 12.3.2.4 */
export const TPMT_SENSITIVE = variant(
  'TPMT_SENSITIVE',
  'Part 2, 12.3.2.4',
  { sensitiveType: TPMI_ALG_PUBLIC, authValue: TPM2B_AUTH, seedValue: TPM2B_DIGEST },
  'sensitiveType',
  {
    [A.RSA]: {
      sensitive: tpm2b('TPM2B_PRIVATE_KEY_RSA', MAX_RSA_KEY_BYTES / 2, { without: 192, algorithm: 'rsa4096' }),
    },
    [A.ECC]: secret('TPM2B_ECC_PARAMETER', MAX_ECC_KEY_BYTES),
    [A.KEYEDHASH]: secret('TPM2B_SENSITIVE_DATA', 128),
    [A.SYMCIPHER]: secret('TPM2B_SYM_KEY', 32),
  },
);
export type TPMT_SENSITIVE = Infer<typeof TPMT_SENSITIVE>;
/** Part 2, 12.3.3; absent where an object is loaded without its secret. */
export const TPM2B_SENSITIVE = sizedOptional('TPM2B_SENSITIVE', TPMT_SENSITIVE);
/** Part 2, 11.1.11: what tells apart the keys derived from one parent. */
export const TPMS_DERIVE = struct('TPMS_DERIVE', 'Part 2, 11.1.11', {
  label: tpm2b('TPM2B_LABEL', 32),
  context: tpm2b('TPM2B_LABEL', 32),
});
export type TPMS_DERIVE = Infer<typeof TPMS_DERIVE>;
/** Part 2, 12.2.6: a template whose unique field is a TPMS_DERIVE. */
export const DERIVED_TEMPLATE = variant(
  'TPMT_TEMPLATE',
  'Part 2, 12.2.6',
  { type: TPMI_ALG_PUBLIC, nameAlg: TPMI_ALG_HASH, objectAttributes: TPMA_OBJECT_BITS, authPolicy: TPM2B_DIGEST },
  'type',
  {
    [A.KEYEDHASH]: { ...KINDS[A.KEYEDHASH], unique: TPMS_DERIVE },
    [A.SYMCIPHER]: { ...KINDS[A.SYMCIPHER], unique: TPMS_DERIVE },
    [A.RSA]: { ...KINDS[A.RSA], unique: TPMS_DERIVE },
    [A.ECC]: { ...KINDS[A.ECC], unique: TPMS_DERIVE },
  },
);
/** The template of an object that is not derived. */
export const NAMED_TEMPLATE: Codec<TPMT_PUBLIC> = TPMT_PUBLIC_NAMED;
/** Part 2, 11.2.5.3 */
export const TPM2B_ECC_POINT = sized('TPM2B_ECC_POINT', TPMS_ECC_POINT);
/** Part 2, 11.2.6: everything about a curve. */
export const TPMS_ALGORITHM_DETAIL_ECC = struct('TPMS_ALGORITHM_DETAIL_ECC', 'Part 2, 11.2.6', {
  curveID: u16,
  keySize: u16,
  kdf: TPMT_KDF_SCHEME_OF_CURVE,
  sign: TPMT_ECC_SCHEME,
  p: TPM2B_ECC_PARAMETER,
  a: TPM2B_ECC_PARAMETER,
  b: TPM2B_ECC_PARAMETER,
  gX: TPM2B_ECC_PARAMETER,
  gY: TPM2B_ECC_PARAMETER,
  n: TPM2B_ECC_PARAMETER,
  h: TPM2B_ECC_PARAMETER,
});
/**
 * Part 2, 12.3.7: as large as the memory of a reference TPM for it (_PRIVATE), in which an RSA key of up to 3,072 bits has all of its
 * numbers.
 */
export const TPM2B_PRIVATE = tpm2b('TPM2B_PRIVATE', 2048, { without: 1230, algorithm: 'rsa4096' });

/** Part 2, 15.1 */
export const TPMS_CREATION_DATA = struct('TPMS_CREATION_DATA', 'Part 2, 15.1', {
  pcrSelect: TPML_PCR_SELECTION,
  pcrDigest: TPM2B_DIGEST,
  locality: TPMA_LOCALITY,
  parentNameAlg: TPM_ALG_ID,
  parentName: TPM2B_NAME,
  parentQualifiedName: TPM2B_NAME,
  outsideInfo: TPM2B_DATA,
});
/** Part 2, 15.2 */
export const TPM2B_CREATION_DATA = sized('TPM2B_CREATION_DATA', TPMS_CREATION_DATA);

/** The tag of a ticket: TPM_RC_VALUE where it is no tag at all, TPM_RC_TAG where it is that of something else. */
const ticketTag = (name: string, tags: readonly number[]) => oneOf(`${name} tag`, TPM_ST_TAG, tags, TPM_RC.TAG);

const ticket = (name: string, spec: string, tag: number) =>
  struct(name, spec, {
    tag: ticketTag(name, [tag]),
    hierarchy: TPMI_RH_HIERARCHY,
    digest: TPM2B_DIGEST,
  });
/** Part 2, 10.7.3 to 10.7.6 */
export const TPMT_TK_CREATION = ticket('TPMT_TK_CREATION', 'Part 2, 10.7.3', TPM_ST.CREATION);
export const TPMT_TK_VERIFIED = ticket('TPMT_TK_VERIFIED', 'Part 2, 10.7.4', TPM_ST.VERIFIED);
export const TPMT_TK_HASHCHECK = ticket('TPMT_TK_HASHCHECK', 'Part 2, 10.7.6', TPM_ST.HASHCHECK);
export const TPMT_TK_AUTH = struct('TPMT_TK_AUTH', 'Part 2, 10.7.5', {
  tag: ticketTag('TPMT_TK_AUTH', [TPM_ST.AUTH_SIGNED, TPM_ST.AUTH_SECRET]),
  hierarchy: TPMI_RH_HIERARCHY,
  digest: TPM2B_DIGEST,
});

/** Part 2, 11.4.3: an RSA-encrypted or ECC-point secret. */
export const TPM2B_ENCRYPTED_SECRET = tpm2b('TPM2B_ENCRYPTED_SECRET', MAX_RSA_KEY_BYTES, UP_TO_3072);
/** Part 2, 12.4.3: integrity HMAC (TPM2B) and the encrypted TPM2B_DIGEST of the credential, kept as bytes. */
export const TPM2B_ID_OBJECT = tpm2b('TPM2B_ID_OBJECT', 2 + MAX_DIGEST + 2 + MAX_DIGEST);

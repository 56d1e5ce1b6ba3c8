/** Algorithm parameters and schemes (TPM 2.0 Library specification, Part 2, chapter 11). */
import { type Codec, fixedBytes, type Infer, oneOf, oneOfOrExtra, struct, tpm2b, u16, variant } from '../codec.ts';
import { TPM_ALG } from '../constants.ts';
import { TPM_RC } from '../response-code.ts';
import { TPM_ALG_ID, TPMI_ALG_HASH, TPMI_ALG_HASH_NULL } from './base.ts';

const A = TPM_ALG;
const alg = (name: string, values: readonly number[], rc: number): Codec<number> => oneOf(name, u16, values, rc);

/** Largest RSA modulus in bytes. */
export const MAX_RSA_KEY_BYTES = 512;
/** A TPM without keys of that size has room for those of 3,072 bits. */
export const UP_TO_3072 = { without: 384, algorithm: 'rsa4096' } as const;
/** Largest coordinate of a curve point in bytes (BN P-638). */
export const MAX_ECC_KEY_BYTES = 80;

/** Part 2, 11.1.1: the AES key sizes of PC Client TPMs, and the one between them. */
export const TPMI_AES_KEY_BITS = oneOfOrExtra(
  'TPMI_AES_KEY_BITS',
  u16,
  [128, 256],
  { value: 192, algorithm: 'aes192' },
  TPM_RC.VALUE,
);
/** Part 2, 11.1.1: two keys or three, each counted with its parity. */
export const TPMI_TDES_KEY_BITS = oneOf('TPMI_TDES_KEY_BITS', u16, [128, 192], TPM_RC.VALUE);
/** Part 2, 11.1.1 */
export const TPMI_CAMELLIA_KEY_BITS = oneOf('TPMI_CAMELLIA_KEY_BITS', u16, [128, 256], TPM_RC.VALUE);
const CIPHER_MODES = [A.CTR, A.OFB, A.CBC, A.CFB, A.ECB];
/** Part 2, 9.37: modes that encrypt. */
export const TPMI_ALG_CIPHER_MODE_NULL = alg('TPMI_ALG_CIPHER_MODE+', [...CIPHER_MODES, A.NULL], TPM_RC.MODE);
/** Part 2, 9.31: of a key, which may also be one for CMAC. */
export const TPMI_ALG_SYM_MODE_NULL = alg('TPMI_ALG_SYM_MODE+', [...CIPHER_MODES, A.CMAC, A.NULL], TPM_RC.MODE);
/** TPMU_SYM_KEY_BITS and TPMU_SYM_MODE of the block ciphers. */
const BLOCK_CIPHERS = {
  [A.TDES]: { keyBits: TPMI_TDES_KEY_BITS, mode: TPMI_ALG_SYM_MODE_NULL },
  [A.AES]: { keyBits: TPMI_AES_KEY_BITS, mode: TPMI_ALG_SYM_MODE_NULL },
  [A.CAMELLIA]: { keyBits: TPMI_CAMELLIA_KEY_BITS, mode: TPMI_ALG_SYM_MODE_NULL },
};
const CIPHERS = [A.TDES, A.AES, A.CAMELLIA];

/** Part 2, 11.1.6: for session parameter encryption. */
export const TPMT_SYM_DEF = variant(
  'TPMT_SYM_DEF',
  'Part 2, 11.1.6',
  { algorithm: alg('TPMI_ALG_SYM+', [...CIPHERS, A.XOR, A.NULL], TPM_RC.SYMMETRIC) },
  'algorithm',
  { ...BLOCK_CIPHERS, [A.XOR]: { keyBits: TPMI_ALG_HASH }, [A.NULL]: {} },
);
export type TPMT_SYM_DEF = Infer<typeof TPMT_SYM_DEF>;

/** Part 2, 11.1.7: for objects. */
export const TPMT_SYM_DEF_OBJECT = variant(
  'TPMT_SYM_DEF_OBJECT',
  'Part 2, 11.1.7',
  { algorithm: alg('TPMI_ALG_SYM_OBJECT+', [...CIPHERS, A.NULL], TPM_RC.SYMMETRIC) },
  'algorithm',
  { ...BLOCK_CIPHERS, [A.NULL]: {} },
);
export type TPMT_SYM_DEF_OBJECT = Infer<typeof TPMT_SYM_DEF_OBJECT>;
/** Where there must be a cipher: none is refused when it is read (written it can be, to see that). */
export const TPMT_SYM_DEF_OBJECT_GIVEN: Codec<TPMT_SYM_DEF_OBJECT> = {
  ...variant(
    'TPMT_SYM_DEF_OBJECT',
    'Part 2, 11.1.7',
    { algorithm: alg('TPMI_ALG_SYM_OBJECT', CIPHERS, TPM_RC.SYMMETRIC) },
    'algorithm',
    BLOCK_CIPHERS,
  ),
  write: TPMT_SYM_DEF_OBJECT.write,
};

const HASHED = { hashAlg: TPMI_ALG_HASH };
/** Schemes whose parameters are a hash, plus ECDAA, which also has a count. */
const ECDAA = { hashAlg: TPMI_ALG_HASH, count: u16 };
const SIGNING = {
  [A.RSASSA]: HASHED,
  [A.RSAPSS]: HASHED,
  [A.ECDSA]: HASHED,
  [A.ECDAA]: ECDAA,
  [A.SM2]: HASHED,
  [A.ECSCHNORR]: HASHED,
};

/** Part 2, 11.2.1.5 */
export const TPMT_SIG_SCHEME = variant(
  'TPMT_SIG_SCHEME',
  'Part 2, 11.2.1.5',
  {
    scheme: alg(
      'TPMI_ALG_SIG_SCHEME+',
      [A.RSASSA, A.RSAPSS, A.ECDSA, A.ECDAA, A.SM2, A.ECSCHNORR, A.HMAC, A.NULL],
      TPM_RC.SCHEME,
    ),
  },
  'scheme',
  { ...SIGNING, [A.HMAC]: HASHED, [A.NULL]: {} },
);
export type TPMT_SIG_SCHEME = Infer<typeof TPMT_SIG_SCHEME>;

/** Part 2, 11.1.23 */
export const TPMT_KEYEDHASH_SCHEME = variant(
  'TPMT_KEYEDHASH_SCHEME',
  'Part 2, 11.1.23',
  { scheme: alg('TPMI_ALG_KEYEDHASH_SCHEME+', [A.HMAC, A.XOR, A.NULL], TPM_RC.VALUE) },
  'scheme',
  {
    [A.HMAC]: HASHED,
    [A.XOR]: {
      hashAlg: TPMI_ALG_HASH,
      kdf: alg('TPMI_ALG_KDF+', [A.MGF1, A.KDF1_SP800_56A, A.KDF2, A.KDF1_SP800_108, A.NULL], TPM_RC.KDF),
    },
    [A.NULL]: {},
  },
);

const kdfScheme = (hashed: { readonly hashAlg: Codec<number> }) =>
  variant(
    'TPMT_KDF_SCHEME',
    'Part 2, 11.2.3.3',
    { scheme: alg('TPMI_ALG_KDF+', [A.MGF1, A.KDF1_SP800_56A, A.KDF2, A.KDF1_SP800_108, A.NULL], TPM_RC.KDF) },
    'scheme',
    { [A.MGF1]: hashed, [A.KDF1_SP800_56A]: hashed, [A.KDF2]: hashed, [A.KDF1_SP800_108]: hashed, [A.NULL]: {} },
  );
/** Part 2, 11.2.3.3 */
export const TPMT_KDF_SCHEME = kdfScheme(HASHED);
/** What a curve is registered with: a hash that the TPM need not have (SM3 with SM2 P-256). */
export const TPMT_KDF_SCHEME_OF_CURVE = kdfScheme({ hashAlg: TPM_ALG_ID });

const RSA_SCHEMES = { [A.RSASSA]: HASHED, [A.RSAPSS]: HASHED, [A.RSAES]: {}, [A.OAEP]: HASHED, [A.NULL]: {} };
/** Part 2, 11.2.4.2 */
export const TPMT_RSA_SCHEME = variant(
  'TPMT_RSA_SCHEME',
  'Part 2, 11.2.4.2',
  { scheme: alg('TPMI_ALG_RSA_SCHEME+', [A.RSASSA, A.RSAPSS, A.RSAES, A.OAEP, A.NULL], TPM_RC.VALUE) },
  'scheme',
  RSA_SCHEMES,
);
/** Part 2, 11.2.4.4 */
export const TPMT_RSA_DECRYPT = variant(
  'TPMT_RSA_DECRYPT',
  'Part 2, 11.2.4.4',
  { scheme: alg('TPMI_ALG_RSA_DECRYPT+', [A.RSAES, A.OAEP, A.NULL], TPM_RC.VALUE) },
  'scheme',
  { [A.RSAES]: {}, [A.OAEP]: HASHED, [A.NULL]: {} },
);
/** Part 2, 11.2.5.5: schemes of a two-phase key exchange. */
export const TPMI_ECC_KEY_EXCHANGE = alg('TPMI_ECC_KEY_EXCHANGE', [A.ECDH, A.ECMQV, A.SM2], TPM_RC.SCHEME);
/** Part 2, 11.2.5.6 */
export const TPMT_ECC_SCHEME = variant(
  'TPMT_ECC_SCHEME',
  'Part 2, 11.2.5.6',
  {
    scheme: alg('TPMI_ALG_ECC_SCHEME+', [A.ECDSA, A.ECDAA, A.SM2, A.ECSCHNORR, A.ECDH, A.ECMQV, A.NULL], TPM_RC.SCHEME),
  },
  'scheme',
  {
    [A.ECDSA]: HASHED,
    [A.ECDAA]: ECDAA,
    [A.SM2]: HASHED,
    [A.ECSCHNORR]: HASHED,
    [A.ECDH]: HASHED,
    [A.ECMQV]: HASHED,
    [A.NULL]: {},
  },
);
/** Any asymmetric scheme, for structures that hold one by reference. */
export type AsymmetricScheme = Infer<typeof TPMT_RSA_SCHEME> | Infer<typeof TPMT_ECC_SCHEME>;

/** Part 2, 11.2.4.5 */
export const TPM2B_PUBLIC_KEY_RSA = tpm2b('TPM2B_PUBLIC_KEY_RSA', MAX_RSA_KEY_BYTES, UP_TO_3072);
/** Part 2, 11.2.5.1 */
export const TPM2B_ECC_PARAMETER = tpm2b('TPM2B_ECC_PARAMETER', MAX_ECC_KEY_BYTES);
/** Part 2, 11.2.5.2 */
export const TPMS_ECC_POINT = struct('TPMS_ECC_POINT', 'Part 2, 11.2.5.2', {
  x: TPM2B_ECC_PARAMETER,
  y: TPM2B_ECC_PARAMETER,
});

const RSA_SIGNATURE = { hash: TPMI_ALG_HASH, sig: TPM2B_PUBLIC_KEY_RSA };
const ECC_SIGNATURE = { hash: TPMI_ALG_HASH, signatureR: TPM2B_ECC_PARAMETER, signatureS: TPM2B_ECC_PARAMETER };
const SIGNATURES = [A.RSASSA, A.RSAPSS, A.ECDSA, A.ECDAA, A.SM2, A.ECSCHNORR, A.HMAC];
/** TPMU_SIGNATURE of HMAC: a TPMT_HA, here with its fixed digest read by algorithm. */
const hmacDigest = variant('TPMT_HA', 'Part 2, 10.3.2', { hashAlg: TPMI_ALG_HASH_NULL }, 'hashAlg', {
  [A.SHA1]: { digest: fixedBytes('TPMU_HA', 20) },
  [A.SHA256]: { digest: fixedBytes('TPMU_HA', 32) },
  [A.SHA384]: { digest: fixedBytes('TPMU_HA', 48) },
  [A.SHA512]: { digest: fixedBytes('TPMU_HA', 64) },
});

const signature = (name: string, algorithms: readonly number[]) => alg(name, algorithms, TPM_RC.SCHEME);
const SIGNED = {
  [A.RSASSA]: RSA_SIGNATURE,
  [A.RSAPSS]: RSA_SIGNATURE,
  [A.ECDSA]: ECC_SIGNATURE,
  [A.ECDAA]: ECC_SIGNATURE,
  [A.SM2]: ECC_SIGNATURE,
  [A.ECSCHNORR]: ECC_SIGNATURE,
  [A.HMAC]: { hmac: hmacDigest },
};
/** Part 2, 11.3.4; sigAlg may be TPM_ALG_NULL. */
export const TPMT_SIGNATURE = variant(
  'TPMT_SIGNATURE',
  'Part 2, 11.3.4',
  { sigAlg: signature('TPMI_ALG_SIG_SCHEME+', [...SIGNATURES, A.NULL]) },
  'sigAlg',
  { ...SIGNED, [A.NULL]: {} },
);
/** A signature to be checked: there must be one. */
export const TPMT_SIGNATURE_GIVEN: Codec<TPMT_SIGNATURE> = variant(
  'TPMT_SIGNATURE',
  'Part 2, 11.3.4',
  { sigAlg: signature('TPMI_ALG_SIG_SCHEME', SIGNATURES) },
  'sigAlg',
  SIGNED,
);
export type TPMT_SIGNATURE = Infer<typeof TPMT_SIGNATURE>;

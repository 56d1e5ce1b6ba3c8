/** Public areas and external keys for the differential tests of keys. */

import { deriveEcKey, deriveRsaKey, KeyStream } from '../../sim/tpm/primary-keys.ts';
import { concat, utf8 } from '../../src/bytes/bytes.ts';
import { hash } from '../../src/crypto/hash.ts';
import type { CurveName, EcPrivateKey } from '../../src/crypto/primitives.ts';
import * as T from '../../src/tpm2/index.ts';

const { TPM_ALG: A, TPMA_OBJECT: O } = T;
export const EMPTY = new Uint8Array(0);
export const NULL_SCHEME = { scheme: A.NULL } as const;
export const NO_SYMMETRIC = { algorithm: A.NULL } as const;
export const AES = { algorithm: A.AES, keyBits: 128, mode: A.CFB } as const;
export const USER = O.userWithAuth | O.noDA;
export const MADE = USER | O.sensitiveDataOrigin;
export const FIXED = O.fixedTPM | O.fixedParent;

export const rsa = (attributes: number, scheme: object = NULL_SCHEME, change: object = {}): T.TPMT_PUBLIC =>
  ({
    type: A.RSA,
    nameAlg: A.SHA256,
    objectAttributes: attributes,
    authPolicy: EMPTY,
    parameters: { symmetric: NO_SYMMETRIC, scheme, keyBits: 2048, exponent: 0, ...change },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;
export const ecc = (attributes: number, scheme: object = NULL_SCHEME, change: object = {}): T.TPMT_PUBLIC =>
  ({
    type: A.ECC,
    nameAlg: A.SHA256,
    objectAttributes: attributes,
    authPolicy: EMPTY,
    parameters: { symmetric: NO_SYMMETRIC, scheme, curveID: 3, kdf: NULL_SCHEME, ...change },
    unique: { x: EMPTY, y: EMPTY },
  }) as T.TPMT_PUBLIC;
export const keyedHash = (attributes: number, scheme: object = NULL_SCHEME): T.TPMT_PUBLIC =>
  ({
    type: A.KEYEDHASH,
    nameAlg: A.SHA256,
    objectAttributes: attributes,
    authPolicy: EMPTY,
    parameters: { scheme },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;
export const cipher = (attributes: number, sym: object = AES): T.TPMT_PUBLIC =>
  ({
    type: A.SYMCIPHER,
    nameAlg: A.SHA256,
    objectAttributes: attributes,
    authPolicy: EMPTY,
    parameters: { sym },
    unique: EMPTY,
  }) as T.TPMT_PUBLIC;

export const ECDSA = { scheme: A.ECDSA, hashAlg: A.SHA256 };
export const HMAC = { scheme: A.HMAC, hashAlg: A.SHA256 };
export const XOR = { scheme: A.XOR, hashAlg: A.SHA256, kdf: A.KDF1_SP800_108 };
export const STORAGE = O.restricted | O.decrypt;
export const rsaKey = deriveRsaKey(new KeyStream(utf8('test'), 'PRIMARY KEY', EMPTY), 1024);
export const ecKey = deriveEcKey(new KeyStream(utf8('test'), 'PRIMARY KEY', EMPTY), 'P-256');
export const seed = new Uint8Array(32).fill(3);

/** Keys from outside, with their secrets. */
export const external: Record<string, { inPublic: T.TPMT_PUBLIC; sensitive: T.TPMT_SENSITIVE }> = {
  RSA: {
    inPublic: { ...rsa(USER | O.sign | O.decrypt, NULL_SCHEME, { keyBits: 1024 }), unique: rsaKey.n } as T.TPMT_PUBLIC,
    sensitive: { sensitiveType: A.RSA, authValue: EMPTY, seedValue: EMPTY, sensitive: rsaKey.p },
  },
  ECC: {
    inPublic: { ...ecc(USER | O.sign | O.decrypt), unique: { x: ecKey.x, y: ecKey.y } } as T.TPMT_PUBLIC,
    sensitive: { sensitiveType: A.ECC, authValue: EMPTY, seedValue: EMPTY, sensitive: ecKey.d },
  },
  HMAC: {
    inPublic: { ...keyedHash(USER | O.sign, HMAC), unique: hash('sha256', concat(seed, seed)) } as T.TPMT_PUBLIC,
    sensitive: { sensitiveType: A.KEYEDHASH, authValue: EMPTY, seedValue: seed, sensitive: seed },
  },
  AES: {
    inPublic: {
      ...cipher(USER | O.sign | O.decrypt),
      unique: hash('sha256', concat(seed, seed.subarray(0, 16))),
    } as T.TPMT_PUBLIC,
    sensitive: { sensitiveType: A.SYMCIPHER, authValue: EMPTY, seedValue: seed, sensitive: seed.subarray(0, 16) },
  },
};

/** A public area and its private part, for TPM2_LoadExternal. */
export interface Sample {
  readonly inPublic: T.TPMT_PUBLIC;
  readonly sensitive: T.TPMT_SENSITIVE;
}

/** One of {@link external}, with other parameters or attributes. */
export function sample(name: string, parameters?: object, attributes?: number): Sample {
  const { inPublic, sensitive } = external[name] as Sample;
  return {
    inPublic: {
      ...inPublic,
      ...(parameters && { parameters: { ...inPublic.parameters, ...parameters } }),
      ...(attributes !== undefined && { objectAttributes: attributes }),
    } as T.TPMT_PUBLIC,
    sensitive,
  };
}

/** Every curve with its TPM_ECC_CURVE. */
export const CURVE_IDS: readonly (readonly [CurveName, number])[] = [
  ['P-192', T.TPM_ECC_CURVE.NIST_P192],
  ['P-224', T.TPM_ECC_CURVE.NIST_P224],
  ['P-256', T.TPM_ECC_CURVE.NIST_P256],
  ['P-384', T.TPM_ECC_CURVE.NIST_P384],
  ['P-521', T.TPM_ECC_CURVE.NIST_P521],
  ['BN P-256', T.TPM_ECC_CURVE.BN_P256],
  ['BN P-638', T.TPM_ECC_CURVE.BN_P638],
  ['SM2 P-256', T.TPM_ECC_CURVE.SM2_P256],
];

/** A key pair on a curve, another for each text. */
export const keyOn = (curve: CurveName, text: string): EcPrivateKey =>
  deriveEcKey(new KeyStream(utf8(text), 'PRIMARY KEY', EMPTY), curve);

/** A key pair for TPM2_LoadExternal, by default for everything. */
export const sampleOn = (
  [curve, curveID]: readonly [CurveName, number],
  { scheme = NULL_SCHEME as object, attributes = USER | O.sign | O.decrypt, key = keyOn(curve, 'test') } = {},
): Sample => ({
  inPublic: { ...ecc(attributes, scheme, { curveID }), unique: { x: key.x, y: key.y } } as T.TPMT_PUBLIC,
  sensitive: { sensitiveType: A.ECC, authValue: EMPTY, seedValue: EMPTY, sensitive: key.d },
});

/** The ticket of a digest that this TPM did not make. */
export const NO_TICKET = { tag: T.TPM_ST.HASHCHECK, hierarchy: T.TPM_RH.NULL, digest: EMPTY };

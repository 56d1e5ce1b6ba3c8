/** Signatures of loaded keys and the choice of their scheme (TPM 2.0 Library specification, Part 3, 18.1 and 20.2). */
import { fromBigInt, toBigInt, trimLeadingZeros } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { signEcdaa, signSchnorr, signSm2 } from '../../src/crypto/ecc-schemes.ts';
import { type EcdsaSignature, signEcdsa } from '../../src/crypto/ecdsa.ts';
import { HASH_SIZE, hmac } from '../../src/crypto/hash.ts';
import type { CurveName, EcPrivateKey, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import { signPkcs1, signPss } from '../../src/crypto/rsa.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { requireHash } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_SIG_SCHEME, TPMT_SIGNATURE } from '../../src/tpm2/structures/index.ts';
import { committedScalar, endCommitment } from './commitments.ts';
import { random, type Tpm } from './context.ts';
import { isAsymmetric, isSigner } from './object-kinds.ts';
import { deriveEcKey } from './primary-keys.ts';
import { ephemeralStream } from './protection.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

const A = TPM_ALG;

/** A scheme that was settled. Without a signing key both are TPM_ALG_NULL. */
export interface SigningScheme {
  readonly scheme: number;
  readonly hashAlg: number;
  /** ECDAA: the counter of the commitment to use. */
  readonly count?: number;
}

/** Hash of a settled scheme. */
export const signingHash = (scheme: SigningScheme): number => scheme.hashAlg;

/** Names of the handle and parameter to blame. */
export interface Blame {
  readonly key: string;
  readonly scheme: string;
}

/** Whether a scheme hides which key signed: it needs a commitment, and what it attests names no key. */
export const isAnonymous = (scheme: number): boolean => scheme === A.ECDAA;

const NO_SIGNATURE: SigningScheme = { scheme: A.NULL, hashAlg: A.NULL };

/** The scheme in the key's public area; undefined where the key leaves it open. */
function keyScheme({ publicArea }: TpmObject): SigningScheme | undefined {
  if (publicArea.type === A.SYMCIPHER) return undefined;
  const { scheme } = publicArea.parameters;
  return 'hashAlg' in scheme ? { scheme: scheme.scheme, hashAlg: scheme.hashAlg } : undefined;
}

function given(inScheme: TPMT_SIG_SCHEME): SigningScheme | undefined {
  if (!('hashAlg' in inScheme)) return undefined;
  const { scheme, hashAlg } = inScheme;
  return 'count' in inScheme ? { scheme, hashAlg, count: inScheme.count } : { scheme, hashAlg };
}

const SCHEMES: ReadonlyMap<number, readonly number[]> = new Map([
  [A.RSA, [A.RSASSA, A.RSAPSS]],
  [A.ECC, [A.ECDSA, A.ECDAA, A.SM2, A.ECSCHNORR]],
  [A.KEYEDHASH, [A.HMAC]],
]);

/** Whether keys of this kind sign with a scheme. */
const fitsKind = ({ publicArea }: TpmObject, scheme: number): boolean =>
  SCHEMES.get(publicArea.type)?.includes(scheme) === true;

/**
 * The scheme a key signs with: its own, or the caller's where the key has none; they must not disagree. Without a key
 * (TPM_RH_NULL) there is no signature.
 */
export function selectSigningScheme(
  key: TpmObject | undefined,
  inScheme: TPMT_SIG_SCHEME,
  blame: Blame,
): SigningScheme {
  if (key === undefined) return NO_SIGNATURE;
  if (!isSigner(key)) throw refuse(TPM_RC.KEY, blame.key);
  const own = keyScheme(key);
  const theirs = given(inScheme);
  const bad = (): never => {
    throw refuse(TPM_RC.SCHEME, blame.scheme);
  };
  if (own === undefined) return theirs !== undefined && fitsKind(key, theirs.scheme) ? theirs : bad();
  // An anonymous scheme needs the caller to say which commitment.
  if (theirs === undefined) return isAnonymous(own.scheme) ? bad() : own;
  return own.scheme === theirs.scheme && own.hashAlg === theirs.hashAlg ? theirs : bad();
}

function signRsa(
  tpm: Tpm,
  key: RsaPrivateKey,
  { scheme, hashAlg: hash }: SigningScheme,
  digest: Uint8Array,
): TPMT_SIGNATURE {
  const name = requireHash(hash);
  const size = HASH_SIZE[name];
  switch (scheme) {
    case A.RSASSA:
      return { sigAlg: A.RSASSA, hash, sig: signPkcs1(key, name, digest) };
    case A.RSAPSS: {
      // A small key leaves less room for the salt than the digest takes (FIPS 186-4, 5.5 e).
      const room = key.n.length - digest.length - 2;
      if (room < 0) throw refuse(TPM_RC.VALUE);
      return { sigAlg: A.RSAPSS, hash, sig: signPss(key, name, digest, random(tpm, Math.min(size, room))) };
    }
    default:
      throw refuse(TPM_RC.SCHEME);
  }
}

/** Attempts before a scheme with random nonces counts as impossible with a key: one in 2^192 or fewer nonces does not do. */
const ATTEMPTS = 8;

/** A signature of a scheme that takes a random nonce. */
function withNonce(
  tpm: Tpm,
  { curve }: EcPrivateKey,
  attempt: (nonce: Uint8Array) => EcdsaSignature | undefined,
): EcdsaSignature {
  for (let i = 0; i < ATTEMPTS; i++) {
    const signature = attempt(deriveEcKey(ephemeralStream(tpm), curve).d);
    if (signature !== undefined) return signature;
  }
  throw refuse(TPM_RC.NO_RESULT);
}

/**
 * The public nonce of an ECDAA signature (Part 1, C.4.2): a random number below the order of the curve whatever the hash, without
 * zeros in front, as libtpms writes it.
 */
function anonymousNonce(tpm: Tpm, curve: CurveName): Uint8Array {
  const { size, order } = CURVES[curve];
  // With 64 bits more than the order has, what a division leaves is as good as even (FIPS 186-5, A.2.1).
  const value = (toBigInt(random(tpm, size + 8)) % (order - 1n)) + 1n;
  return trimLeadingZeros(fromBigInt(value, size));
}

/** ECDAA with the commitment of the counter, which ends with it. */
function anonymous(
  tpm: Tpm,
  object: TpmObject,
  key: EcPrivateKey,
  scheme: SigningScheme,
  digest: Uint8Array,
): EcdsaSignature {
  const name = requireHash(scheme.hashAlg);
  const r = scheme.count === undefined ? undefined : committedScalar(tpm, scheme.count, key.curve, object.name);
  if (r === undefined || scheme.count === undefined) throw refuse(TPM_RC.VALUE);
  const signature = signEcdaa(key, name, digest, r, anonymousNonce(tpm, key.curve));
  if (signature === undefined) throw refuse(TPM_RC.NO_RESULT);
  endCommitment(tpm, scheme.count);
  return signature;
}

function signEcc(
  tpm: Tpm,
  object: TpmObject,
  key: EcPrivateKey,
  scheme: SigningScheme,
  digest: Uint8Array,
): TPMT_SIGNATURE {
  const hash = scheme.hashAlg;
  const name = requireHash(hash);
  const parts = ({ r, s }: EcdsaSignature) => ({ hash, signatureR: r, signatureS: s });
  switch (scheme.scheme) {
    case A.ECDSA:
      return { sigAlg: A.ECDSA, ...parts(signEcdsa(key, name, digest)) };
    case A.ECSCHNORR:
      return { sigAlg: A.ECSCHNORR, ...parts(withNonce(tpm, key, (k) => signSchnorr(key, name, digest, k))) };
    case A.SM2:
      return { sigAlg: A.SM2, ...parts(withNonce(tpm, key, (k) => signSm2(key, digest, k))) };
    case A.ECDAA:
      return { sigAlg: A.ECDAA, ...parts(anonymous(tpm, object, key, scheme, digest)) };
    default:
      throw refuse(TPM_RC.SCHEME);
  }
}

/** HMAC of a digest with a key of a keyed hash object. */
export function signHmac(object: TpmObject, hashAlg: number, digest: Uint8Array): TPMT_SIGNATURE {
  const mac = { hashAlg, digest: hmac(requireHash(hashAlg), object.sensitive.data, digest) };
  return { sigAlg: A.HMAC, hmac: mac as Extract<TPMT_SIGNATURE, { sigAlg: typeof A.HMAC }>['hmac'] };
}

/**
 * Signs a digest made with the scheme's hash; the signature is TPM_ALG_NULL without a key. Salts are as long as the digest
 * where they fit; ECDSA nonces follow RFC 6979.
 */
export function signDigest(
  tpm: Tpm,
  object: TpmObject | undefined,
  scheme: SigningScheme,
  digest: Uint8Array,
): TPMT_SIGNATURE {
  if (object === undefined) return { sigAlg: A.NULL };
  const { key } = object;
  if (key?.kind === 'rsa') return signRsa(tpm, key, scheme, digest);
  if (key?.kind === 'ec') return signEcc(tpm, object, key, scheme, digest);
  if (isAsymmetric(object.publicArea) || scheme.scheme !== A.HMAC) throw refuse(TPM_RC.SCHEME);
  return signHmac(object, scheme.hashAlg, digest);
}

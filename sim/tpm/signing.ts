/** Signatures of loaded keys and the choice of their scheme (TPM 2.0 Library specification, Part 3, 18.1 and 20.2). */

import { signEcdsa } from '../../src/crypto/ecdsa.ts';
import { signPkcs1, signPss } from '../../src/crypto/rsa.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashSize, requireHash } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_SIG_SCHEME, TPMT_SIGNATURE } from '../../src/tpm2/structures/index.ts';
import { random, type Tpm } from './context.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

const A = TPM_ALG;

/** A scheme that was settled: it has a hash. */
export interface SigningScheme {
  readonly scheme: number;
  readonly hashAlg: number;
}

/** Hash of a settled scheme. */
export const signingHash = (scheme: SigningScheme): number => scheme.hashAlg;

/** Names of the handle and parameter to blame. */
interface Blame {
  readonly key: string;
  readonly scheme: string;
}

const IMPLEMENTED: Readonly<Record<'rsa' | 'ec', readonly number[]>> = {
  rsa: [A.RSASSA, A.RSAPSS],
  ec: [A.ECDSA],
};

/** The scheme in the key's public area; undefined where the key leaves it open. */
function keyScheme(key: TpmObject): SigningScheme | undefined {
  const { publicArea } = key;
  if (publicArea.type !== A.RSA && publicArea.type !== A.ECC) return undefined;
  const { scheme } = publicArea.parameters;
  return 'hashAlg' in scheme ? { scheme: scheme.scheme, hashAlg: scheme.hashAlg } : undefined;
}

/** The scheme a key signs with: its own, or the caller's where the key has none; they must not disagree. */
export function selectSigningScheme(key: TpmObject, inScheme: TPMT_SIG_SCHEME, blame: Blame): SigningScheme {
  if (!has(key.publicArea.objectAttributes, TPMA_OBJECT.sign) || key.key === undefined) {
    throw refuse(TPM_RC.KEY, blame.key);
  }
  const own = keyScheme(key);
  const given = 'hashAlg' in inScheme ? { scheme: inScheme.scheme, hashAlg: inScheme.hashAlg } : undefined;
  const chosen = own ?? given;
  if (chosen === undefined || !IMPLEMENTED[key.key.kind].includes(chosen.scheme)) {
    throw refuse(TPM_RC.SCHEME, blame.scheme);
  }
  if (own !== undefined && given !== undefined && (own.scheme !== given.scheme || own.hashAlg !== given.hashAlg)) {
    throw refuse(TPM_RC.SCHEME, blame.scheme);
  }
  return chosen;
}

/** Signs a digest made with the scheme's hash. Salts are as long as the digest; ECDSA nonces follow RFC 6979. */
export function signDigest(tpm: Tpm, object: TpmObject, scheme: SigningScheme, digest: Uint8Array): TPMT_SIGNATURE {
  const { key } = object;
  const hash = scheme.hashAlg;
  const name = requireHash(hash);
  if (key?.kind === 'ec' && scheme.scheme === A.ECDSA) {
    const { r, s } = signEcdsa(key, name, digest);
    return { sigAlg: A.ECDSA, hash, signatureR: r, signatureS: s };
  }
  if (key?.kind === 'rsa' && scheme.scheme === A.RSASSA) {
    return { sigAlg: A.RSASSA, hash, sig: signPkcs1(key, name, digest) };
  }
  if (key?.kind === 'rsa' && scheme.scheme === A.RSAPSS) {
    // A small key leaves less room for the salt than the digest takes (FIPS 186-4, 5.5 e).
    const room = key.n.length - digest.length - 2;
    if (room < 0) throw refuse(TPM_RC.VALUE);
    return { sigAlg: A.RSAPSS, hash, sig: signPss(key, name, digest, random(tpm, Math.min(hashSize(hash), room))) };
  }
  throw refuse(TPM_RC.SCHEME);
}

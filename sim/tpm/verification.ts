/** Checking signatures with loaded keys (TPM 2.0 Library specification, Part 3, 20.1). */
import { primitives } from '#primitives';
import { equalBytes } from '../../src/bytes/bytes.ts';
import { verifySchnorr, verifySm2 } from '../../src/crypto/ecc-schemes.ts';
import { verifyPkcs1, verifyPss } from '../../src/crypto/rsa.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { requireHash } from '../../src/tpm2/hash-alg.ts';
import { givenKeyOf } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_SIGNATURE } from '../../src/tpm2/structures/index.ts';
import { signHmac } from './signing.ts';
import type { TpmObject } from './state.ts';

const A = TPM_ALG;

const verdict = (good: boolean): number => (good ? 0 : TPM_RC.SIGNATURE);

function asymmetric(object: TpmObject, digest: Uint8Array, signature: TPMT_SIGNATURE): number {
  // Without a name algorithm nothing binds the private key to the public one, and it is the public one that verifies.
  const bound = object.publicArea.nameAlg === A.NULL ? undefined : object.key;
  const key = bound ?? givenKeyOf(object.publicArea);
  switch (signature.sigAlg) {
    case A.RSASSA:
      if (key.kind !== 'rsa') return TPM_RC.SCHEME;
      return verdict(verifyPkcs1(key, requireHash(signature.hash), digest, signature.sig));
    case A.RSAPSS:
      if (key.kind !== 'rsa') return TPM_RC.SCHEME;
      return verdict(verifyPss(key, requireHash(signature.hash), digest, signature.sig));
    case A.ECDSA:
      if (key.kind !== 'ec') return TPM_RC.SCHEME;
      return verdict(primitives.ecdsaVerifyDigest(key, digest, signature.signatureR, signature.signatureS));
    case A.SM2:
      if (key.kind !== 'ec') return TPM_RC.SCHEME;
      return verdict(verifySm2(key, digest, { r: signature.signatureR, s: signature.signatureS }));
    case A.ECSCHNORR: {
      if (key.kind !== 'ec') return TPM_RC.SCHEME;
      const parts = { r: signature.signatureR, s: signature.signatureS };
      return verdict(verifySchnorr(key, requireHash(signature.hash), digest, parts));
    }
    default:
      return TPM_RC.SCHEME;
  }
}

/** Response code (without a place) for a signature of a digest, or 0 where the key made it. */
export function signatureProblem(object: TpmObject, digest: Uint8Array, signature: TPMT_SIGNATURE): number {
  const { type } = object.publicArea;
  if (signature.sigAlg === A.NULL) return TPM_RC.SIGNATURE;
  if (type === A.RSA || type === A.ECC) return asymmetric(object, digest, signature);
  if (type !== A.KEYEDHASH) return TPM_RC.SCHEME;
  if (object.publicOnly) return TPM_RC.HANDLE;
  if (signature.sigAlg !== A.HMAC) return TPM_RC.SCHEME;
  const expected = signHmac(object, signature.hmac.hashAlg, digest);
  return verdict(expected.sigAlg === A.HMAC && equalBytes(expected.hmac.digest, signature.hmac.digest));
}

/** Whether a signature was made by a key (TPM 2.0 Library specification, Part 3, 20.1 and 23.3). */
import { primitives } from '#primitives';
import { equalBytes } from '../../src/bytes/bytes.ts';
import { hmac } from '../../src/crypto/hash.ts';
import { verifyPkcs1, verifyPss } from '../../src/crypto/rsa.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { requireHash } from '../../src/tpm2/hash-alg.ts';
import { publicKeyOf } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_SIGNATURE } from '../../src/tpm2/structures/index.ts';
import type { TpmObject } from './state.ts';

function keyedHashStatus(
  { publicArea, publicOnly, sensitive }: TpmObject,
  digest: Uint8Array,
  signature: TPMT_SIGNATURE,
) {
  if (publicOnly) return TPM_RC.HANDLE;
  if (publicArea.type !== TPM_ALG.KEYEDHASH || signature.sigAlg !== TPM_ALG.HMAC) return TPM_RC.SCHEME;
  const { scheme } = publicArea.parameters;
  if (scheme.scheme === TPM_ALG.NULL) return TPM_RC.SCHEME;
  const { hashAlg } = signature.hmac;
  if (scheme.scheme !== TPM_ALG.HMAC || scheme.hashAlg !== hashAlg || !('digest' in signature.hmac)) {
    return TPM_RC.SIGNATURE;
  }
  const expected = hmac(requireHash(hashAlg), sensitive.data, digest);
  return equalBytes(expected, signature.hmac.digest) ? 0 : TPM_RC.SIGNATURE;
}

/** Response code (without place) of a signature over `digest`, or 0 where `object` made it. */
export function signatureStatus(object: TpmObject, digest: Uint8Array, signature: TPMT_SIGNATURE): number {
  const { publicArea } = object;
  if (publicArea.type === TPM_ALG.KEYEDHASH) return keyedHashStatus(object, digest, signature);
  if (publicArea.type === TPM_ALG.SYMCIPHER) return TPM_RC.SYMMETRIC;
  const key = publicKeyOf(publicArea);
  let good: boolean;
  if (key.kind === 'rsa' && signature.sigAlg === TPM_ALG.RSASSA) {
    good = verifyPkcs1(key, requireHash(signature.hash), digest, signature.sig);
  } else if (key.kind === 'rsa' && signature.sigAlg === TPM_ALG.RSAPSS) {
    good = verifyPss(key, requireHash(signature.hash), digest, signature.sig);
  } else if (key.kind === 'ec' && signature.sigAlg === TPM_ALG.ECDSA) {
    good = primitives.ecdsaVerifyDigest(key, digest, signature.signatureR, signature.signatureS);
  } else {
    return TPM_RC.SCHEME;
  }
  return good ? 0 : TPM_RC.SIGNATURE;
}

/** Which keys make HMACs of data, and with which hash (TPM 2.0 Library specification, Part 3, 15.5 and 17.2). */
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

/** Key and hash for an HMAC; refuses with the fault of the named handle or parameter. */
export function hmacKeyOf(
  { publicArea, sensitive }: TpmObject,
  hashAlg: number,
  blame: { readonly key: string; readonly hash: string },
): { key: Uint8Array; hash: number } {
  if (publicArea.type !== TPM_ALG.KEYEDHASH) throw refuse(TPM_RC.TYPE, blame.key);
  const { scheme } = publicArea.parameters;
  const own = scheme.scheme === TPM_ALG.HMAC ? scheme.hashAlg : TPM_ALG.NULL;
  const hash = own === TPM_ALG.NULL ? hashAlg : own;
  if (hash === TPM_ALG.NULL || (hashAlg !== TPM_ALG.NULL && hashAlg !== hash)) throw refuse(TPM_RC.VALUE, blame.hash);
  if (has(publicArea.objectAttributes, TPMA_OBJECT.restricted)) throw refuse(TPM_RC.ATTRIBUTES, blame.key);
  if (!has(publicArea.objectAttributes, TPMA_OBJECT.sign)) throw refuse(TPM_RC.KEY, blame.key);
  return { key: sensitive.data, hash };
}

/** Which keys make HMACs of data, and with which hash (TPM 2.0 Library specification, Part 3, 15.5 and 17.2). */
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

/** Key and hash for an HMAC; refuses with the fault of the named handle or parameter. */
export function hmacKeyOf(
  { publicArea, sensitive, sequence }: TpmObject,
  hashAlg: number,
  blame: { readonly key: string; readonly hash: string },
): { key: Uint8Array; hash: number } {
  const own = sequence === undefined ? macOf(publicArea) : undefined;
  if (own === undefined) throw refuse(TPM_RC.TYPE, blame.key);
  const hash = own === TPM_ALG.NULL ? hashAlg : own;
  if (hash === TPM_ALG.NULL || (hashAlg !== TPM_ALG.NULL && hashAlg !== hash)) throw refuse(TPM_RC.VALUE, blame.hash);
  // A cipher makes no HMAC, and this TPM has no other MAC.
  if (publicArea.type === TPM_ALG.SYMCIPHER) throw refuse(TPM_RC.SCHEME, blame.hash);
  if (has(publicArea.objectAttributes, TPMA_OBJECT.restricted)) throw refuse(TPM_RC.ATTRIBUTES, blame.key);
  if (!has(publicArea.objectAttributes, TPMA_OBJECT.sign)) throw refuse(TPM_RC.KEY, blame.key);
  return { key: sensitive.data, hash };
}

/** What a key says about its MAC: a hash, the mode of a cipher, TPM_ALG_NULL for nothing; undefined where it cannot make one. */
function macOf(area: TPMT_PUBLIC): number | undefined {
  switch (area.type) {
    case TPM_ALG.KEYEDHASH:
      return 'hashAlg' in area.parameters.scheme ? area.parameters.scheme.hashAlg : TPM_ALG.NULL;
    case TPM_ALG.SYMCIPHER:
      return 'mode' in area.parameters.sym ? area.parameters.sym.mode : TPM_ALG.NULL;
    default:
      return undefined;
  }
}

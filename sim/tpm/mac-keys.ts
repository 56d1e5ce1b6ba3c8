/** Which keys make MACs of data, and how (TPM 2.0 Library specification, Part 3, 15.5, 15.6, 17.2 and 17.3). */
import { type CmacState, finishCmac, startCmac } from '../../src/crypto/cmac.ts';
import type { HashName } from '../../src/crypto/primitives.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { blockCipherOf } from '../../src/tpm2/block-cipher.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashName, requireHash } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

/** How data are authenticated: with a hash and a key, or by a CMAC that has not begun. */
export type Mac = { readonly hash: HashName; readonly key: Uint8Array } | CmacState;

/** How a key makes the MAC of `scheme` (TPM_ALG_NULL: its own); refuses with the fault of the named handle or parameter. */
export function macOf(
  { publicArea, sensitive, sequence }: TpmObject,
  scheme: number,
  blame: { readonly key: string; readonly scheme: string },
): Mac {
  const own = sequence === undefined ? ownScheme(publicArea) : undefined;
  if (own === undefined) throw refuse(TPM_RC.TYPE, blame.key);
  const used = own === TPM_ALG.NULL ? scheme : own;
  if (used === TPM_ALG.NULL || (scheme !== TPM_ALG.NULL && scheme !== used)) throw refuse(TPM_RC.VALUE, blame.scheme);
  const cipher = publicArea.type === TPM_ALG.SYMCIPHER ? blockCipherOf(publicArea.parameters.sym) : undefined;
  const fits = cipher === undefined ? hashName(used) !== undefined : used === TPM_ALG.CMAC;
  if (!fits) throw refuse(TPM_RC.SCHEME, blame.scheme);
  if (has(publicArea.objectAttributes, TPMA_OBJECT.restricted)) throw refuse(TPM_RC.ATTRIBUTES, blame.key);
  if (!has(publicArea.objectAttributes, TPMA_OBJECT.sign)) throw refuse(TPM_RC.KEY, blame.key);
  if (cipher !== undefined) return startCmac(cipher.name, sensitive.data);
  return { hash: requireHash(used), key: sensitive.data };
}

/** What a key says about its MAC: a hash, the mode of a cipher, TPM_ALG_NULL for nothing; undefined where it cannot make one. */
function ownScheme(area: TPMT_PUBLIC): number | undefined {
  switch (area.type) {
    case TPM_ALG.KEYEDHASH:
      return 'hashAlg' in area.parameters.scheme ? area.parameters.scheme.hashAlg : TPM_ALG.NULL;
    case TPM_ALG.SYMCIPHER:
      return 'mode' in area.parameters.sym ? area.parameters.sym.mode : TPM_ALG.NULL;
    default:
      return undefined;
  }
}

/** R_b of blocks of 128 bits, which libtpms takes also for those of triple DES. */
const REDUCTION = 0x87;

/** The CMAC of everything so far, as libtpms makes it: that of SP 800-38B for all ciphers but triple DES. */
export const tpmCmac = (state: CmacState): Uint8Array => finishCmac(state, REDUCTION);

/** What an object can be used for (TPM 2.0 Library specification, Part 1, 23 and 25). */
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import type { TpmObject } from './state.ts';

/** An RSA or EC key. */
export const isAsymmetric = ({ type }: TPMT_PUBLIC): boolean => type === TPM_ALG.RSA || type === TPM_ALG.ECC;

/** A restricted decryption key: the public area of a parent. */
export const isStorage = ({ objectAttributes }: TPMT_PUBLIC): boolean =>
  has(objectAttributes, TPMA_OBJECT.restricted) && has(objectAttributes, TPMA_OBJECT.decrypt);

const isAnyParent = (object: TpmObject): boolean =>
  isStorage(object.publicArea) &&
  object.publicOnly !== true &&
  object.external !== true &&
  object.publicArea.nameAlg !== TPM_ALG.NULL;

/** An object that others can be created, loaded and imported under. */
export const isParent = (object: TpmObject): boolean =>
  isAnyParent(object) && object.publicArea.type !== TPM_ALG.KEYEDHASH;

/** An object that others can be derived from. */
export const isDerivationParent = (object: TpmObject): boolean =>
  isAnyParent(object) && object.publicArea.type === TPM_ALG.KEYEDHASH;

/** A key that makes signatures. */
export const isSigner = ({ publicArea }: TpmObject): boolean =>
  has(publicArea.objectAttributes, TPMA_OBJECT.sign) && publicArea.type !== TPM_ALG.SYMCIPHER;

/** Rules for the public area of a new object (TPM 2.0 Library specification, Part 1, 25 and 27; Part 3, 12.1 and 24.1). */
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashName, hashSize } from '../../src/tpm2/hash-alg.ts';
import { RSA_DEFAULT_EXPONENT } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { EccPublicArea, RsaPublicArea, TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { refuse } from './refusal.ts';

const A = TPM_ALG;
const RSA_SIZES: readonly number[] = [1024, 2048, 3072];

/** What the creator of an object brings. */
export interface Creation {
  /** Bytes of sensitive data given by the caller. */
  readonly dataSize: number;
  /** Created from a primary seed rather than under a parent. */
  readonly primary: boolean;
}

function checkOrigin(area: TPMT_PUBLIC, { dataSize, primary }: Creation, field: string): void {
  const attributes = area.objectAttributes;
  const ownData = has(attributes, TPMA_OBJECT.sensitiveDataOrigin);
  if (!ownData && dataSize === 0) throw refuse(TPM_RC.ATTRIBUTES, field);
  switch (area.type) {
    case A.KEYEDHASH:
      if (!has(attributes, TPMA_OBJECT.sign | TPMA_OBJECT.decrypt) && ownData) throw refuse(TPM_RC.ATTRIBUTES, field);
      break;
    case A.SYMCIPHER:
      break;
    default:
      if (!ownData) throw refuse(TPM_RC.ATTRIBUTES, field);
  }
  // The data of a primary object only varies its derivation; below a parent it would be the secret itself.
  if (!primary && ownData && dataSize !== 0) throw refuse(TPM_RC.ATTRIBUTES, field);
}

function checkAttributes(area: TPMT_PUBLIC, field: string): void {
  const attributes = area.objectAttributes;
  const bad = (): never => {
    throw refuse(TPM_RC.ATTRIBUTES, field);
  };
  // Under a fixedTPM parent (a primary seed counts as one), fixedParent and fixedTPM go together.
  if (has(attributes, TPMA_OBJECT.fixedTPM) !== has(attributes, TPMA_OBJECT.fixedParent)) bad();
  if (has(attributes, TPMA_OBJECT.encryptedDuplication) && has(attributes, TPMA_OBJECT.fixedTPM)) bad();
  const sign = has(attributes, TPMA_OBJECT.sign);
  const decrypt = has(attributes, TPMA_OBJECT.decrypt);
  if (has(attributes, TPMA_OBJECT.restricted) && sign === decrypt) bad();
}

/** Scheme rules shared by both kinds of asymmetric keys; `signing` and `decrypting` are the schemes of the kind. */
function checkAsymmetricScheme(
  area: RsaPublicArea | EccPublicArea,
  signing: readonly number[],
  decrypting: readonly number[],
  field: string,
): void {
  const attributes = area.objectAttributes;
  const { scheme } = area.parameters.scheme;
  const sign = has(attributes, TPMA_OBJECT.sign);
  const decrypt = has(attributes, TPMA_OBJECT.decrypt);
  const restricted = has(attributes, TPMA_OBJECT.restricted);
  const storage = restricted && decrypt;
  if (!sign && !decrypt) throw refuse(TPM_RC.ATTRIBUTES, field);

  const fits = sign === decrypt ? false : (sign ? signing : decrypting).includes(scheme);
  if (storage ? scheme !== A.NULL : restricted ? !fits : scheme !== A.NULL && !fits) throw refuse(TPM_RC.SCHEME, field);
  // A storage key protects its children with a symmetric cipher; no other key has one.
  const { algorithm } = area.parameters.symmetric;
  if (storage === (algorithm === A.NULL)) throw refuse(TPM_RC.SYMMETRIC, field);
}

function checkParameters(area: TPMT_PUBLIC, field: string): void {
  switch (area.type) {
    case A.RSA: {
      checkAsymmetricScheme(area, [A.RSASSA, A.RSAPSS], [A.RSAES, A.OAEP], field);
      const { keyBits, exponent } = area.parameters;
      if (!RSA_SIZES.includes(keyBits)) throw refuse(TPM_RC.VALUE, field);
      if (exponent !== 0 && exponent !== RSA_DEFAULT_EXPONENT) throw refuse(TPM_RC.RANGE);
      return;
    }
    case A.ECC:
      checkAsymmetricScheme(area, [A.ECDSA, A.ECDAA, A.ECSCHNORR], [A.ECDH, A.ECMQV], field);
      if (area.parameters.kdf.scheme !== A.NULL) throw refuse(TPM_RC.KDF, field);
      return;
    case A.KEYEDHASH: {
      const { scheme } = area.parameters.scheme;
      const sign = has(area.objectAttributes, TPMA_OBJECT.sign);
      const decrypt = has(area.objectAttributes, TPMA_OBJECT.decrypt);
      const fits = sign === decrypt ? scheme === A.NULL : scheme === (sign ? A.HMAC : A.XOR);
      if (!fits) throw refuse(TPM_RC.SCHEME, field);
      return;
    }
    case A.SYMCIPHER:
      if (area.parameters.sym.algorithm === A.NULL) throw refuse(TPM_RC.SYMMETRIC, field);
      if (!has(area.objectAttributes, TPMA_OBJECT.sign | TPMA_OBJECT.decrypt)) {
        throw refuse(TPM_RC.ATTRIBUTES, field);
      }
  }
}

/** Refuses a public area that no TPM may create an object from; `field` is the parameter it came in. */
export function checkTemplate(area: TPMT_PUBLIC, creation: Creation, field: string): void {
  checkOrigin(area, creation, field);
  if (hashName(area.nameAlg) === undefined) throw refuse(TPM_RC.HASH, field);
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== hashSize(area.nameAlg))
    throw refuse(TPM_RC.SIZE, field);
  checkAttributes(area, field);
  checkParameters(area, field);
}

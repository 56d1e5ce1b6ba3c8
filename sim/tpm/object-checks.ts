/** Rules for the public area of an object (TPM 2.0 Library specification, Part 1, 25 and 27; Part 3, 12.1 to 12.3 and 24.1). */
import { equalBytes } from '../../src/bytes/bytes.ts';
import { isGoodTripleDesKey } from '../../src/crypto/des-key.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import type { BlockCipherSizes } from '../../src/tpm2/block-cipher.ts';
import { encode } from '../../src/tpm2/codec.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashName, hashSize } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import {
  type EccPublicArea,
  type RsaPublicArea,
  type TPMT_PUBLIC,
  TPMT_SYM_DEF_OBJECT,
} from '../../src/tpm2/structures/index.ts';
import { isDerivationParent, isStorage } from './object-kinds.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

const A = TPM_ALG;

/** What the creator of an object brings. */
export interface Creation {
  /** Bytes of sensitive data given by the caller. */
  readonly dataSize: number;
  /** Created from a primary seed rather than under a parent. */
  readonly primary: boolean;
  /** The parent of an object that is not primary. */
  readonly parent?: TpmObject;
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
  // Nobody outside may know the secret of a symmetric key that is restricted and bound to the TPM or its parent.
  const bound = has(attributes, TPMA_OBJECT.fixedTPM) || has(attributes, TPMA_OBJECT.fixedParent);
  if (!ownData && bound && has(attributes, TPMA_OBJECT.restricted)) throw refuse(TPM_RC.ATTRIBUTES, field);
  // The data of a primary object only varies its derivation; below a parent it would be the secret itself.
  if (!primary && ownData && dataSize !== 0) throw refuse(TPM_RC.ATTRIBUTES, field);
}

function checkAttributes(area: TPMT_PUBLIC, parent: TpmObject | undefined, field: string): void {
  const attributes = area.objectAttributes;
  const require = (holds: boolean): void => {
    if (!holds) throw refuse(TPM_RC.ATTRIBUTES, field);
  };
  const fixedTPM = has(attributes, TPMA_OBJECT.fixedTPM);
  const fixedParent = has(attributes, TPMA_OBJECT.fixedParent);
  const encrypted = has(attributes, TPMA_OBJECT.encryptedDuplication);
  const parentAttributes = parent?.publicArea.objectAttributes ?? TPMA_OBJECT.fixedTPM;
  const parentFixed = has(parentAttributes, TPMA_OBJECT.fixedTPM);
  // Under a fixedTPM parent (a primary seed counts as one), fixedParent and fixedTPM go together.
  require(parentFixed ? fixedTPM === fixedParent : !fixedTPM);
  const sign = has(attributes, TPMA_OBJECT.sign);
  const decrypt = has(attributes, TPMA_OBJECT.decrypt);
  if (sign === decrypt) {
    require(!has(attributes, TPMA_OBJECT.restricted));
    // Only sealed data has no use as a key.
    require(area.type === A.KEYEDHASH || sign);
  }
  require(!(fixedTPM && encrypted));
  if (!parentFixed) require(encrypted === has(parentAttributes, TPMA_OBJECT.encryptedDuplication));
  if (parent !== undefined && isDerivationParent(parent)) require(fixedTPM === parentFixed && fixedParent);
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

  const fits = sign === decrypt ? false : (sign ? signing : decrypting).includes(scheme);
  if (sign === decrypt || storage ? scheme !== A.NULL : restricted ? !fits : scheme !== A.NULL && !fits) {
    throw refuse(TPM_RC.SCHEME, field);
  }
  // No key but a storage key has a cipher.
  if (!storage && area.parameters.symmetric.algorithm !== A.NULL) throw refuse(TPM_RC.SYMMETRIC, field);
}

function checkKeyedHash(area: Extract<TPMT_PUBLIC, { type: typeof TPM_ALG.KEYEDHASH }>, field: string): void {
  const { scheme } = area.parameters.scheme;
  const sign = has(area.objectAttributes, TPMA_OBJECT.sign);
  const decrypt = has(area.objectAttributes, TPMA_OBJECT.decrypt);
  const fits = sign === decrypt ? scheme === A.NULL : scheme === (sign ? A.HMAC : A.XOR);
  if (!fits) throw refuse(TPM_RC.SCHEME, field);
  const kdf = 'kdf' in area.parameters.scheme ? area.parameters.scheme.kdf : A.NULL;
  if (isStorage(area) && !sign && kdf !== A.KDF1_SP800_108) throw refuse(TPM_RC.SCHEME, field);
}

/** A parent needs a cipher, and cipher and name algorithm like its own parent's where it cannot leave it. It works in CFB whatever its mode. */
function checkStorageCipher(
  area: TPMT_PUBLIC,
  symmetric: TPMT_SYM_DEF_OBJECT,
  parent: TpmObject | undefined,
  field: string,
): void {
  if (!('mode' in symmetric)) throw refuse(TPM_RC.SYMMETRIC, field);
  if (parent === undefined || !has(area.objectAttributes, TPMA_OBJECT.fixedParent)) return;
  if (area.nameAlg !== parent.publicArea.nameAlg) throw refuse(TPM_RC.HASH, field);
  const theirs = cipherOf(parent.publicArea);
  const same =
    theirs !== undefined && equalBytes(encode(TPMT_SYM_DEF_OBJECT, symmetric), encode(TPMT_SYM_DEF_OBJECT, theirs));
  if (!same) throw refuse(TPM_RC.SYMMETRIC, field);
}

function cipherOf(area: TPMT_PUBLIC): TPMT_SYM_DEF_OBJECT | undefined {
  if (area.type === A.KEYEDHASH) return undefined;
  return area.type === A.SYMCIPHER ? area.parameters.sym : area.parameters.symmetric;
}

/** Why bytes are no key of a cipher, as a response code: another size, or one of triple DES that must not be used. */
export function cipherKeyFault(cipher: BlockCipherSizes | undefined, key: Uint8Array): number | undefined {
  if (key.length !== (cipher?.keySize ?? 0)) return TPM_RC.KEY_SIZE;
  return cipher?.name === 'tdes' && !isGoodTripleDesKey(key) ? TPM_RC.KEY : undefined;
}

/** Refuses parameters that do not fit the attributes. */
export function checkScheme(area: TPMT_PUBLIC, parent: TpmObject | undefined, field: string): void {
  switch (area.type) {
    case A.SYMCIPHER:
      // A MAC decrypts nothing.
      if (has(area.objectAttributes, TPMA_OBJECT.decrypt) && 'mode' in area.parameters.sym) {
        if (area.parameters.sym.mode === A.CMAC) throw refuse(TPM_RC.SCHEME, field);
      }
      break;
    case A.RSA:
      checkAsymmetricScheme(area, [A.RSASSA, A.RSAPSS], [A.RSAES, A.OAEP], field);
      break;
    case A.ECC:
      checkAsymmetricScheme(area, [A.ECDSA, A.ECDAA, A.SM2, A.ECSCHNORR], [A.ECDH, A.ECMQV, A.SM2], field);
      if (area.parameters.kdf.scheme !== A.NULL) throw refuse(TPM_RC.KDF, field);
      break;
    case A.KEYEDHASH:
      checkKeyedHash(area, field);
  }
  const symmetric = cipherOf(area);
  if (symmetric !== undefined && isStorage(area)) checkStorageCipher(area, symmetric, parent, field);
}

/** Refuses a public area that is inconsistent in itself or with its parent (undefined: a primary seed). */
export function checkPublic(area: TPMT_PUBLIC, parent: TpmObject | undefined, field: string): void {
  if (hashName(area.nameAlg) === undefined) throw refuse(TPM_RC.HASH, field);
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== hashSize(area.nameAlg))
    throw refuse(TPM_RC.SIZE, field);
  checkAttributes(area, parent, field);
  checkScheme(area, parent, field);
}

/** Refuses a public area that no TPM may create an object from; `field` is the parameter it came in. */
export function checkTemplate(area: TPMT_PUBLIC, creation: Creation, field: string): void {
  checkOrigin(area, creation, field);
  checkPublic(area, creation.parent, field);
}

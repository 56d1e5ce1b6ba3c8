/** Loading objects: the binding of public and secret part, and the place in a hierarchy (TPM 2.0 Library specification, Part 3, 12.2 and 12.3). */
import { primitives } from '#primitives';
import { equalBytes, leftPad, toBigInt } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { reducedPoint } from '../../src/crypto/ec-points.ts';
import { ecKeyPair } from '../../src/crypto/ecdsa.ts';
import { HASH_BLOCK_SIZE } from '../../src/crypto/hash.ts';
import type { EcPrivateKey, RsaPrivateKey } from '../../src/crypto/primitives.ts';
import { rsaKeyFromPrime } from '../../src/crypto/rsa-key.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { blockCipherOf } from '../../src/tpm2/block-cipher.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashSize, requireHash } from '../../src/tpm2/hash-alg.ts';
import { handleName, objectName, qualifiedName } from '../../src/tpm2/names.ts';
import { curveName, RSA_DEFAULT_EXPONENT } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { EccPublicArea, RsaPublicArea, TPMT_PUBLIC, TPMT_SENSITIVE } from '../../src/tpm2/structures/index.ts';
import { withoutTrailingZeros } from './entities.ts';
import { checkPublic, checkScheme, cipherKeyFault } from './object-checks.ts';
import type { NewObject } from './object-create.ts';
import { isStorage } from './object-kinds.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';
import { symmetricUnique } from './symmetric-unique.ts';

const A = TPM_ALG;
const EMPTY = new Uint8Array(0);
/** Largest sealed data (MAX_SYM_DATA). */
const MAX_DATA = 128;
/** Smallest exponent of a key that is only loaded. */
const MIN_EXPONENT = 7;

/** Parameters to blame for a bad public or secret part. */
export interface LoadBlame {
  readonly publicArea: string;
  readonly sensitive: string;
}

function checkRsa(area: RsaPublicArea, sensitive: TPMT_SENSITIVE | undefined, blame: LoadBlame): void {
  const { keyBits, exponent } = area.parameters;
  if (area.unique.length * 8 !== keyBits || (area.unique[0] ?? 0) < 0x80) throw refuse(TPM_RC.KEY, blame.publicArea);
  if (exponent !== 0 && exponent < MIN_EXPONENT) throw refuse(TPM_RC.VALUE, blame.publicArea);
  if (sensitive === undefined) return;
  const { sensitive: prime } = sensitive;
  if (prime.length * 16 !== keyBits || (prime[0] ?? 0) < 0x80) throw refuse(TPM_RC.KEY_SIZE, blame.sensitive);
}

function checkEcc(area: EccPublicArea, sensitive: TPMT_SENSITIVE | undefined, blame: LoadBlame): void {
  const curve = curveName(area.parameters.curveID);
  if (curve === undefined) throw refuse(TPM_RC.CURVE, blame.publicArea);
  const { size, order } = CURVES[curve];
  const { x, y } = area.unique;
  const named = area.nameAlg !== A.NULL;
  if (sensitive === undefined) {
    if (x.length !== size || y.length !== size) throw refuse(TPM_RC.KEY, blame.publicArea);
    if (named && !primitives.ecOnCurve(curve, reducedPoint(curve, { x, y })))
      throw refuse(TPM_RC.ECC_POINT, blame.publicArea);
    return;
  }
  const d = toBigInt(sensitive.sensitive);
  if (d === 0n || d >= order) throw refuse(TPM_RC.KEY_SIZE);
  if (!named) return;
  const point = primitives.ecPublic(curve, leftPad(sensitive.sensitive, size));
  const same = point !== undefined && toBigInt(point.x) === toBigInt(x) && toBigInt(point.y) === toBigInt(y);
  if (!same) throw refuse(TPM_RC.BINDING);
}

/** Most bytes the secret of a keyed hash object can have. */
function maxSecret(area: Extract<TPMT_PUBLIC, { type: typeof TPM_ALG.KEYEDHASH }>): number {
  const { scheme } = area.parameters;
  return 'hashAlg' in scheme ? HASH_BLOCK_SIZE[requireHash(scheme.hashAlg)] : MAX_DATA;
}

function checkSymmetric(
  area: Extract<TPMT_PUBLIC, { type: typeof TPM_ALG.KEYEDHASH | typeof TPM_ALG.SYMCIPHER }>,
  sensitive: TPMT_SENSITIVE | undefined,
  blame: LoadBlame,
): void {
  const digest = area.nameAlg === A.NULL ? 0 : hashSize(area.nameAlg);
  if (sensitive === undefined) {
    if (area.unique.length !== digest) throw refuse(TPM_RC.KEY, blame.publicArea);
    return;
  }
  const fault =
    area.type === A.SYMCIPHER
      ? cipherKeyFault(blockCipherOf(area.parameters.sym), sensitive.sensitive)
      : sensitive.sensitive.length > maxSecret(area)
        ? TPM_RC.KEY_SIZE
        : undefined;
  if (fault !== undefined) throw refuse(fault, blame.sensitive);
  if (area.nameAlg === A.NULL) return;
  if (sensitive.seedValue.length !== digest) throw refuse(TPM_RC.KEY_SIZE, blame.sensitive);
  const unique = symmetricUnique(area, sensitive.seedValue, sensitive.sensitive);
  if (!equalBytes(unique, area.unique)) throw refuse(TPM_RC.BINDING);
}

/** Whether public and secret part fit each other: not needed for what a fixedTPM parent protects, which was made by this TPM. */
function checkKeys(area: TPMT_PUBLIC, sensitive: TPMT_SENSITIVE | undefined, blame: LoadBlame): void {
  switch (area.type) {
    case A.RSA:
      checkRsa(area, sensitive, blame);
      break;
    case A.ECC:
      checkEcc(area, sensitive, blame);
      break;
    default:
      checkSymmetric(area, sensitive, blame);
  }
  if (!isStorage(area) || sensitive === undefined || area.nameAlg === A.NULL) return;
  const digest = hashSize(area.nameAlg);
  const { length } = sensitive.seedValue;
  if (length < digest / 2 || length > digest) throw refuse(TPM_RC.SIZE, blame.sensitive);
}

/** The private key of a public area and its secret. */
function privateKey(area: TPMT_PUBLIC, secret: Uint8Array): RsaPrivateKey | EcPrivateKey | undefined {
  if (area.type === A.RSA) {
    const { exponent } = area.parameters;
    const key = rsaKeyFromPrime(area.unique, exponent === 0 ? RSA_DEFAULT_EXPONENT : exponent, secret);
    if (key === undefined) throw refuse(TPM_RC.BINDING);
    return key;
  }
  if (area.type !== A.ECC) return undefined;
  const curve = curveName(area.parameters.curveID);
  const key = curve && ecKeyPair(curve, leftPad(secret, CURVES[curve].size));
  if (key === undefined) throw refuse(TPM_RC.KEY_SIZE);
  return key;
}

/**
 * Checks a public area with its secret (undefined: public only) and makes the object. `parent` is undefined for an object
 * loaded from outside.
 */
export function loadObject(
  parent: TpmObject | undefined,
  area: TPMT_PUBLIC,
  sensitive: TPMT_SENSITIVE | undefined,
  blame: LoadBlame,
): NewObject & { publicOnly?: boolean } {
  if (sensitive === undefined || area.nameAlg === A.NULL) {
    checkScheme(area, undefined, blame.publicArea);
  } else {
    checkPublic(area, parent, blame.publicArea);
    const digest = hashSize(area.nameAlg);
    if (sensitive.authValue.length > digest) throw refuse(TPM_RC.SIZE, blame.sensitive);
    if (sensitive.seedValue.length > digest) throw refuse(TPM_RC.KEY_SIZE, blame.sensitive);
  }
  if (sensitive !== undefined && sensitive.sensitiveType !== area.type) throw refuse(TPM_RC.TYPE, blame.sensitive);
  const trusted = parent !== undefined && has(parent.publicArea.objectAttributes, TPMA_OBJECT.fixedTPM);
  if (!trusted) checkKeys(area, sensitive, blame);
  const publicArea = copyOf(area);
  if (sensitive === undefined) {
    return {
      publicArea,
      sensitive: { authValue: EMPTY, seedValue: EMPTY, data: EMPTY },
      key: undefined,
      publicOnly: true,
    };
  }
  const key = privateKey(publicArea, sensitive.sensitive);
  return {
    publicArea,
    sensitive: {
      authValue: withoutTrailingZeros(sensitive.authValue).slice(),
      seedValue: sensitive.seedValue.slice(),
      data: key === undefined ? sensitive.sensitive.slice() : EMPTY,
    },
    key,
  };
}

/** A public area that does not hold the command's buffer alive. */
function copyOf(area: TPMT_PUBLIC): TPMT_PUBLIC {
  const authPolicy = area.authPolicy.slice();
  if (area.type === A.ECC) {
    return { ...area, authPolicy, unique: { x: area.unique.x.slice(), y: area.unique.y.slice() } };
  }
  return { ...area, authPolicy, unique: area.unique.slice() };
}

/** An object under a parent, or (handle) under a hierarchy. */
export function placeObject(made: NewObject, parent: TpmObject | number): TpmObject {
  const { nameAlg, objectAttributes } = made.publicArea;
  const name = objectName(made.publicArea);
  const own = has(objectAttributes, TPMA_OBJECT.stClear);
  if (typeof parent === 'number') {
    const object = {
      ...made,
      name,
      qualifiedName: qualifiedName(nameAlg, handleName(parent), name),
      hierarchy: parent,
    };
    return own ? { ...object, stClear: true } : object;
  }
  const object = {
    ...made,
    name,
    qualifiedName: qualifiedName(nameAlg, parent.qualifiedName, name),
    hierarchy: parent.hierarchy,
  };
  return own || parent.stClear ? { ...object, stClear: true } : object;
}

/** An object of TPM2_LoadExternal: in a hierarchy, but not of it. */
export function placeExternal(made: NewObject, hierarchy: number): TpmObject {
  const name = objectName(made.publicArea);
  return { ...made, name, qualifiedName: name, hierarchy, external: true };
}

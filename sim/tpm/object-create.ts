/** Making the secret and public parts of new objects. */
import { concat } from '../../src/bytes/bytes.ts';
import { has, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { hashSize, hashWith } from '../../src/tpm2/hash-alg.ts';
import { objectName } from '../../src/tpm2/names.ts';
import { curveName, withPublicKey } from '../../src/tpm2/public-key.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { TPMT_PUBLIC } from '../../src/tpm2/structures/index.ts';
import type { Tpm } from './context.ts';
import { deriveEcKey, deriveRsaKey, KeyStream } from './primary-keys.ts';
import { refuse } from './refusal.ts';
import type { TpmObject } from './state.ts';

/** The parts of an object that do not depend on its parent. */
export type NewObject = Pick<TpmObject, 'publicArea' | 'sensitive' | 'key'>;

/** What the caller puts into a new object. */
export interface SensitiveInput {
  readonly userAuth: Uint8Array;
  readonly data: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** A copy that does not hold the command's buffer alive. */
function detached<T extends TPMT_PUBLIC>(area: T): T {
  return { ...area, authPolicy: area.authPolicy.slice() };
}

/**
 * The object that a seed and a template always give. The stream depends on seed, template (its Name, so the unique field
 * counts) and caller's data; the seed value of a storage key comes from the same stream under another label.
 */
export function createPrimaryObject(
  tpm: Tpm,
  seed: Uint8Array,
  template: TPMT_PUBLIC,
  { userAuth, data }: SensitiveInput,
): NewObject {
  const context = concat(objectName(template), data);
  const authValue = userAuth.slice();
  const area = detached(template);
  const secret = new KeyStream(seed, 'PRIMARY SEED VALUE', context);
  const digest = hashSize(area.nameAlg);
  switch (area.type) {
    case TPM_ALG.RSA: {
      const { keyBits } = area.parameters;
      const key = tpm.primaryKeys.get(seed, context, 'rsa', (stream) => deriveRsaKey(stream, keyBits));
      const seedValue = isStorage(area) ? secret.bytes(digest) : EMPTY;
      return { publicArea: withPublicKey(area, key), sensitive: { authValue, seedValue, data: EMPTY }, key };
    }
    case TPM_ALG.ECC: {
      const curve = curveName(area.parameters.curveID);
      if (curve === undefined) throw refuse(TPM_RC.CURVE, 'inPublic');
      const key = tpm.primaryKeys.get(seed, context, 'ec', (stream) => deriveEcKey(stream, curve));
      const seedValue = isStorage(area) ? secret.bytes(digest) : EMPTY;
      return { publicArea: withPublicKey(area, key), sensitive: { authValue, seedValue, data: EMPTY }, key };
    }
    default: {
      const size =
        area.type === TPM_ALG.SYMCIPHER && 'keyBits' in area.parameters.sym ? area.parameters.sym.keyBits / 8 : digest;
      const given = !has(area.objectAttributes, TPMA_OBJECT.sensitiveDataOrigin);
      if (given && area.type === TPM_ALG.SYMCIPHER && data.length !== size)
        throw refuse(TPM_RC.KEY_SIZE, 'inSensitive');
      const value = given ? data.slice() : new KeyStream(seed, 'PRIMARY KEY', context).bytes(size);
      const seedValue = secret.bytes(digest);
      const unique = hashWith(area.nameAlg, concat(seedValue, value));
      return { publicArea: { ...area, unique }, sensitive: { authValue, seedValue, data: value }, key: undefined };
    }
  }
}

function isStorage(area: TPMT_PUBLIC): boolean {
  return has(area.objectAttributes, TPMA_OBJECT.restricted) && has(area.objectAttributes, TPMA_OBJECT.decrypt);
}

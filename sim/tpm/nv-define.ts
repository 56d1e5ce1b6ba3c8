/** Rules for a new NV index (TPM 2.0 Library specification, Part 3, 31.3.1; Part 2, 13.4). */
import { has, nvType, TPM_NT, TPMA_NV } from '../../src/tpm2/attributes.ts';
import { TPM_RH } from '../../src/tpm2/constants.ts';
import { hashSize } from '../../src/tpm2/hash-alg.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import { MAX_NV_BUFFER_SIZE, MAX_NV_INDEX_SIZE, type TPMS_NV_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { COUNTER_SIZE } from './nv-index.ts';
import { refuse } from './refusal.ts';

const WRITERS = TPMA_NV.ppWrite | TPMA_NV.ownerWrite | TPMA_NV.authWrite | TPMA_NV.policyWrite;
const READERS = TPMA_NV.ppRead | TPMA_NV.ownerRead | TPMA_NV.authRead | TPMA_NV.policyRead;
/** Set by the TPM, never by the caller. */
const STATES = TPMA_NV.written | TPMA_NV.readLocked | TPMA_NV.writeLocked;
/** A PIN index must stay writable, and not by its own value, which needs it to be written. */
const NOT_PIN = TPMA_NV.authWrite | TPMA_NV.globalLock | TPMA_NV.writeDefine;

const KNOWN_TYPES: readonly number[] = Object.values(TPM_NT);

function sizeFits(type: number, { dataSize, nameAlg }: TPMS_NV_PUBLIC): boolean {
  switch (type) {
    case TPM_NT.ORDINARY:
      return dataSize <= MAX_NV_INDEX_SIZE;
    case TPM_NT.EXTEND:
      return dataSize === hashSize(nameAlg);
    default:
      return dataSize === COUNTER_SIZE;
  }
}

function attributesFit(type: number, attributes: number): boolean {
  if (type === TPM_NT.COUNTER && has(attributes, TPMA_NV.clearStClear)) return false;
  if (type === TPM_NT.PIN_FAIL && !has(attributes, TPMA_NV.noDA)) return false;
  if ((type === TPM_NT.PIN_FAIL || type === TPM_NT.PIN_PASS) && has(attributes, NOT_PIN)) return false;
  if (has(attributes, STATES) || !has(attributes, WRITERS) || !has(attributes, READERS)) return false;
  return !(has(attributes, TPMA_NV.clearStClear) && has(attributes, TPMA_NV.writeDefine));
}

/** Refuses a definition that breaks the rules; `auth` is without trailing zeros. */
export function checkDefinition(
  { authHandle, auth, platformNv }: { authHandle: number; auth: Uint8Array; platformNv: boolean },
  area: TPMS_NV_PUBLIC,
): void {
  const { attributes, authPolicy, nameAlg, dataSize } = area;
  const type = nvType(attributes);
  const platform = authHandle === TPM_RH.PLATFORM;
  if (authPolicy.length !== 0 && authPolicy.length !== hashSize(nameAlg)) throw refuse(TPM_RC.SIZE, 'publicInfo');
  if (auth.length > hashSize(nameAlg)) throw refuse(TPM_RC.SIZE, 'auth');
  if (platform && !platformNv) throw refuse(TPM_RC.HIERARCHY, 'authHandle');
  if (!KNOWN_TYPES.includes(type)) throw refuse(TPM_RC.ATTRIBUTES, 'publicInfo');
  if (!sizeFits(type, area)) throw refuse(TPM_RC.SIZE, 'publicInfo');
  if (!attributesFit(type, attributes)) throw refuse(TPM_RC.ATTRIBUTES, 'publicInfo');
  if (has(attributes, TPMA_NV.platformCreate) !== platform) throw refuse(TPM_RC.ATTRIBUTES, 'authHandle');
  if (has(attributes, TPMA_NV.policyDelete) && !platform) throw refuse(TPM_RC.ATTRIBUTES, 'publicInfo');
  if (dataSize > MAX_NV_BUFFER_SIZE && has(attributes, TPMA_NV.writeAll)) throw refuse(TPM_RC.SIZE, 'publicInfo');
}

/** Which kind of authorisation an entity takes for a role (TPM 2.0 Library specification, Part 1, 19.2 and 19.4). */

import { toBigInt, u32Bytes } from '../../src/bytes/bytes.ts';
import { has, nvType, TPM_NT, TPMA_NV, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import type { AnyCommandRow, AuthRole } from '../../src/tpm2/command-row.ts';
import { handleType, TPM_ALG, TPM_CC, TPM_HT } from '../../src/tpm2/constants.ts';
import type { Tpm } from './context.ts';
import { authPolicy, nvOf, objectOf } from './entities.ts';
import { writeIndex } from './nv-index.ts';
import type { NvIndex } from './state.ts';

/** Commands for which an NV index is authorised as for writing; all others read it. */
const NV_WRITES: ReadonlySet<number> = new Set([
  TPM_CC.NV_Write,
  TPM_CC.NV_Increment,
  TPM_CC.NV_SetBits,
  TPM_CC.NV_Extend,
  TPM_CC.NV_WriteLock,
]);

const isObject = (handle: number): boolean => {
  const type = handleType(handle);
  return type === TPM_HT.TRANSIENT || type === TPM_HT.PERSISTENT;
};
const isNv = (handle: number): boolean => handleType(handle) === TPM_HT.NV_INDEX;

/** Whether only a policy session can authorise this role. */
export function policyRequired(tpm: Tpm, handle: number, role: AuthRole): boolean {
  if (role === 'DUP') return true;
  if (role === 'ADMIN') {
    if (isObject(handle)) {
      return has(objectOf(tpm, handle).publicArea.objectAttributes, TPMA_OBJECT.adminWithPolicy);
    }
    if (isNv(handle)) return true;
  }
  return handleType(handle) === TPM_HT.PCR && authPolicy(tpm, handle).alg !== TPM_ALG.NULL;
}

/** PIN count and limit of a PIN index: two 32-bit numbers. */
function pinCounts({ data }: NvIndex): { count: number; limit: number } {
  const value = toBigInt(data.subarray(0, 8));
  return { count: Number(value >> 32n), limit: Number(value & 0xffff_ffffn) };
}

const pinType = (index: NvIndex): number | undefined => {
  const type = nvType(index.publicArea.attributes);
  return type === TPM_NT.PIN_FAIL || type === TPM_NT.PIN_PASS ? type : undefined;
};

/** Whether the authValue of an entity may authorise this command at all. */
export function authValueAvailable(tpm: Tpm, handle: number, role: AuthRole, row: AnyCommandRow): boolean {
  if (isObject(handle)) {
    const object = objectOf(tpm, handle);
    const { objectAttributes } = object.publicArea;
    if (object.sequence !== undefined) return true;
    if (object.publicOnly) return false;
    if (has(objectAttributes, TPMA_OBJECT.userWithAuth)) return true;
    return role === 'ADMIN' && !has(objectAttributes, TPMA_OBJECT.adminWithPolicy);
  }
  if (isNv(handle)) {
    const index = nvOf(tpm, handle);
    const { attributes } = index.publicArea;
    if (pinType(index) !== undefined) {
      const { count, limit } = pinCounts(index);
      if (!has(attributes, TPMA_NV.written) || count >= limit) return false;
      // Its value may always be tried for what does not write: that is what a PIN index is for.
      if (!NV_WRITES.has(row.code)) return true;
    }
    return has(attributes, NV_WRITES.has(row.code) ? TPMA_NV.authWrite : TPMA_NV.authRead);
  }
  return true;
}

/** Whether the policy of an entity may authorise this command at all. */
export function policyAvailable(tpm: Tpm, handle: number, role: AuthRole, row: AnyCommandRow): boolean {
  if (isObject(handle)) {
    const { publicOnly, sequence } = objectOf(tpm, handle);
    return !publicOnly && sequence === undefined;
  }
  if (authPolicy(tpm, handle).policy.length === 0) return false;
  if (!isNv(handle) || policyRequired(tpm, handle, role)) return true;
  const { attributes } = nvOf(tpm, handle).publicArea;
  return has(attributes, NV_WRITES.has(row.code) ? TPMA_NV.policyWrite : TPMA_NV.policyRead);
}

/** After the authValue of a PIN index was shown: a PIN_PASS counts its uses, a PIN_FAIL the failures since the last use. */
export function countPin(tpm: Tpm, handle: number, passed: boolean): void {
  if (!isNv(handle)) return;
  const index = nvOf(tpm, handle);
  const type = pinType(index);
  // Shown as the password of a policy: only what writes the index makes it written.
  if (type === undefined || !has(index.publicArea.attributes, TPMA_NV.written)) return;
  const { count } = pinCounts(index);
  const next = passed ? (type === TPM_NT.PIN_PASS ? count + 1 : 0) : type === TPM_NT.PIN_FAIL ? count + 1 : count;
  if (next === count || next > 0xffff_ffff) return;
  writeIndex(tpm, index, 0, u32Bytes(next));
}

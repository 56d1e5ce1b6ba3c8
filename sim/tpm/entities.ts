/** Handles and what stands behind them: presence, Name, authorisation value and policy (Part 1, chapters 15, 16 and 19). */
import { equalBytes } from '../../src/bytes/bytes.ts';
import { has, TPMA_NV, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import type { AnyCommandRow, AuthRole } from '../../src/tpm2/command-row.ts';
import { handleType, TPM_CC, TPM_HT, TPM_RH } from '../../src/tpm2/constants.ts';
import { handleName, nvName } from '../../src/tpm2/names.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { Tpm } from './context.ts';
import { ekCertificate } from './ek-nv.ts';
import { isSlot } from './object-store.ts';
import { PCR_TABLE } from './pcr-table.ts';
import { refuse } from './refusal.ts';
import { hierarchyOf, type NvIndex, type TpmObject } from './state.ts';

const EMPTY = new Uint8Array(0);

/** Response code for a handle of the handle area, or 0 where its entity is there. Transient entities get TPM_RC_REFERENCE_H0. */
export function loadStatus(tpm: Tpm, handle: number): number {
  const { state } = tpm;
  switch (handleType(handle)) {
    case TPM_HT.PCR:
      return 0;
    case TPM_HT.PERMANENT: {
      const hierarchy = hierarchyOf(state, handle);
      if (hierarchy !== undefined) return hierarchy.enabled ? 0 : TPM_RC.HIERARCHY;
      return handle === TPM_RH.LOCKOUT ? 0 : TPM_RC.VALUE;
    }
    case TPM_HT.TRANSIENT: {
      if (!isSlot(handle)) return TPM_RC.VALUE;
      const object = state.transient.get(handle);
      if (object === undefined) return TPM_RC.REFERENCE_H0;
      return hierarchyOf(state, object.hierarchy)?.enabled ? 0 : TPM_RC.HIERARCHY;
    }
    case TPM_HT.PERSISTENT: {
      const object = state.persistent.get(handle);
      return object !== undefined && hierarchyOf(state, object.hierarchy)?.enabled ? 0 : TPM_RC.HANDLE;
    }
    case TPM_HT.NV_INDEX:
      return isNvAccessible(tpm, handle) ? 0 : TPM_RC.HANDLE;
    case TPM_HT.HMAC_SESSION:
    case TPM_HT.POLICY_SESSION:
      return state.sessions.has(handle) ? 0 : TPM_RC.REFERENCE_H0;
    default:
      return TPM_RC.VALUE;
  }
}

/** Whether an index is defined and its hierarchy enabled. EK certificates are the platform's. */
function isNvAccessible({ state }: Tpm, handle: number): boolean {
  const index = state.nv.get(handle);
  if (index === undefined) return state.platformNv && state.pendingCertificates.has(handle);
  return has(index.publicArea.attributes, TPMA_NV.platformCreate) ? state.platformNv : state.owner.enabled;
}

/** The object of a handle whose presence the dispatcher has checked. */
export function objectOf(tpm: Tpm, handle: number): TpmObject {
  const object = tpm.state.transient.get(handle) ?? tpm.state.persistent.get(handle);
  if (object === undefined) throw refuse(TPM_RC.HANDLE);
  return object;
}

/** The NV index of a handle whose presence the dispatcher has checked; an EK certificate is made now. */
export function nvOf(tpm: Tpm, handle: number): NvIndex {
  const { nv, pendingCertificates } = tpm.state;
  const kind = pendingCertificates.get(handle);
  if (kind !== undefined) {
    nv.set(handle, ekCertificate(tpm, handle, kind));
    pendingCertificates.delete(handle);
  }
  const index = nv.get(handle);
  if (index === undefined) throw refuse(TPM_RC.HANDLE);
  return index;
}

/** Name of the entity of a handle (Part 1, 16). */
export function entityName(tpm: Tpm, handle: number): Uint8Array {
  switch (handleType(handle)) {
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT:
      return objectOf(tpm, handle).name;
    case TPM_HT.NV_INDEX:
      return nvName(nvOf(tpm, handle).publicArea);
    default:
      return handleName(handle);
  }
}

/** Authorisation value of an entity, without trailing zeros. */
export function authValue(tpm: Tpm, handle: number): Uint8Array {
  switch (handleType(handle)) {
    case TPM_HT.PERMANENT:
      return handle === TPM_RH.LOCKOUT ? tpm.state.lockout.auth : (hierarchyOf(tpm.state, handle)?.auth ?? EMPTY);
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT:
      return objectOf(tpm, handle).sensitive.authValue;
    case TPM_HT.NV_INDEX:
      return nvOf(tpm, handle).auth;
    case TPM_HT.PCR:
      return PCR_TABLE[handle]?.group === true ? tpm.state.pcrGroup.auth : EMPTY;
    default:
      return EMPTY;
  }
}

/** Authorisation policy of an entity: digest (empty for none) and its hash algorithm. */
export function authPolicy(tpm: Tpm, handle: number): { policy: Uint8Array; alg: number } {
  switch (handleType(handle)) {
    case TPM_HT.PERMANENT: {
      const entity = handle === TPM_RH.LOCKOUT ? tpm.state.lockout : hierarchyOf(tpm.state, handle);
      return { policy: entity?.policy ?? EMPTY, alg: entity?.policyAlg ?? 0 };
    }
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT: {
      const { publicArea } = objectOf(tpm, handle);
      return { policy: publicArea.authPolicy, alg: publicArea.nameAlg };
    }
    case TPM_HT.NV_INDEX: {
      const { publicArea } = nvOf(tpm, handle);
      return { policy: publicArea.authPolicy, alg: publicArea.nameAlg };
    }
    case TPM_HT.PCR: {
      if (PCR_TABLE[handle]?.group !== true) return { policy: EMPTY, alg: 0 };
      return { policy: tpm.state.pcrGroup.policy, alg: tpm.state.pcrGroup.policyAlg };
    }
    default:
      return { policy: EMPTY, alg: 0 };
  }
}

/** NV commands that write: an index is authorised for them by AUTHWRITE, for all others by AUTHREAD. */
const NV_WRITES: ReadonlySet<number> = new Set([
  TPM_CC.NV_Write,
  TPM_CC.NV_Increment,
  TPM_CC.NV_SetBits,
  TPM_CC.NV_Extend,
  TPM_CC.NV_WriteLock,
]);

/** Whether the authorisation value of an entity may authorise this role of this command (Part 1, 19.4.4). */
export function authValueAllowed(tpm: Tpm, handle: number, role: AuthRole, row: AnyCommandRow): boolean {
  switch (handleType(handle)) {
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT: {
      const { objectAttributes } = objectOf(tpm, handle).publicArea;
      if (role === 'USER') return has(objectAttributes, TPMA_OBJECT.userWithAuth);
      return role === 'ADMIN' && !has(objectAttributes, TPMA_OBJECT.adminWithPolicy);
    }
    case TPM_HT.NV_INDEX: {
      const { attributes } = nvOf(tpm, handle).publicArea;
      if (role !== 'USER') return false;
      return has(attributes, NV_WRITES.has(row.code) ? TPMA_NV.authWrite : TPMA_NV.authRead);
    }
    default:
      return true;
  }
}

/** Whether a wrong authorisation value counts towards dictionary attack protection. */
export function dictionaryProtected(tpm: Tpm, handle: number): boolean {
  switch (handleType(handle)) {
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT:
      return !has(objectOf(tpm, handle).publicArea.objectAttributes, TPMA_OBJECT.noDA);
    case TPM_HT.NV_INDEX:
      return !has(nvOf(tpm, handle).publicArea.attributes, TPMA_NV.noDA);
    default:
      return handle === TPM_RH.LOCKOUT;
  }
}

/** Bytes without trailing zeros: how authorisation values are kept and compared (Part 1, 19.6.4.3). */
export function withoutTrailingZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

/** Whether `password` is the authorisation value of an entity. */
export function passwordMatches(tpm: Tpm, handle: number, password: Uint8Array): boolean {
  return equalBytes(withoutTrailingZeros(password), authValue(tpm, handle));
}

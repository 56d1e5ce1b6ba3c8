/** Handles and what stands behind them: presence, Name, authorisation value and policy (Part 1, chapters 15, 16 and 19). */
import { equalBytes } from '../../src/bytes/bytes.ts';
import { has, TPMA_NV, TPMA_OBJECT } from '../../src/tpm2/attributes.ts';
import { handleType, TPM_ALG, TPM_HANDLE_RANGE, TPM_HT, TPM_RH } from '../../src/tpm2/constants.ts';
import { handleName, nvName } from '../../src/tpm2/names.ts';
import { TPM_RC } from '../../src/tpm2/response-code.ts';
import type { Tpm } from './context.ts';
import { certificateIndex } from './manufacturer-nv.ts';
import { isSlot, MAX_LOADED_OBJECTS } from './object-store.ts';
import { PCR_TABLE } from './pcr-table.ts';
import { refuse } from './refusal.ts';
import { loadedSession } from './sessions.ts';
import { hierarchyOf, type NvIndex, type TpmObject, type TpmState } from './state.ts';

const EMPTY = new Uint8Array(0);

/**
 * Response code for a handle of the handle area, or 0 where its entity is there. Transient entities get TPM_RC_REFERENCE_H0.
 * A persistent object is copied into an object's room for the command.
 */
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
      // The hierarchy that keeps the object must be enabled, and the one it is of.
      const keeper = handle >= TPM_HANDLE_RANGE.PLATFORM_PERSISTENT ? state.platform : state.owner;
      if (!keeper.enabled) return TPM_RC.HANDLE;
      if (state.transient.size + tpm.copied >= MAX_LOADED_OBJECTS) return TPM_RC.OBJECT_MEMORY;
      const object = state.persistent.get(handle);
      return object !== undefined && hierarchyOf(state, object.hierarchy)?.enabled ? 0 : TPM_RC.HANDLE;
    }
    case TPM_HT.NV_INDEX:
      return isNvAccessible(tpm, handle) ? 0 : TPM_RC.HANDLE;
    case TPM_HT.HMAC_SESSION:
    case TPM_HT.POLICY_SESSION:
      return sessionStatus(state, handle);
    default:
      return TPM_RC.VALUE;
  }
}

/** Whether an index is defined and its hierarchy enabled. Certificates not made yet are the platform's. */
function isNvAccessible({ state }: Tpm, handle: number): boolean {
  const index = state.nv.get(handle);
  if (index === undefined) return state.platformNv && state.pendingCertificates.has(handle);
  return has(index.publicArea.attributes, TPMA_NV.platformCreate) ? state.platformNv : state.owner.enabled;
}

/** A handle of the other kind of session with the same number is a wrong handle, not a missing session. */
function sessionStatus(state: TpmState, handle: number): number {
  const session = loadedSession(state, handle);
  if (session === undefined) return TPM_RC.REFERENCE_H0;
  return session.handle === handle ? 0 : TPM_RC.HANDLE;
}

/** Whether the entity of a handle still exists after a command that may have deleted it. */
export function isPresent(tpm: Tpm, handle: number): boolean {
  const { transient, persistent, nv, pendingCertificates } = tpm.state;
  switch (handleType(handle)) {
    case TPM_HT.TRANSIENT:
    case TPM_HT.PERSISTENT:
      return transient.has(handle) || persistent.has(handle);
    case TPM_HT.NV_INDEX:
      return nv.has(handle) || pendingCertificates.has(handle);
    default:
      return true;
  }
}

/** The object of a handle whose presence the dispatcher has checked. */
export function objectOf(tpm: Tpm, handle: number): TpmObject {
  const object = tpm.state.transient.get(handle) ?? tpm.state.persistent.get(handle);
  if (object === undefined) throw refuse(TPM_RC.HANDLE);
  return object;
}

/** The NV index of a handle whose presence the dispatcher has checked; a certificate is made now. */
export function nvOf(tpm: Tpm, handle: number): NvIndex {
  const { nv, pendingCertificates } = tpm.state;
  const pending = pendingCertificates.get(handle);
  if (pending !== undefined) {
    nv.set(handle, certificateIndex(tpm, handle, pending));
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
      if (PCR_TABLE[handle]?.group !== true) return { policy: EMPTY, alg: TPM_ALG.NULL };
      return { policy: tpm.state.pcrGroup.policy, alg: tpm.state.pcrGroup.policyAlg };
    }
    default:
      return { policy: EMPTY, alg: 0 };
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
  return end === bytes.length ? bytes : bytes.subarray(0, end);
}

/** Whether `password` is the authorisation value of an entity. */
export function passwordMatches(tpm: Tpm, handle: number, password: Uint8Array): boolean {
  return equalBytes(withoutTrailingZeros(password), authValue(tpm, handle));
}

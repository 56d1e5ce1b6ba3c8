/** NV storage (TPM 2.0 Library specification, Part 3, chapter 31): ordinary indices. */
import { has, nvType, TPM_NT, TPMA_NV } from '../../../src/tpm2/attributes.ts';
import { NV_DefineSpace, NV_Read, NV_ReadPublic, NV_UndefineSpace, NV_Write } from '../../../src/tpm2/commands/nv.ts';
import { TPM_RH } from '../../../src/tpm2/constants.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { nvName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { MAX_NV_BUFFER_SIZE, type TPMS_NV_PUBLIC } from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { nvOf, withoutTrailingZeros } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { refuse } from '../refusal.ts';
import type { NvIndex } from '../state.ts';

/** NV indices a TPM has room for. */
const MAX_INDICES = 64;
const WRITERS = TPMA_NV.ppWrite | TPMA_NV.ownerWrite | TPMA_NV.authWrite | TPMA_NV.policyWrite;
const READERS = TPMA_NV.ppRead | TPMA_NV.ownerRead | TPMA_NV.authRead | TPMA_NV.policyRead;

/** Whether the authorising handle may do this to the index: the index itself, the owner or the platform (Part 3, 31.1). */
function checkAccess(authHandle: number, nvIndex: number, attributes: number, write: boolean): void {
  const allowed =
    authHandle === TPM_RH.OWNER
      ? has(attributes, write ? TPMA_NV.ownerWrite : TPMA_NV.ownerRead)
      : authHandle === TPM_RH.PLATFORM
        ? has(attributes, write ? TPMA_NV.ppWrite : TPMA_NV.ppRead)
        : authHandle === nvIndex;
  if (!allowed) throw refuse(TPM_RC.NV_AUTHORIZATION);
  if (has(attributes, write ? TPMA_NV.writeLocked : TPMA_NV.readLocked)) throw refuse(TPM_RC.NV_LOCKED);
}

const readPublic = handler(NV_ReadPublic, (tpm, { nvIndex }) => {
  const { publicArea } = nvOf(tpm, nvIndex);
  return { nvPublic: publicArea, nvName: nvName(publicArea) };
});

const read = handler(NV_Read, (tpm, { authHandle, nvIndex, size, offset }) => {
  const index = nvOf(tpm, nvIndex);
  const { attributes, dataSize } = index.publicArea;
  checkAccess(authHandle, nvIndex, attributes, false);
  if (!has(attributes, TPMA_NV.written)) throw refuse(TPM_RC.NV_UNINITIALIZED);
  if (size > MAX_NV_BUFFER_SIZE) throw refuse(TPM_RC.VALUE, 'size');
  if (offset > dataSize) throw refuse(TPM_RC.VALUE, 'offset');
  if (offset + size > dataSize) throw refuse(TPM_RC.NV_RANGE);
  return { data: index.data.slice(offset, offset + size) };
});

const write = action(NV_Write, (tpm, { authHandle, nvIndex, data, offset }) => {
  const index = nvOf(tpm, nvIndex);
  const { attributes, dataSize } = index.publicArea;
  checkAccess(authHandle, nvIndex, attributes, true);
  if (nvType(attributes) !== TPM_NT.ORDINARY) throw refuse(TPM_RC.ATTRIBUTES);
  if (offset > dataSize) throw refuse(TPM_RC.VALUE, 'offset');
  if (offset + data.length > dataSize) throw refuse(TPM_RC.NV_RANGE);
  if (has(attributes, TPMA_NV.writeAll) && data.length < dataSize) throw refuse(TPM_RC.NV_RANGE);
  const contents = index.data.slice();
  contents.set(data, offset);
  index.data = contents;
  index.publicArea = { ...index.publicArea, attributes: (attributes | TPMA_NV.written) >>> 0 };
});

/** Rules for the attributes of a new ordinary index (Part 3, 31.3.1). */
function checkDefinition(tpm: Tpm, authHandle: number, area: TPMS_NV_PUBLIC): void {
  const { attributes } = area;
  const bad = (): never => {
    throw refuse(TPM_RC.ATTRIBUTES, 'publicInfo');
  };
  if (nvType(attributes) !== TPM_NT.ORDINARY) bad();
  if (has(attributes, TPMA_NV.written | TPMA_NV.readLocked | TPMA_NV.writeLocked | TPMA_NV.policyDelete)) bad();
  if (!has(attributes, WRITERS) || !has(attributes, READERS)) bad();
  if (has(attributes, TPMA_NV.platformCreate) !== (authHandle === TPM_RH.PLATFORM)) {
    throw refuse(TPM_RC.ATTRIBUTES, 'authHandle');
  }
  if (has(attributes, TPMA_NV.clearStClear) && has(attributes, TPMA_NV.writeDefine)) bad();
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== hashSize(area.nameAlg)) {
    throw refuse(TPM_RC.SIZE, 'publicInfo');
  }
  const { nv, pendingCertificates } = tpm.state;
  if (nv.has(area.nvIndex) || pendingCertificates.has(area.nvIndex)) throw refuse(TPM_RC.NV_DEFINED);
  if (nv.size + pendingCertificates.size >= MAX_INDICES) throw refuse(TPM_RC.NV_SPACE);
}

const define = action(NV_DefineSpace, (tpm, { authHandle, auth, publicInfo }) => {
  const secret = withoutTrailingZeros(auth);
  if (secret.length > hashSize(publicInfo.nameAlg)) throw refuse(TPM_RC.SIZE, 'auth');
  checkDefinition(tpm, authHandle, publicInfo);
  const index: NvIndex = {
    publicArea: { ...publicInfo, authPolicy: publicInfo.authPolicy.slice() },
    auth: secret.slice(),
    // Memory that was never written reads as ones, as in erased flash.
    data: new Uint8Array(publicInfo.dataSize).fill(0xff),
  };
  tpm.state.nv.set(publicInfo.nvIndex, index);
});

const undefine = action(NV_UndefineSpace, (tpm, { authHandle, nvIndex }) => {
  const { attributes } = nvOf(tpm, nvIndex).publicArea;
  if (has(attributes, TPMA_NV.policyDelete)) throw refuse(TPM_RC.ATTRIBUTES, 'nvIndex');
  if (has(attributes, TPMA_NV.platformCreate) && authHandle !== TPM_RH.PLATFORM) throw refuse(TPM_RC.NV_AUTHORIZATION);
  tpm.state.nv.delete(nvIndex);
});

export const nvHandlers = [readPublic, read, write, define, undefine];

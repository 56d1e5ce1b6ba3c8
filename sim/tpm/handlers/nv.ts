/** NV storage: definition, reading and certification (TPM 2.0 Library specification, Part 3, chapter 31). */
import { has, TPMA_NV } from '../../../src/tpm2/attributes.ts';
import {
  NV_ChangeAuth,
  NV_DefineSpace,
  NV_Read,
  NV_ReadPublic,
  NV_UndefineSpace,
  NV_UndefineSpaceSpecial,
} from '../../../src/tpm2/commands/nv.ts';
import { TPM_RH } from '../../../src/tpm2/constants.ts';
import { hashSize } from '../../../src/tpm2/hash-alg.ts';
import { nvName } from '../../../src/tpm2/names.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { MAX_NV_BUFFER_SIZE } from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { nvOf, withoutTrailingZeros } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { checkDefinition } from '../nv-define.ts';
import { deleteIndex, emptyMemory, readAccess, readIndex } from '../nv-index.ts';
import { hasRoomForIndex } from '../nv-space.ts';
import { saveOrderlyIndices } from '../nv-startup.ts';
import { refuse } from '../refusal.ts';

const readPublic = handler(NV_ReadPublic, (tpm, { nvIndex }) => {
  const { publicArea } = nvOf(tpm, nvIndex);
  return { nvPublic: publicArea, nvName: nvName(publicArea) };
});

const read = handler(NV_Read, (tpm, { authHandle, nvIndex, size, offset }) => {
  const index = nvOf(tpm, nvIndex);
  const rc = readAccess(authHandle, index);
  if (rc !== 0) throw refuse(rc);
  if (size > MAX_NV_BUFFER_SIZE) throw refuse(TPM_RC.VALUE, 'size');
  if (offset > index.publicArea.dataSize) throw refuse(TPM_RC.VALUE, 'offset');
  return { data: readIndex(index, offset, size) };
});

const isDefined = ({ state }: Tpm, nvIndex: number): boolean =>
  state.nv.has(nvIndex) || state.pendingCertificates.has(nvIndex);

const define = action(NV_DefineSpace, (tpm, { authHandle, auth, publicInfo }) => {
  const { state } = tpm;
  const secret = withoutTrailingZeros(auth);
  checkDefinition({ authHandle, auth: secret, platformNv: state.platformNv }, publicInfo);
  if (isDefined(tpm, publicInfo.nvIndex)) throw refuse(TPM_RC.NV_DEFINED);
  if (!hasRoomForIndex(state, publicInfo)) throw refuse(TPM_RC.NV_SPACE);
  state.nv.set(publicInfo.nvIndex, {
    publicArea: { ...publicInfo, authPolicy: publicInfo.authPolicy.slice() },
    auth: secret.slice(),
    data: emptyMemory(publicInfo),
  });
  if (has(publicInfo.attributes, TPMA_NV.orderly)) saveOrderlyIndices(state);
});

const undefine = action(NV_UndefineSpace, (tpm, { authHandle, nvIndex }) => {
  const { attributes } = nvOf(tpm, nvIndex).publicArea;
  if (has(attributes, TPMA_NV.policyDelete)) throw refuse(TPM_RC.ATTRIBUTES, 'nvIndex');
  if (has(attributes, TPMA_NV.platformCreate) && authHandle !== TPM_RH.PLATFORM) throw refuse(TPM_RC.NV_AUTHORIZATION);
  deleteIndex(tpm.state, nvIndex);
});

const undefineSpecial = action(NV_UndefineSpaceSpecial, (tpm, { nvIndex }) => {
  const { attributes } = nvOf(tpm, nvIndex).publicArea;
  if (!has(attributes, TPMA_NV.policyDelete)) throw refuse(TPM_RC.ATTRIBUTES, 'nvIndex');
  deleteIndex(tpm.state, nvIndex);
});

const changeAuth = action(NV_ChangeAuth, (tpm, { nvIndex, newAuth }) => {
  const index = nvOf(tpm, nvIndex);
  const secret = withoutTrailingZeros(newAuth);
  if (secret.length > hashSize(index.publicArea.nameAlg)) throw refuse(TPM_RC.SIZE, 'newAuth');
  index.auth = secret.slice();
});

export const nvHandlers = [readPublic, read, define, undefine, undefineSpecial, changeAuth];

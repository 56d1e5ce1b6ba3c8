/** Objects and contexts (TPM 2.0 Library specification, Part 3, chapters 12 and 28). */
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import { EvictControl, ReadPublic } from '../../../src/tpm2/commands/object.ts';
import { TPM_HANDLE_RANGE, TPM_RH } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { objectOf } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { hasRoomForObject } from '../nv-space.ts';
import { refuse } from '../refusal.ts';
import type { TpmObject } from '../state.ts';

const readPublic = handler(ReadPublic, (tpm, { objectHandle }) => {
  const { publicArea, name, qualifiedName, sequence } = objectOf(tpm, objectHandle);
  if (sequence !== undefined) throw refuse(TPM_RC.SEQUENCE);
  return { outPublic: publicArea, name, qualifiedName };
});

const isStClear = ({ publicArea }: TpmObject): boolean => has(publicArea.objectAttributes, TPMA_OBJECT.stClear);

const evictControl = action(EvictControl, (tpm, { auth, objectHandle, persistentHandle }) => {
  const { transient, persistent } = tpm.state;
  const object = objectOf(tpm, objectHandle);
  const platform = object.hierarchy === TPM_RH.PLATFORM;
  // What does not outlast a restart, or has no secret, is not kept.
  const lasting = object.stClear !== true && object.publicOnly !== true && object.hierarchy !== TPM_RH.NULL;
  if (!lasting || isStClear(object)) throw refuse(TPM_RC.ATTRIBUTES, 'objectHandle');
  if (auth === TPM_RH.PLATFORM ? !platform : platform) throw refuse(TPM_RC.HIERARCHY, 'objectHandle');
  if (persistent.has(objectHandle)) {
    if (persistentHandle !== objectHandle) throw refuse(TPM_RC.HANDLE, 'objectHandle');
    persistent.delete(objectHandle);
    return;
  }
  // The owner's handles end where the platform's begin.
  if (auth === TPM_RH.PLATFORM ? persistentHandle < PLATFORM_FIRST : persistentHandle >= PLATFORM_FIRST) {
    throw refuse(TPM_RC.RANGE, 'persistentHandle');
  }
  if (persistent.has(persistentHandle)) throw refuse(TPM_RC.NV_DEFINED);
  if (!hasRoomForObject(tpm.state)) throw refuse(TPM_RC.NV_SPACE);
  const source = transient.get(objectHandle);
  if (source !== undefined) persistent.set(persistentHandle, source);
});

const PLATFORM_FIRST = TPM_HANDLE_RANGE.PLATFORM_PERSISTENT;

export const objectHandlers = [readPublic, evictControl];

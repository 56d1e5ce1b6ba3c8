/** Saved contexts (TPM 2.0 Library specification, Part 3, 28.2 to 28.4). */
import { has, TPMA_OBJECT } from '../../../src/tpm2/attributes.ts';
import type { Codec, Infer } from '../../../src/tpm2/codec.ts';
import { ContextLoad, ContextSave } from '../../../src/tpm2/commands/context.ts';
import { FlushContext } from '../../../src/tpm2/commands/object.ts';
import { handleType, TPM_HT, TPM_RH } from '../../../src/tpm2/constants.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import type { TPMS_CONTEXT } from '../../../src/tpm2/structures/index.ts';
import type { Tpm } from '../context.ts';
import { type ContextHeader, openContext, SAVED_OBJECT, sealContext } from '../context-blob.ts';
import { OBJECT_CONTENT, SESSION_CONTENT } from '../context-content.ts';
import { objectOf } from '../entities.ts';
import { action, handler } from '../handler.ts';
import { freeTransientHandle, isSlot } from '../object-store.ts';
import { refuse } from '../refusal.ts';
import { flushSession, isNewestContext, reloadSession, unloadSession } from '../sessions.ts';
import { hierarchyOf, type TpmObject } from '../state.ts';
import { policySessionOf } from './session.ts';

function objectHeader(tpm: Tpm, object: TpmObject): ContextHeader {
  const { sequence, hierarchy } = object;
  const stClear = object.stClear === true || has(object.publicArea.objectAttributes, TPMA_OBJECT.stClear);
  const savedHandle =
    sequence === undefined ? (stClear ? SAVED_OBJECT.ST_CLEAR : SAVED_OBJECT.ORDINARY) : SAVED_OBJECT.SEQUENCE;
  return { sequence: BigInt(++tpm.state.access.contexts.objects), savedHandle, hierarchy };
}

const save = handler(ContextSave, (tpm, { saveHandle }) => {
  if (handleType(saveHandle) === TPM_HT.TRANSIENT) {
    const object = objectOf(tpm, saveHandle);
    return { context: sealContext(tpm, objectHeader(tpm, object), OBJECT_CONTENT, object) };
  }
  const session = policySessionOf(tpm, saveHandle);
  const sequence = BigInt(unloadSession(tpm.state, session));
  const header = { sequence, savedHandle: saveHandle, hierarchy: TPM_RH.NULL };
  return { context: sealContext(tpm, header, SESSION_CONTENT, session) };
});

/** The content of a context, whose integrity says that this TPM wrote it. */
function contentOf<T>(tpm: Tpm, context: Infer<typeof TPMS_CONTEXT>, content: Codec<T>): T {
  const opened = openContext(tpm, context, content);
  if (opened === 'short') throw refuse(TPM_RC.INSUFFICIENT);
  if (opened === 'oversize') throw refuse(TPM_RC.SIZE);
  if (opened === 'size') throw refuse(TPM_RC.SIZE, 'context');
  if (opened === 'integrity') throw refuse(TPM_RC.INTEGRITY, 'context');
  return opened.value;
}

const load = handler(ContextLoad, (tpm, { context }) => {
  const { savedHandle, hierarchy, sequence } = context;
  if (handleType(savedHandle) === TPM_HT.TRANSIENT) {
    const object = contentOf(tpm, context, OBJECT_CONTENT);
    if (!hierarchyOf(tpm.state, hierarchy)?.enabled) throw refuse(TPM_RC.HIERARCHY, 'context');
    const handle = freeTransientHandle(tpm);
    if (handle === undefined) throw refuse(TPM_RC.OBJECT_MEMORY);
    tpm.state.transient.set(handle, object);
    return { loadedHandle: handle };
  }
  const session = contentOf(tpm, context, SESSION_CONTENT);
  if (!isNewestContext(tpm.state, savedHandle, sequence)) throw refuse(TPM_RC.HANDLE, 'context');
  // The contexts that may come back have changed since the TPM saved its state.
  tpm.state.shutdown = undefined;
  reloadSession(tpm.state, session);
  return { loadedHandle: savedHandle };
});

const flush = action(FlushContext, (tpm, { flushHandle }) => {
  if (handleType(flushHandle) !== TPM_HT.TRANSIENT) {
    if (!flushSession(tpm.state, flushHandle)) throw refuse(TPM_RC.HANDLE, 'flushHandle');
    return;
  }
  if (!isSlot(flushHandle)) throw refuse(TPM_RC.VALUE, 'flushHandle');
  if (!tpm.state.transient.delete(flushHandle)) throw refuse(TPM_RC.HANDLE, 'flushHandle');
});

export const contextHandlers = [save, load, flush];

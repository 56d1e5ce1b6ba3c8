/** Saved contexts of sessions and objects (TPM 2.0 Library specification, Part 3, 28.2 and 28.3). */
import { command, plain } from '../command-row.ts';
import { TPM_HANDLE, TPMI_DH_CONTEXT, TPMS_CONTEXT } from '../structures/index.ts';

const NONE = {} as const;

export const ContextSave = command('ContextSave', {
  spec: 'Part 3, 28.2',
  handles: { saveHandle: plain(TPMI_DH_CONTEXT) },
  parameters: NONE,
  responseHandles: NONE,
  response: { context: TPMS_CONTEXT },
  noSessions: true,
});

export const ContextLoad = command('ContextLoad', {
  spec: 'Part 3, 28.3',
  handles: NONE,
  parameters: { context: TPMS_CONTEXT },
  responseHandles: { loadedHandle: plain(TPM_HANDLE) },
  response: NONE,
  noSessions: true,
});

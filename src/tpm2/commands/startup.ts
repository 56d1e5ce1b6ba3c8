/** Start-up and testing (TPM 2.0 Library specification, Part 3, chapters 9 and 10). */
import { TPMA_CC } from '../attributes.ts';
import { u32 } from '../codec.ts';
import { command } from '../command-row.ts';
import { TPM_SU_TYPE, TPM2B_MAX_BUFFER, TPMI_YES_NO, TPML_ALG } from '../structures/index.ts';

const NONE = {} as const;

export const Startup = command('Startup', {
  spec: 'Part 3, 9.3',
  handles: NONE,
  parameters: { startupType: TPM_SU_TYPE },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
  noSessions: true,
});

export const Shutdown = command('Shutdown', {
  spec: 'Part 3, 9.4',
  handles: NONE,
  parameters: { shutdownType: TPM_SU_TYPE },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const SelfTest = command('SelfTest', {
  spec: 'Part 3, 10.2',
  handles: NONE,
  parameters: { fullTest: TPMI_YES_NO },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const IncrementalSelfTest = command('IncrementalSelfTest', {
  spec: 'Part 3, 10.3',
  handles: NONE,
  parameters: { toTest: TPML_ALG },
  responseHandles: NONE,
  response: { toDoList: TPML_ALG },
  attributes: TPMA_CC.nv,
});

export const GetTestResult = command('GetTestResult', {
  spec: 'Part 3, 10.4',
  handles: NONE,
  parameters: NONE,
  responseHandles: NONE,
  response: { outData: TPM2B_MAX_BUFFER, testResult: { ...u32, name: 'TPM_RC' } },
});

/** Control of hierarchies, physical presence and algorithm sets (TPM 2.0 Library specification, Part 3, chapters 24 and 26). */
import { TPMA_CC } from '../attributes.ts';
import { u32 } from '../codec.ts';
import { command, user } from '../command-row.ts';
import {
  TPM2B_AUTH,
  TPM2B_DIGEST,
  TPMI_ALG_HASH_NULL,
  TPMI_RH_BASE_HIERARCHY,
  TPMI_RH_CLEAR,
  TPMI_RH_ENABLES,
  TPMI_RH_HIERARCHY_AUTH,
  TPMI_RH_PLATFORM,
  TPMI_YES_NO,
  TPML_CC,
} from '../structures/index.ts';

const NONE = {} as const;
const PLATFORM = { authHandle: user(TPMI_RH_PLATFORM) };
const EXTENSIVE = TPMA_CC.nv | TPMA_CC.extensive;

export const HierarchyControl = command('HierarchyControl', {
  spec: 'Part 3, 24.2',
  handles: { authHandle: user(TPMI_RH_BASE_HIERARCHY) },
  parameters: { enable: TPMI_RH_ENABLES, state: TPMI_YES_NO },
  responseHandles: NONE,
  response: NONE,
  attributes: EXTENSIVE,
});

export const SetPrimaryPolicy = command('SetPrimaryPolicy', {
  spec: 'Part 3, 24.3',
  handles: { authHandle: user(TPMI_RH_HIERARCHY_AUTH) },
  parameters: { authPolicy: TPM2B_DIGEST, hashAlg: TPMI_ALG_HASH_NULL },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const ChangePPS = command('ChangePPS', {
  spec: 'Part 3, 24.4',
  handles: PLATFORM,
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: EXTENSIVE,
});

export const ChangeEPS = command('ChangeEPS', {
  spec: 'Part 3, 24.5',
  handles: PLATFORM,
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: EXTENSIVE,
});

export const Clear = command('Clear', {
  spec: 'Part 3, 24.6',
  handles: { authHandle: user(TPMI_RH_CLEAR) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: EXTENSIVE,
});

export const ClearControl = command('ClearControl', {
  spec: 'Part 3, 24.7',
  handles: { auth: user(TPMI_RH_CLEAR) },
  parameters: { disable: TPMI_YES_NO },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const HierarchyChangeAuth = command('HierarchyChangeAuth', {
  spec: 'Part 3, 24.8',
  handles: { authHandle: user(TPMI_RH_HIERARCHY_AUTH) },
  parameters: { newAuth: TPM2B_AUTH },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const PP_Commands = command('PP_Commands', {
  spec: 'Part 3, 26.2',
  handles: { auth: user(TPMI_RH_PLATFORM) },
  parameters: { setList: TPML_CC, clearList: TPML_CC },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const SetAlgorithmSet = command('SetAlgorithmSet', {
  spec: 'Part 3, 26.3',
  handles: PLATFORM,
  parameters: { algorithmSet: u32 },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

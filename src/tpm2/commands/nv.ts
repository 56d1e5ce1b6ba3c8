/** NV storage (TPM 2.0 Library specification, Part 3, chapter 31). */
import { TPMA_CC } from '../attributes.ts';
import { u16 } from '../codec.ts';
import { command, plain, user } from '../command-row.ts';
import {
  TPM2B_AUTH,
  TPM2B_MAX_NV_BUFFER,
  TPM2B_NAME,
  TPM2B_NV_PUBLIC,
  TPMI_RH_NV_AUTH,
  TPMI_RH_NV_INDEX,
  TPMI_RH_PROVISION,
} from '../structures/index.ts';

const NONE = {} as const;
/** Handles of a command on the contents of an index. */
const ACCESS = { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) };

export const NV_DefineSpace = command('NV_DefineSpace', {
  spec: 'Part 3, 31.3',
  handles: { authHandle: user(TPMI_RH_PROVISION) },
  parameters: { auth: TPM2B_AUTH, publicInfo: TPM2B_NV_PUBLIC },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_UndefineSpace = command('NV_UndefineSpace', {
  spec: 'Part 3, 31.4',
  handles: { authHandle: user(TPMI_RH_PROVISION), nvIndex: plain(TPMI_RH_NV_INDEX) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_ReadPublic = command('NV_ReadPublic', {
  spec: 'Part 3, 31.6',
  handles: { nvIndex: plain(TPMI_RH_NV_INDEX) },
  parameters: NONE,
  responseHandles: NONE,
  response: { nvPublic: TPM2B_NV_PUBLIC, nvName: TPM2B_NAME },
});

export const NV_Write = command('NV_Write', {
  spec: 'Part 3, 31.7',
  handles: ACCESS,
  parameters: { data: TPM2B_MAX_NV_BUFFER, offset: u16 },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_Read = command('NV_Read', {
  spec: 'Part 3, 31.13',
  handles: ACCESS,
  parameters: { size: u16, offset: u16 },
  responseHandles: NONE,
  response: { data: TPM2B_MAX_NV_BUFFER },
});

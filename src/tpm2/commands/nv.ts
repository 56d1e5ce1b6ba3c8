/** NV storage (TPM 2.0 Library specification, Part 3, chapter 31). */
import { TPMA_CC } from '../attributes.ts';
import { u16, u64 } from '../codec.ts';
import { admin, command, plain, user } from '../command-row.ts';
import {
  TPM2B_ATTEST,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_MAX_NV_BUFFER,
  TPM2B_NAME,
  TPM2B_NV_PUBLIC,
  TPMI_DH_OBJECT_NULL,
  TPMI_RH_NV_AUTH,
  TPMI_RH_NV_INDEX,
  TPMI_RH_PLATFORM,
  TPMI_RH_PROVISION,
  TPMT_SIG_SCHEME,
  TPMT_SIGNATURE,
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

export const NV_UndefineSpaceSpecial = command('NV_UndefineSpaceSpecial', {
  spec: 'Part 3, 31.5',
  handles: { nvIndex: admin(TPMI_RH_NV_INDEX), platform: user(TPMI_RH_PLATFORM) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_Increment = command('NV_Increment', {
  spec: 'Part 3, 31.8',
  handles: ACCESS,
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_Extend = command('NV_Extend', {
  spec: 'Part 3, 31.9',
  handles: ACCESS,
  parameters: { data: TPM2B_MAX_NV_BUFFER },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_SetBits = command('NV_SetBits', {
  spec: 'Part 3, 31.10',
  handles: ACCESS,
  parameters: { bits: u64 },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_WriteLock = command('NV_WriteLock', {
  spec: 'Part 3, 31.11',
  handles: ACCESS,
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_GlobalWriteLock = command('NV_GlobalWriteLock', {
  spec: 'Part 3, 31.12',
  handles: { authHandle: user(TPMI_RH_PROVISION) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_ReadLock = command('NV_ReadLock', {
  spec: 'Part 3, 31.14',
  handles: ACCESS,
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_ChangeAuth = command('NV_ChangeAuth', {
  spec: 'Part 3, 31.15',
  handles: { nvIndex: admin(TPMI_RH_NV_INDEX) },
  parameters: { newAuth: TPM2B_AUTH },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const NV_Certify = command('NV_Certify', {
  spec: 'Part 3, 31.16',
  handles: {
    signHandle: user(TPMI_DH_OBJECT_NULL),
    authHandle: user(TPMI_RH_NV_AUTH),
    nvIndex: plain(TPMI_RH_NV_INDEX),
  },
  parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME, size: u16, offset: u16 },
  responseHandles: NONE,
  response: { certifyInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
});

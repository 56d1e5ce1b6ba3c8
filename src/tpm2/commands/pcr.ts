/** Random numbers, PCR, capabilities and the clock (TPM 2.0 Library specification, Part 3, chapters 16, 22, 29 and 30). */
import { TPMA_CC } from '../attributes.ts';
import { u16, u32 } from '../codec.ts';
import { command, user } from '../command-row.ts';
import {
  TPM_CAP_TYPE,
  TPM2B_DIGEST,
  TPM2B_EVENT,
  TPM2B_SENSITIVE_DATA,
  TPMI_ALG_HASH_NULL,
  TPMI_DH_PCR,
  TPMI_DH_PCR_NULL,
  TPMI_RH_PLATFORM,
  TPMI_YES_NO,
  TPML_DIGEST,
  TPML_DIGEST_VALUES,
  TPML_PCR_SELECTION,
  TPMS_CAPABILITY_DATA,
  TPMS_TIME_INFO,
} from '../structures/index.ts';

const NONE = {} as const;

export const GetRandom = command('GetRandom', {
  spec: 'Part 3, 16.1',
  handles: NONE,
  parameters: { bytesRequested: u16 },
  responseHandles: NONE,
  response: { randomBytes: TPM2B_DIGEST },
});

export const StirRandom = command('StirRandom', {
  spec: 'Part 3, 16.2',
  handles: NONE,
  parameters: { inData: TPM2B_SENSITIVE_DATA },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const PCR_Extend = command('PCR_Extend', {
  spec: 'Part 3, 22.2',
  handles: { pcrHandle: user(TPMI_DH_PCR_NULL) },
  parameters: { digests: TPML_DIGEST_VALUES },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const PCR_Event = command('PCR_Event', {
  spec: 'Part 3, 22.3',
  handles: { pcrHandle: user(TPMI_DH_PCR_NULL) },
  parameters: { eventData: TPM2B_EVENT },
  responseHandles: NONE,
  response: { digests: TPML_DIGEST_VALUES },
  attributes: TPMA_CC.nv,
});

export const PCR_Read = command('PCR_Read', {
  spec: 'Part 3, 22.4',
  handles: NONE,
  parameters: { pcrSelectionIn: TPML_PCR_SELECTION },
  responseHandles: NONE,
  response: { pcrUpdateCounter: u32, pcrSelectionOut: TPML_PCR_SELECTION, pcrValues: TPML_DIGEST },
});

export const PCR_Allocate = command('PCR_Allocate', {
  spec: 'Part 3, 22.5',
  handles: { authHandle: user(TPMI_RH_PLATFORM) },
  parameters: { pcrAllocation: TPML_PCR_SELECTION },
  responseHandles: NONE,
  response: { allocationSuccess: TPMI_YES_NO, maxPCR: u32, sizeNeeded: u32, sizeAvailable: u32 },
  attributes: TPMA_CC.nv,
});

export const PCR_SetAuthPolicy = command('PCR_SetAuthPolicy', {
  spec: 'Part 3, 22.6',
  handles: { authHandle: user(TPMI_RH_PLATFORM) },
  parameters: { authPolicy: TPM2B_DIGEST, hashAlg: TPMI_ALG_HASH_NULL, pcrNum: TPMI_DH_PCR },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const PCR_SetAuthValue = command('PCR_SetAuthValue', {
  spec: 'Part 3, 22.7',
  handles: { pcrHandle: user(TPMI_DH_PCR) },
  parameters: { auth: TPM2B_DIGEST },
  responseHandles: NONE,
  response: NONE,
});

export const PCR_Reset = command('PCR_Reset', {
  spec: 'Part 3, 22.8',
  handles: { pcrHandle: user(TPMI_DH_PCR) },
  parameters: NONE,
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const ReadClock = command('ReadClock', {
  spec: 'Part 3, 29.1',
  handles: NONE,
  parameters: NONE,
  responseHandles: NONE,
  response: { currentTime: TPMS_TIME_INFO },
});

export const GetCapability = command('GetCapability', {
  spec: 'Part 3, 30.2',
  handles: NONE,
  parameters: { capability: TPM_CAP_TYPE, property: u32, propertyCount: u32 },
  responseHandles: NONE,
  response: { moreData: TPMI_YES_NO, capabilityData: TPMS_CAPABILITY_DATA },
});

/** Creating, loading and duplicating objects (TPM 2.0 Library specification, Part 3, chapters 12 and 13). */
import { admin, command, dup, plain, user } from '../command-row.ts';
import {
  TPM_HANDLE,
  TPM2B_AUTH,
  TPM2B_CREATION_DATA,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_NAME,
  TPM2B_PRIVATE,
  TPM2B_PUBLIC,
  TPM2B_PUBLIC_NULL,
  TPM2B_SENSITIVE,
  TPM2B_SENSITIVE_CREATE,
  TPM2B_SENSITIVE_DATA,
  TPM2B_TEMPLATE,
  TPMI_DH_OBJECT,
  TPMI_DH_OBJECT_NULL,
  TPMI_DH_PARENT,
  TPMI_RH_HIERARCHY,
  TPML_PCR_SELECTION,
  TPMT_PUBLIC_PARMS,
  TPMT_SYM_DEF_OBJECT,
  TPMT_TK_CREATION,
} from '../structures/index.ts';

const NONE = {} as const;

export const Create = command('Create', {
  spec: 'Part 3, 12.1',
  handles: { parentHandle: user(TPMI_DH_OBJECT) },
  parameters: {
    inSensitive: TPM2B_SENSITIVE_CREATE,
    inPublic: TPM2B_PUBLIC,
    outsideInfo: TPM2B_DATA,
    creationPCR: TPML_PCR_SELECTION,
  },
  responseHandles: NONE,
  response: {
    outPrivate: TPM2B_PRIVATE,
    outPublic: TPM2B_PUBLIC,
    creationData: TPM2B_CREATION_DATA,
    creationHash: TPM2B_DIGEST,
    creationTicket: TPMT_TK_CREATION,
  },
});

export const Load = command('Load', {
  spec: 'Part 3, 12.2',
  handles: { parentHandle: user(TPMI_DH_OBJECT) },
  parameters: { inPrivate: TPM2B_PRIVATE, inPublic: TPM2B_PUBLIC },
  responseHandles: { objectHandle: plain(TPM_HANDLE) },
  response: { name: TPM2B_NAME },
});

export const LoadExternal = command('LoadExternal', {
  spec: 'Part 3, 12.3',
  handles: NONE,
  parameters: { inPrivate: TPM2B_SENSITIVE, inPublic: TPM2B_PUBLIC_NULL, hierarchy: TPMI_RH_HIERARCHY },
  responseHandles: { objectHandle: plain(TPM_HANDLE) },
  response: { name: TPM2B_NAME },
});

export const Unseal = command('Unseal', {
  spec: 'Part 3, 12.7',
  handles: { itemHandle: user(TPMI_DH_OBJECT) },
  parameters: NONE,
  responseHandles: NONE,
  response: { outData: TPM2B_SENSITIVE_DATA },
});

export const ObjectChangeAuth = command('ObjectChangeAuth', {
  spec: 'Part 3, 12.8',
  handles: { objectHandle: admin(TPMI_DH_OBJECT), parentHandle: plain(TPMI_DH_OBJECT) },
  parameters: { newAuth: TPM2B_AUTH },
  responseHandles: NONE,
  response: { outPrivate: TPM2B_PRIVATE },
});

export const CreateLoaded = command('CreateLoaded', {
  spec: 'Part 3, 12.9',
  handles: { parentHandle: user(TPMI_DH_PARENT) },
  parameters: { inSensitive: TPM2B_SENSITIVE_CREATE, inPublic: TPM2B_TEMPLATE },
  responseHandles: { objectHandle: plain(TPM_HANDLE) },
  response: { outPrivate: TPM2B_PRIVATE, outPublic: TPM2B_PUBLIC, name: TPM2B_NAME },
});

export const Duplicate = command('Duplicate', {
  spec: 'Part 3, 13.1',
  handles: { objectHandle: dup(TPMI_DH_OBJECT), newParentHandle: plain(TPMI_DH_OBJECT_NULL) },
  parameters: { encryptionKeyIn: TPM2B_DATA, symmetricAlg: TPMT_SYM_DEF_OBJECT },
  responseHandles: NONE,
  response: { encryptionKeyOut: TPM2B_DATA, duplicate: TPM2B_PRIVATE, outSymSeed: TPM2B_ENCRYPTED_SECRET },
});

export const Rewrap = command('Rewrap', {
  spec: 'Part 3, 13.2',
  handles: { oldParent: user(TPMI_DH_OBJECT_NULL), newParent: plain(TPMI_DH_OBJECT_NULL) },
  parameters: { inDuplicate: TPM2B_PRIVATE, name: TPM2B_NAME, inSymSeed: TPM2B_ENCRYPTED_SECRET },
  responseHandles: NONE,
  response: { outDuplicate: TPM2B_PRIVATE, outSymSeed: TPM2B_ENCRYPTED_SECRET },
});

export const Import = command('Import', {
  spec: 'Part 3, 13.3',
  handles: { parentHandle: user(TPMI_DH_OBJECT) },
  parameters: {
    encryptionKey: TPM2B_DATA,
    objectPublic: TPM2B_PUBLIC,
    duplicate: TPM2B_PRIVATE,
    inSymSeed: TPM2B_ENCRYPTED_SECRET,
    symmetricAlg: TPMT_SYM_DEF_OBJECT,
  },
  responseHandles: NONE,
  response: { outPrivate: TPM2B_PRIVATE },
});

export const TestParms = command('TestParms', {
  spec: 'Part 3, 30.3',
  handles: NONE,
  parameters: { parameters: TPMT_PUBLIC_PARMS },
  responseHandles: NONE,
  response: NONE,
});

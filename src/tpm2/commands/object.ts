/** Objects, hierarchies, contexts and attestation (TPM 2.0 Library specification, Part 3, chapters 12, 18, 24 and 28). */
import { TPMA_CC } from '../attributes.ts';
import { admin, command, plain, user } from '../command-row.ts';
import {
  TPM_HANDLE,
  TPM2B_ATTEST,
  TPM2B_CREATION_DATA,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_ID_OBJECT,
  TPM2B_NAME,
  TPM2B_PUBLIC,
  TPM2B_PUBLIC_NULL,
  TPM2B_SENSITIVE_CREATE,
  TPMI_DH_CONTEXT,
  TPMI_DH_OBJECT,
  TPMI_DH_OBJECT_NULL,
  TPMI_DH_PERSISTENT,
  TPMI_RH_HIERARCHY,
  TPMI_RH_PROVISION,
  TPML_PCR_SELECTION,
  TPMT_SIG_SCHEME,
  TPMT_SIGNATURE,
  TPMT_TK_CREATION,
} from '../structures/index.ts';

const NONE = {} as const;

export const ReadPublic = command('ReadPublic', {
  spec: 'Part 3, 12.4',
  handles: { objectHandle: plain(TPMI_DH_OBJECT) },
  parameters: NONE,
  responseHandles: NONE,
  response: { outPublic: TPM2B_PUBLIC_NULL, name: TPM2B_NAME, qualifiedName: TPM2B_NAME },
});

export const ActivateCredential = command('ActivateCredential', {
  spec: 'Part 3, 12.5',
  handles: { activateHandle: admin(TPMI_DH_OBJECT), keyHandle: user(TPMI_DH_OBJECT) },
  parameters: { credentialBlob: TPM2B_ID_OBJECT, secret: TPM2B_ENCRYPTED_SECRET },
  responseHandles: NONE,
  response: { certInfo: TPM2B_DIGEST },
});

export const MakeCredential = command('MakeCredential', {
  spec: 'Part 3, 12.6',
  handles: { handle: plain(TPMI_DH_OBJECT) },
  parameters: { credential: TPM2B_DIGEST, objectName: TPM2B_NAME },
  responseHandles: NONE,
  response: { credentialBlob: TPM2B_ID_OBJECT, secret: TPM2B_ENCRYPTED_SECRET },
});

export const Quote = command('Quote', {
  spec: 'Part 3, 18.4',
  handles: { signHandle: user(TPMI_DH_OBJECT_NULL) },
  parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME, PCRselect: TPML_PCR_SELECTION },
  responseHandles: NONE,
  response: { quoted: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
});

export const CreatePrimary = command('CreatePrimary', {
  spec: 'Part 3, 24.1',
  handles: { primaryHandle: user(TPMI_RH_HIERARCHY) },
  parameters: {
    inSensitive: TPM2B_SENSITIVE_CREATE,
    inPublic: TPM2B_PUBLIC,
    outsideInfo: TPM2B_DATA,
    creationPCR: TPML_PCR_SELECTION,
  },
  responseHandles: { objectHandle: plain(TPM_HANDLE) },
  response: {
    outPublic: TPM2B_PUBLIC,
    creationData: TPM2B_CREATION_DATA,
    creationHash: TPM2B_DIGEST,
    creationTicket: TPMT_TK_CREATION,
    name: TPM2B_NAME,
  },
});

export const FlushContext = command('FlushContext', {
  spec: 'Part 3, 28.4',
  handles: NONE,
  parameters: { flushHandle: TPMI_DH_CONTEXT },
  responseHandles: NONE,
  response: NONE,
  noSessions: true,
});

export const EvictControl = command('EvictControl', {
  spec: 'Part 3, 28.5',
  handles: { auth: user(TPMI_RH_PROVISION), objectHandle: plain(TPMI_DH_OBJECT) },
  parameters: { persistentHandle: TPMI_DH_PERSISTENT },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

/** Attestation besides TPM2_Quote (TPM 2.0 Library specification, Part 3, chapter 18). */
import { admin, command, plain, user } from '../command-row.ts';
import {
  TPM2B_ATTEST,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_MAX_BUFFER,
  TPMI_DH_OBJECT,
  TPMI_DH_OBJECT_NULL,
  TPMI_RH_ENDORSEMENT_ONLY,
  TPMT_SIG_SCHEME,
  TPMT_SIGNATURE,
  TPMT_TK_CREATION,
} from '../structures/index.ts';

const NONE = {} as const;

export const Certify = command('Certify', {
  spec: 'Part 3, 18.2',
  handles: { objectHandle: admin(TPMI_DH_OBJECT), signHandle: user(TPMI_DH_OBJECT_NULL) },
  parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME },
  responseHandles: NONE,
  response: { certifyInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
});

export const CertifyCreation = command('CertifyCreation', {
  spec: 'Part 3, 18.3',
  handles: { signHandle: user(TPMI_DH_OBJECT_NULL), objectHandle: plain(TPMI_DH_OBJECT) },
  parameters: {
    qualifyingData: TPM2B_DATA,
    creationHash: TPM2B_DIGEST,
    inScheme: TPMT_SIG_SCHEME,
    creationTicket: TPMT_TK_CREATION,
  },
  responseHandles: NONE,
  response: { certifyInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
});

export const GetTime = command('GetTime', {
  spec: 'Part 3, 18.7',
  handles: { privacyAdminHandle: user(TPMI_RH_ENDORSEMENT_ONLY), signHandle: user(TPMI_DH_OBJECT_NULL) },
  parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME },
  responseHandles: NONE,
  response: { timeInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE },
});

export const CertifyX509 = command('CertifyX509', {
  spec: 'Part 3, 18.8',
  handles: { objectHandle: admin(TPMI_DH_OBJECT), signHandle: user(TPMI_DH_OBJECT_NULL) },
  parameters: { reserved: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME, partialCertificate: TPM2B_MAX_BUFFER },
  responseHandles: NONE,
  response: { addedToCertificate: TPM2B_MAX_BUFFER, tbsDigest: TPM2B_DIGEST, signature: TPMT_SIGNATURE },
});

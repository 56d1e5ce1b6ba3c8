/** Asymmetric and symmetric primitives, hashes, signatures and anonymous keys (TPM 2.0 Library specification, Part 3, chapters 14, 15, 17, 19 and 20). */
import { TPMA_CC } from '../attributes.ts';
import { oneOf, u16 } from '../codec.ts';
import { command, plain, user } from '../command-row.ts';
import { TPM_ALG } from '../constants.ts';
import { TPM_RC } from '../response-code.ts';
import {
  HASH_ALGORITHMS,
  TPM_HANDLE,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ECC_PARAMETER,
  TPM2B_ECC_POINT,
  TPM2B_IV,
  TPM2B_MAX_BUFFER,
  TPM2B_PUBLIC_KEY_RSA,
  TPM2B_SENSITIVE_DATA,
  TPMI_ALG_CIPHER_MODE_NULL,
  TPMI_ALG_HASH,
  TPMI_ALG_HASH_NULL,
  TPMI_DH_OBJECT,
  TPMI_DH_PCR_NULL,
  TPMI_ECC_CURVE,
  TPMI_ECC_KEY_EXCHANGE,
  TPMI_RH_HIERARCHY,
  TPMI_YES_NO,
  TPML_DIGEST_VALUES,
  TPMS_ALGORITHM_DETAIL_ECC,
  TPMT_RSA_DECRYPT,
  TPMT_SIG_SCHEME,
  TPMT_SIGNATURE,
  TPMT_SIGNATURE_GIVEN,
  TPMT_TK_HASHCHECK,
  TPMT_TK_VERIFIED,
} from '../structures/index.ts';

const NONE = {} as const;
/** Part 2, 9.36: CMAC, or the hash of an HMAC. TPM2_HMAC and TPM2_MAC have one code, as TPM2_HMAC_Start and TPM2_MAC_Start. */
const TPMI_ALG_MAC_SCHEME = oneOf(
  'TPMI_ALG_MAC_SCHEME+',
  u16,
  [...HASH_ALGORITHMS, TPM_ALG.CMAC, TPM_ALG.NULL],
  TPM_RC.SYMMETRIC,
);

export const RSA_Encrypt = command('RSA_Encrypt', {
  spec: 'Part 3, 14.2',
  handles: { keyHandle: plain(TPMI_DH_OBJECT) },
  parameters: { message: TPM2B_PUBLIC_KEY_RSA, inScheme: TPMT_RSA_DECRYPT, label: TPM2B_DATA },
  responseHandles: NONE,
  response: { outData: TPM2B_PUBLIC_KEY_RSA },
});

export const RSA_Decrypt = command('RSA_Decrypt', {
  spec: 'Part 3, 14.3',
  handles: { keyHandle: user(TPMI_DH_OBJECT) },
  parameters: { cipherText: TPM2B_PUBLIC_KEY_RSA, inScheme: TPMT_RSA_DECRYPT, label: TPM2B_DATA },
  responseHandles: NONE,
  response: { message: TPM2B_PUBLIC_KEY_RSA },
});

export const ECDH_KeyGen = command('ECDH_KeyGen', {
  spec: 'Part 3, 14.4',
  handles: { keyHandle: plain(TPMI_DH_OBJECT) },
  parameters: NONE,
  responseHandles: NONE,
  response: { zPoint: TPM2B_ECC_POINT, pubPoint: TPM2B_ECC_POINT },
});

export const ECDH_ZGen = command('ECDH_ZGen', {
  spec: 'Part 3, 14.5',
  handles: { keyHandle: user(TPMI_DH_OBJECT) },
  parameters: { inPoint: TPM2B_ECC_POINT },
  responseHandles: NONE,
  response: { outPoint: TPM2B_ECC_POINT },
});

export const ECC_Parameters = command('ECC_Parameters', {
  spec: 'Part 3, 14.6',
  handles: NONE,
  parameters: { curveID: TPMI_ECC_CURVE },
  responseHandles: NONE,
  response: { parameters: TPMS_ALGORITHM_DETAIL_ECC },
});

export const ZGen_2Phase = command('ZGen_2Phase', {
  spec: 'Part 3, 14.7',
  handles: { keyA: user(TPMI_DH_OBJECT) },
  parameters: { inQsB: TPM2B_ECC_POINT, inQeB: TPM2B_ECC_POINT, inScheme: TPMI_ECC_KEY_EXCHANGE, counter: u16 },
  responseHandles: NONE,
  response: { outZ1: TPM2B_ECC_POINT, outZ2: TPM2B_ECC_POINT },
});

export const EncryptDecrypt = command('EncryptDecrypt', {
  spec: 'Part 3, 15.2',
  handles: { keyHandle: user(TPMI_DH_OBJECT) },
  parameters: { decrypt: TPMI_YES_NO, mode: TPMI_ALG_CIPHER_MODE_NULL, ivIn: TPM2B_IV, inData: TPM2B_MAX_BUFFER },
  responseHandles: NONE,
  response: { outData: TPM2B_MAX_BUFFER, ivOut: TPM2B_IV },
});

export const EncryptDecrypt2 = command('EncryptDecrypt2', {
  spec: 'Part 3, 15.3',
  handles: { keyHandle: user(TPMI_DH_OBJECT) },
  parameters: { inData: TPM2B_MAX_BUFFER, decrypt: TPMI_YES_NO, mode: TPMI_ALG_CIPHER_MODE_NULL, ivIn: TPM2B_IV },
  responseHandles: NONE,
  response: { outData: TPM2B_MAX_BUFFER, ivOut: TPM2B_IV },
});

export const Hash = command('Hash', {
  spec: 'Part 3, 15.4',
  handles: NONE,
  parameters: { data: TPM2B_MAX_BUFFER, hashAlg: TPMI_ALG_HASH, hierarchy: TPMI_RH_HIERARCHY },
  responseHandles: NONE,
  response: { outHash: TPM2B_DIGEST, validation: TPMT_TK_HASHCHECK },
});

export const HMAC = command('HMAC', {
  spec: 'Part 3, 15.5',
  handles: { handle: user(TPMI_DH_OBJECT) },
  parameters: { buffer: TPM2B_MAX_BUFFER, hashAlg: TPMI_ALG_MAC_SCHEME },
  responseHandles: NONE,
  response: { outHMAC: TPM2B_DIGEST },
});

export const HMAC_Start = command('HMAC_Start', {
  spec: 'Part 3, 17.2',
  handles: { handle: user(TPMI_DH_OBJECT) },
  parameters: { auth: TPM2B_AUTH, hashAlg: TPMI_ALG_MAC_SCHEME },
  responseHandles: { sequenceHandle: plain(TPM_HANDLE) },
  response: NONE,
});

export const HashSequenceStart = command('HashSequenceStart', {
  spec: 'Part 3, 17.4',
  handles: NONE,
  parameters: { auth: TPM2B_AUTH, hashAlg: TPMI_ALG_HASH_NULL },
  responseHandles: { sequenceHandle: plain(TPM_HANDLE) },
  response: NONE,
});

export const SequenceUpdate = command('SequenceUpdate', {
  spec: 'Part 3, 17.5',
  handles: { sequenceHandle: user(TPMI_DH_OBJECT) },
  parameters: { buffer: TPM2B_MAX_BUFFER },
  responseHandles: NONE,
  response: NONE,
});

export const SequenceComplete = command('SequenceComplete', {
  spec: 'Part 3, 17.6',
  handles: { sequenceHandle: user(TPMI_DH_OBJECT) },
  parameters: { buffer: TPM2B_MAX_BUFFER, hierarchy: TPMI_RH_HIERARCHY },
  responseHandles: NONE,
  response: { result: TPM2B_DIGEST, validation: TPMT_TK_HASHCHECK },
  attributes: TPMA_CC.flushed,
});

export const EventSequenceComplete = command('EventSequenceComplete', {
  spec: 'Part 3, 17.7',
  handles: { pcrHandle: user(TPMI_DH_PCR_NULL), sequenceHandle: user(TPMI_DH_OBJECT) },
  parameters: { buffer: TPM2B_MAX_BUFFER },
  responseHandles: NONE,
  response: { results: TPML_DIGEST_VALUES },
  attributes: TPMA_CC.nv | TPMA_CC.flushed,
});

export const Commit = command('Commit', {
  spec: 'Part 3, 19.2',
  handles: { signHandle: user(TPMI_DH_OBJECT) },
  parameters: { P1: TPM2B_ECC_POINT, s2: TPM2B_SENSITIVE_DATA, y2: TPM2B_ECC_PARAMETER },
  responseHandles: NONE,
  response: { K: TPM2B_ECC_POINT, L: TPM2B_ECC_POINT, E: TPM2B_ECC_POINT, counter: u16 },
});

export const EC_Ephemeral = command('EC_Ephemeral', {
  spec: 'Part 3, 19.3',
  handles: NONE,
  parameters: { curveID: TPMI_ECC_CURVE },
  responseHandles: NONE,
  response: { Q: TPM2B_ECC_POINT, counter: u16 },
});

export const VerifySignature = command('VerifySignature', {
  spec: 'Part 3, 20.1',
  handles: { keyHandle: plain(TPMI_DH_OBJECT) },
  parameters: { digest: TPM2B_DIGEST, signature: TPMT_SIGNATURE_GIVEN },
  responseHandles: NONE,
  response: { validation: TPMT_TK_VERIFIED },
});

export const Sign = command('Sign', {
  spec: 'Part 3, 20.2',
  handles: { keyHandle: user(TPMI_DH_OBJECT) },
  parameters: { digest: TPM2B_DIGEST, inScheme: TPMT_SIG_SCHEME, validation: TPMT_TK_HASHCHECK },
  responseHandles: NONE,
  response: { signature: TPMT_SIGNATURE },
});

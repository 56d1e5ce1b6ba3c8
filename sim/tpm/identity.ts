/** Keys and quotes of a booted host through any TPM transport: what an operating system's attestation agent does. */
import { concat, equalBytes } from '../../src/bytes/bytes.ts';
import { type Tpm2Client, TpmError } from '../../src/tpm2/client.ts';
import { encode } from '../../src/tpm2/codec.ts';
import { COMMANDS } from '../../src/tpm2/commands.ts';
import { TPM_ALG, TPM_RH, TPM_SE } from '../../src/tpm2/constants.ts';
import type { Credential } from '../../src/tpm2/credential.ts';
import { EK_PROFILE, type EkKind, ekPolicies } from '../../src/tpm2/ek-profile.ts';
import { parsePublic } from '../../src/tpm2/quote.ts';
import {
  TPM2B_PUBLIC,
  type TPML_PCR_SELECTION,
  type TPMT_PUBLIC,
  TPMT_SIGNATURE,
} from '../../src/tpm2/structures/index.ts';
import { AK_ECC_P256, AK_RSA2048 } from '../../src/tpm2/templates.ts';

/** AK types a host spec can choose. */
export type AkAlgorithm = 'rsa2048' | 'eccP256';

/** EK and AK of a host. Byte fields are wire forms. */
export interface ProvisionedKeys {
  readonly ekHandle: number;
  /** TPM2B_PUBLIC. */
  readonly ekPublic: Uint8Array;
  /** DER from NV; undefined where the TPM has none. */
  readonly ekCertificate: Uint8Array | undefined;
  readonly akHandle: number;
  /** TPM2B_PUBLIC. */
  readonly akPublic: Uint8Array;
  readonly akName: Uint8Array;
}

/** Bytes asked for in one NV_Read: every TPM takes this many. */
const NV_CHUNK = 512;

const EMPTY = new Uint8Array(0);

/** Creates a primary key in a hierarchy with an empty authorisation value. */
export async function createPrimary(client: Tpm2Client, primaryHandle: number, inPublic: TPMT_PUBLIC) {
  return client.call(COMMANDS.CreatePrimary, {
    primaryHandle,
    inSensitive: { userAuth: EMPTY, data: EMPTY },
    inPublic,
    outsideInfo: EMPTY,
    creationPCR: [],
  });
}

/** Whole contents of an NV index read with its own (empty) authorisation; undefined where it does not exist or was never written. */
export async function readNv(client: Tpm2Client, nvIndex: number): Promise<Uint8Array | undefined> {
  try {
    const { nvPublic } = await client.call(COMMANDS.NV_ReadPublic, { nvIndex });
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < nvPublic.dataSize; offset += NV_CHUNK) {
      const size = Math.min(NV_CHUNK, nvPublic.dataSize - offset);
      const { data } = await client.call(COMMANDS.NV_Read, { authHandle: nvIndex, nvIndex, size, offset });
      parts.push(data);
    }
    return concat(...parts);
  } catch (error) {
    if (error instanceof TpmError && (error.rc === 'HANDLE' || error.rc === 'NV_UNINITIALIZED')) return undefined;
    throw error;
  }
}

/** A DER certificate without the padding some manufacturers leave after it in NV. */
function trimDer(bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (bytes === undefined || bytes.length < 4 || bytes[0] !== 0x30 || bytes[1] !== 0x82) return bytes;
  return bytes.subarray(0, 4 + ((bytes[2] ?? 0) << 8) + (bytes[3] ?? 0));
}

/** The DER certificate in an NV index; undefined where there is none. */
export const readCertificate = async (client: Tpm2Client, nvIndex: number): Promise<Uint8Array | undefined> =>
  trimDer(await readNv(client, nvIndex));

/** Creates the endorsement key and an attestation key, both primary keys of the endorsement hierarchy, and reads the EK certificate. */
export async function provisionKeys(
  client: Tpm2Client,
  algorithms: { readonly ekAlgorithm: EkKind; readonly akAlgorithm: AkAlgorithm },
): Promise<ProvisionedKeys> {
  const { publicArea, certificateIndex } = EK_PROFILE[algorithms.ekAlgorithm];
  const akTemplate = algorithms.akAlgorithm === 'rsa2048' ? AK_RSA2048 : AK_ECC_P256;
  const ek = await createPrimary(client, TPM_RH.ENDORSEMENT, publicArea);
  const ak = await createPrimary(client, TPM_RH.ENDORSEMENT, akTemplate);
  return {
    ekHandle: ek.objectHandle,
    ekPublic: encode(TPM2B_PUBLIC, ek.outPublic),
    ekCertificate: await readCertificate(client, certificateIndex),
    akHandle: ak.objectHandle,
    akPublic: encode(TPM2B_PUBLIC, ak.outPublic),
    akName: ak.name,
  };
}

/**
 * Opens a credential that a verifier made for the EK and the AK's name (TPM2_ActivateCredential), with the EK's own policy: policy A
 * of the EK Credential Profile, and PolicyOR where the EK has policy B. Undefined where the TPM refuses: the credential is for another EK or another AK.
 */
export async function activateCredential(
  client: Tpm2Client,
  keys: Pick<ProvisionedKeys, 'ekHandle' | 'ekPublic' | 'akHandle'>,
  credential: Credential,
): Promise<Uint8Array | undefined> {
  const { nameAlg, authPolicy } = parsePublic(keys.ekPublic);
  const policies = ekPolicies(nameAlg);
  const { sessionHandle } = await client.call(COMMANDS.StartAuthSession, {
    tpmKey: TPM_RH.NULL,
    bind: TPM_RH.NULL,
    // A policy session without salt needs no secret caller nonce; its length only has to be acceptable.
    nonceCaller: new Uint8Array(32),
    encryptedSalt: EMPTY,
    sessionType: TPM_SE.POLICY,
    symmetric: { algorithm: TPM_ALG.NULL },
    authHash: nameAlg,
  });
  try {
    await client.call(COMMANDS.PolicySecret, {
      authHandle: TPM_RH.ENDORSEMENT,
      policySession: sessionHandle,
      nonceTPM: EMPTY,
      cpHashA: EMPTY,
      policyRef: EMPTY,
      expiration: 0,
    });
    if (equalBytes(authPolicy, policies.b)) {
      await client.call(COMMANDS.PolicyOR, { policySession: sessionHandle, pHashList: [policies.a, policies.c] });
    }
    const { certInfo } = await client.call(
      COMMANDS.ActivateCredential,
      { activateHandle: keys.akHandle, keyHandle: keys.ekHandle, ...credential },
      { auth: [EMPTY, { session: sessionHandle, continueSession: true }] },
    );
    return certInfo;
  } catch (error) {
    if (error instanceof TpmError && (error.rc === 'VALUE' || error.rc === 'INTEGRITY')) return undefined;
    throw error;
  } finally {
    await client.call(COMMANDS.FlushContext, { flushHandle: sessionHandle });
  }
}

/** A quote as it travels. */
export interface QuoteBytes {
  /** TPMS_ATTEST. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** Quotes PCRs with a key that has its own scheme and an empty authorisation value. `nonce` is at most 64 bytes. */
export async function quote(
  client: Tpm2Client,
  akHandle: number,
  nonce: Uint8Array,
  pcrSelection: TPML_PCR_SELECTION,
): Promise<QuoteBytes> {
  const { quoted, signature } = await client.call(COMMANDS.Quote, {
    signHandle: akHandle,
    qualifyingData: nonce,
    inScheme: { scheme: TPM_ALG.NULL },
    PCRselect: pcrSelection,
  });
  return { attest: quoted, signature: encode(TPMT_SIGNATURE, signature) };
}

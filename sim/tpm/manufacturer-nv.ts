/** What a manufacturer leaves in NV storage: certificates, made when somebody first looks at their index, and policies of EKs. */
import { concat } from '../../src/bytes/bytes.ts';
import { TPMA_NV } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import {
  EK_CHAIN_INDEX,
  EK_PROFILE,
  type EkKind,
  ekPolicies,
  ekPolicyIndex,
  PLATFORM_CERTIFICATE_INDEX,
} from '../../src/tpm2/ek-profile.ts';
import { x509KeyOf } from '../../src/tpm2/public-key.ts';
import type { TpmConfig } from './config.ts';
import type { Tpm } from './context.ts';
import { ekCertificateChain, ekCertificateId, issueEkCertificate } from './ek-certificate.ts';
import { createPrimaryObject } from './object-create.ts';
import { issuePlatformCertificate } from './platform-certificate.ts';
import type { NvIndex, PendingCertificate, TpmState } from './state.ts';

/** As a manufacturer leaves a certificate: written by the platform, readable by everybody. */
const CERTIFICATE_ATTRIBUTES =
  (TPMA_NV.ppWrite |
    TPMA_NV.writeDefine |
    TPMA_NV.ppRead |
    TPMA_NV.ownerRead |
    TPMA_NV.authRead |
    TPMA_NV.noDA |
    TPMA_NV.written |
    TPMA_NV.platformCreate) >>>
  0;

const EMPTY = new Uint8Array(0);

/**
 * The policy index of a name algorithm. The profile leaves its first content open; policy A there delegates to nobody new. Its
 * attributes are the profile's: it is the owner's, so TPM2_Clear deletes it.
 */
function policyIndex(nameAlg: number): NvIndex {
  const data = concat(new Uint8Array([nameAlg >> 8, nameAlg & 0xff]), ekPolicies(nameAlg).a);
  return { publicArea: ekPolicyIndex(nameAlg), auth: EMPTY, data };
}

/** Defines the indices that a new TPM comes with. */
export function installManufacturerIndices(state: TpmState, config: TpmConfig): void {
  for (const kind of config.endorsementKeys) {
    const { certificateIndex: index, publicArea, template } = EK_PROFILE[kind];
    state.pendingCertificates.set(index, kind);
    if (template.startsWith('H')) state.nv.set(ekPolicies(publicArea.nameAlg).nvIndex, policyIndex(publicArea.nameAlg));
  }
  if (config.endorsementKeys.length > 0) state.pendingCertificates.set(EK_CHAIN_INDEX, 'chain');
  if (config.platformCertificate !== undefined) {
    state.pendingCertificates.set(PLATFORM_CERTIFICATE_INDEX, config.platformCertificate);
  }
}

/** Public key of the EK `kind`: the primary key of the endorsement seed and the TCG template. */
function endorsementKey(tpm: Tpm, kind: EkKind) {
  const { seed } = tpm.state.endorsement;
  const { publicArea } = createPrimaryObject(tpm, seed, EK_PROFILE[kind].publicArea, { userAuth: EMPTY, data: EMPTY });
  return x509KeyOf(publicArea);
}

function certificate(tpm: Tpm, pending: PendingCertificate): Uint8Array {
  if (typeof pending !== 'string') {
    return issuePlatformCertificate(pending, ekCertificateId(endorsementKey(tpm, pending.ek)));
  }
  // The root is left out, as real TPMs do: whom to trust is not for the device to say.
  return pending === 'chain'
    ? concat(...ekCertificateChain().slice(0, -1))
    : issueEkCertificate(endorsementKey(tpm, pending), tpm.config);
}

/** The NV index with a certificate of the manufacturer. */
export function certificateIndex(tpm: Tpm, nvIndex: number, pending: PendingCertificate): NvIndex {
  const data = certificate(tpm, pending);
  return {
    publicArea: {
      nvIndex,
      nameAlg: TPM_ALG.SHA256,
      attributes: CERTIFICATE_ATTRIBUTES,
      authPolicy: EMPTY,
      dataSize: data.length,
    },
    auth: EMPTY,
    data,
  };
}

/** EK certificates in NV storage, made when somebody first looks at their index. */
import { TPMA_NV } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { publicKeyOf } from '../../src/tpm2/public-key.ts';
import { EK_CERTIFICATE_INDEX, EK_ECC_P256, EK_RSA2048 } from '../../src/tpm2/templates.ts';
import type { Tpm } from './context.ts';
import { issueEkCertificate } from './ek-certificate.ts';
import { createPrimaryObject } from './object-create.ts';
import type { EkKind, NvIndex } from './state.ts';

/** Indices of the EK certificates a TPM comes with. */
export const EK_INDICES: readonly (readonly [number, EkKind])[] = [
  [EK_CERTIFICATE_INDEX.rsa2048, 'rsa2048'],
  [EK_CERTIFICATE_INDEX.eccP256, 'eccP256'],
];

/** As a manufacturer leaves it: written by the platform, readable by everybody. */
const ATTRIBUTES =
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

/** The NV index that holds the certificate of the EK `kind`: the primary key of the endorsement seed and the TCG template. */
export function ekCertificate(tpm: Tpm, nvIndex: number, kind: EkKind): NvIndex {
  const template = kind === 'rsa2048' ? EK_RSA2048 : EK_ECC_P256;
  const { seed } = tpm.state.endorsement;
  const { publicArea } = createPrimaryObject(tpm, seed, template, { userAuth: EMPTY, data: EMPTY });
  const data = issueEkCertificate(publicKeyOf(publicArea), tpm.config);
  return {
    publicArea: { nvIndex, nameAlg: TPM_ALG.SHA256, attributes: ATTRIBUTES, authPolicy: EMPTY, dataSize: data.length },
    auth: EMPTY,
    data,
  };
}

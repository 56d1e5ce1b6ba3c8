/** EK certificates in NV storage, made when somebody first looks at their index. */
import { TPMA_NV } from '../../src/tpm2/attributes.ts';
import { TPM_ALG } from '../../src/tpm2/constants.ts';
import { EK_CERTIFICATE_INDEX } from '../../src/tpm2/templates.ts';
import type { Tpm } from './context.ts';
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

/** The NV index that holds the certificate of the EK `kind`. */
export function ekCertificate(_tpm: Tpm, nvIndex: number, _kind: EkKind): NvIndex {
  const data = new Uint8Array(0);
  return {
    publicArea: {
      nvIndex,
      nameAlg: TPM_ALG.SHA256,
      attributes: ATTRIBUTES,
      authPolicy: new Uint8Array(0),
      dataSize: data.length,
    },
    auth: new Uint8Array(0),
    data,
  };
}

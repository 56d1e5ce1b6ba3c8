/** Making and signing TPMS_ATTEST (TPM 2.0 Library specification, Part 3, 18.1; Part 1, 37). */
import { encode } from '../../src/tpm2/codec.ts';
import { TPM_GENERATED_VALUE, TPM_RH } from '../../src/tpm2/constants.ts';
import { hashWith } from '../../src/tpm2/hash-alg.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { TPMS_ATTEST, type TPMT_SIGNATURE } from '../../src/tpm2/structures/index.ts';
import { type Tpm, timeInfo } from './context.ts';
import { type SigningScheme, signDigest, signingHash } from './signing.ts';
import type { TpmObject } from './state.ts';
import { CONTEXT_HASH } from './tickets.ts';

/** Fields every attestation of this signer has. */
export function attestationHeader(tpm: Tpm, signer: TpmObject, extraData: Uint8Array) {
  const { clockInfo } = timeInfo(tpm);
  const { qualifiedName: qualifiedSigner } = signer;
  const plain = { magic: TPM_GENERATED_VALUE, qualifiedSigner, extraData };
  const { firmwareVersion } = tpm.config;
  if (signer.hierarchy === TPM_RH.ENDORSEMENT || signer.hierarchy === TPM_RH.PLATFORM) {
    return { ...plain, clockInfo, firmwareVersion };
  }
  // Keys outside the endorsement and platform hierarchies must not let two attestations be linked by these numbers.
  const mask = kdfa(CONTEXT_HASH, tpm.state.owner.proof, 'OBFUSCATE', qualifiedSigner, new Uint8Array(0), 128);
  const view = new DataView(mask.buffer, mask.byteOffset, mask.length);
  return {
    ...plain,
    clockInfo: {
      ...clockInfo,
      resetCount: (clockInfo.resetCount + view.getUint32(8)) >>> 0,
      restartCount: (clockInfo.restartCount + view.getUint32(12)) >>> 0,
    },
    firmwareVersion: BigInt.asUintN(64, firmwareVersion + view.getBigUint64(0)),
  };
}

/** The attestation's bytes and their signature. */
export function signAttestation(
  tpm: Tpm,
  signer: TpmObject,
  scheme: SigningScheme,
  attest: TPMS_ATTEST,
): { quoted: Uint8Array; signature: TPMT_SIGNATURE } {
  const quoted = encode(TPMS_ATTEST, attest);
  return { quoted, signature: signDigest(tpm, signer, scheme, hashWith(signingHash(scheme), quoted)) };
}

/** Making and signing TPMS_ATTEST (TPM 2.0 Library specification, Part 3, 18.1; Part 1, 37). */
import { concat } from '../../src/bytes/bytes.ts';
import { encode } from '../../src/tpm2/codec.ts';
import { TPM_ALG, TPM_GENERATED_VALUE, TPM_RH } from '../../src/tpm2/constants.ts';
import { hashWith } from '../../src/tpm2/hash-alg.ts';
import { kdfa } from '../../src/tpm2/kdf.ts';
import { handleName } from '../../src/tpm2/names.ts';
import { TPMS_ATTEST, type TPMT_SIG_SCHEME, type TPMT_SIGNATURE } from '../../src/tpm2/structures/index.ts';
import { type Tpm, timeInfo } from './context.ts';
import { objectOf } from './entities.ts';
import { isAnonymous, type SigningScheme, selectSigningScheme, signDigest } from './signing.ts';
import type { TpmObject } from './state.ts';
import { CONTEXT_HASH } from './tickets.ts';

const EMPTY = new Uint8Array(0);

/** Who signs an attestation, and what the caller wants in it. */
export interface Attester {
  /** Undefined for TPM_RH_NULL: the attestation is not signed. */
  readonly signer: TpmObject | undefined;
  readonly scheme: SigningScheme;
  readonly qualifyingData: Uint8Array;
}

/** The parameters that every attestation command has. */
export interface AttestInput {
  readonly signHandle: number;
  readonly inScheme: TPMT_SIG_SCHEME;
  readonly qualifyingData: Uint8Array;
}

/** Settles who signs and how; refuses with the fault of `signHandle` or `inScheme`. */
export function attester(tpm: Tpm, { signHandle, inScheme, qualifyingData }: AttestInput): Attester {
  const signer = signHandle === TPM_RH.NULL ? undefined : objectOf(tpm, signHandle);
  return {
    signer,
    scheme: selectSigningScheme(signer, inScheme, { key: 'signHandle', scheme: 'inScheme' }),
    qualifyingData,
  };
}

/** Fields every attestation of this signer has. */
function header(tpm: Tpm, { signer, scheme, qualifyingData }: Attester) {
  const { clockInfo } = timeInfo(tpm);
  const anonymous = isAnonymous(scheme.scheme);
  const qualifiedSigner = anonymous ? EMPTY : (signer?.qualifiedName ?? handleName(TPM_RH.NULL));
  const extraData = anonymous ? EMPTY : qualifyingData;
  const plain = { magic: TPM_GENERATED_VALUE, qualifiedSigner, extraData };
  const { firmwareVersion } = tpm.config;
  if (signer?.hierarchy === TPM_RH.ENDORSEMENT || signer?.hierarchy === TPM_RH.PLATFORM) {
    return { ...plain, clockInfo, firmwareVersion };
  }
  // Keys outside the endorsement and platform hierarchies must not let two attestations be linked by these numbers.
  const mask = kdfa(CONTEXT_HASH, tpm.state.owner.proof, 'OBFUSCATE', qualifiedSigner, EMPTY, 128);
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

type Header = ReturnType<typeof header>;

/** What each kind of attestation adds to the common fields. */
type Attested = TPMS_ATTEST extends infer T ? (T extends TPMS_ATTEST ? Pick<T, 'type' | 'attested'> : never) : never;

/**
 * Makes an attestation and signs it: its bytes and the signature. `attested` is given the common fields, for what repeats
 * them.
 */
export function attest(
  tpm: Tpm,
  who: Attester,
  attested: (header: Header) => Attested,
): { attest: Uint8Array; signature: TPMT_SIGNATURE } {
  const common = header(tpm, who);
  const bytes = encode(TPMS_ATTEST, { ...common, ...attested(common) });
  const { signer, scheme, qualifyingData } = who;
  // A signed attestation ends the orderly state, as swtpm has it.
  if (signer !== undefined) tpm.state.shutdown = undefined;
  if (scheme.hashAlg === TPM_ALG.NULL) return { attest: bytes, signature: signDigest(tpm, signer, scheme, EMPTY) };
  const digest = hashWith(scheme.hashAlg, bytes);
  // An anonymous attestation does not show the caller's data: the signature covers it.
  const signed = isAnonymous(scheme.scheme) ? hashWith(scheme.hashAlg, concat(qualifyingData, digest)) : digest;
  return { attest: bytes, signature: signDigest(tpm, signer, scheme, signed) };
}

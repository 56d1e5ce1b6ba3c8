/** The TPM's part of the evidence: attestation, signature and keys in their TPM 2.0 structures. */
import { ByteReader } from '../bytes/index.ts';
import { verifyEcdsa } from '../crypto/ecdsa.ts';
import { hash } from '../crypto/hash.ts';
import type { PublicKey } from '../crypto/keys.ts';
import type { HashName } from '../crypto/primitives.ts';
import { verifyPkcs1, verifyPss } from '../crypto/rsa.ts';
import { algorithmById } from '../eventlog/index.ts';
import { decode } from '../tpm2/codec.ts';
import { TPM_ALG, TPM_GENERATED_VALUE, TPM_ST } from '../tpm2/constants.ts';
import { publicKeyOf } from '../tpm2/public-key.ts';
import {
  type QuoteAttest,
  TPM2B_PUBLIC,
  TPMS_ATTEST,
  type TPMT_PUBLIC,
  TPMT_SIGNATURE,
} from '../tpm2/structures/index.ts';

/** Longest attestation, signature or public area read. */
const MAX_TPM_FILE = 8192;

/** What `quote.attest` holds. */
export type AttestEvidence =
  | { readonly kind: 'quote'; readonly bytes: Uint8Array; readonly quote: QuoteAttest }
  /** Not made by a TPM: the first four bytes are not the marker. */
  | { readonly kind: 'foreign'; readonly bytes: Uint8Array; readonly magic: number }
  /** An attestation of another kind. */
  | { readonly kind: 'other'; readonly bytes: Uint8Array; readonly type: number };

/**
 * Reads TPMS_ATTEST. Marker and type are looked at first, because a wrong one is a false quote rather than a damaged file
 * (catalogue entries `attest-magic-missing`, `attest-type-swap`). Errors: FormatError.
 */
export function parseAttest(bytes: Uint8Array): AttestEvidence {
  const head = new ByteReader(bytes, 'TPMS_ATTEST');
  if (bytes.length > MAX_TPM_FILE) throw head.error('', `longer than ${MAX_TPM_FILE} bytes`);
  const magic = head.u32('magic');
  const type = head.u16('type');
  if (magic !== TPM_GENERATED_VALUE) return { kind: 'foreign', bytes, magic };
  if (type !== TPM_ST.ATTEST_QUOTE) return { kind: 'other', bytes, type };
  const attest = decode(TPMS_ATTEST, bytes);
  if (attest.type !== TPM_ST.ATTEST_QUOTE) return { kind: 'other', bytes, type };
  return { kind: 'quote', bytes, quote: attest };
}

/** A signature with the key type it needs; `other` where it is of no asymmetric scheme. */
export type SignatureEvidence =
  | { readonly kind: 'rsa'; readonly pss: boolean; readonly hash: HashName; readonly signature: Uint8Array }
  | { readonly kind: 'ec'; readonly hash: HashName; readonly r: Uint8Array; readonly s: Uint8Array }
  | { readonly kind: 'other'; readonly algorithm: number };

/** Reads TPMT_SIGNATURE. Errors: FormatError. */
export function parseSignature(bytes: Uint8Array): SignatureEvidence {
  const value = decode(TPMT_SIGNATURE, bytes);
  switch (value.sigAlg) {
    case TPM_ALG.RSASSA:
    case TPM_ALG.RSAPSS: {
      const name = algorithmById(value.hash)?.hash;
      if (name === undefined) return { kind: 'other', algorithm: value.hash };
      return { kind: 'rsa', pss: value.sigAlg === TPM_ALG.RSAPSS, hash: name, signature: value.sig };
    }
    case TPM_ALG.ECDSA: {
      const name = algorithmById(value.hash)?.hash;
      if (name === undefined) return { kind: 'other', algorithm: value.hash };
      return { kind: 'ec', hash: name, r: value.signatureR, s: value.signatureS };
    }
    default:
      return { kind: 'other', algorithm: value.sigAlg };
  }
}

/** A public area and its key. */
export interface KeyEvidence {
  readonly area: TPMT_PUBLIC;
  readonly key: PublicKey;
}

/** Reads TPM2B_PUBLIC of an RSA or EC key. Errors: FormatError. */
export function parsePublicArea(bytes: Uint8Array): KeyEvidence {
  const area = decode(TPM2B_PUBLIC, bytes);
  return { area, key: publicKeyOf(area) };
}

/** Whether the signature is the key's over `message`. */
export function verifySignature(key: PublicKey, signature: SignatureEvidence, message: Uint8Array): boolean {
  if (signature.kind === 'ec') return key.kind === 'ec' && verifyEcdsa(key, signature.hash, message, signature);
  if (signature.kind !== 'rsa' || key.kind !== 'rsa') return false;
  const digest = hash(signature.hash, message);
  const verify = signature.pss ? verifyPss : verifyPkcs1;
  return verify(key, signature.hash, digest, signature.signature);
}

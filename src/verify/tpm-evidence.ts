/** The TPM's part of the evidence: attestation, signature and keys in their TPM 2.0 structures. */
import { ByteReader } from '../bytes/index.ts';
import type { PublicKey } from '../crypto/keys.ts';
import type { HashName } from '../crypto/primitives.ts';
import { algorithmById } from '../eventlog/index.ts';
import { decode } from '../tpm2/codec.ts';
import { TPM_ALG, TPM_GENERATED_VALUE, TPM_ST } from '../tpm2/constants.ts';
import { x509KeyOf } from '../tpm2/public-key.ts';
import { signatureHash } from '../tpm2/quote.ts';
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

/** A signature with the kind of key it needs. */
export interface SignatureEvidence {
  /** `other` where it is of no asymmetric scheme or of a hash that cannot be computed. */
  readonly kind: 'rsa' | 'ec' | 'other';
  readonly hash: HashName | undefined;
  readonly value: TPMT_SIGNATURE;
}

const KEY_KIND: ReadonlyMap<number, 'rsa' | 'ec'> = new Map([
  [TPM_ALG.RSASSA, 'rsa'],
  [TPM_ALG.RSAPSS, 'rsa'],
  [TPM_ALG.ECDSA, 'ec'],
]);

/** Reads TPMT_SIGNATURE. Errors: FormatError. */
export function parseSignature(bytes: Uint8Array): SignatureEvidence {
  const value = decode(TPMT_SIGNATURE, bytes);
  const hashAlg = signatureHash(value);
  const hash = hashAlg === undefined ? undefined : algorithmById(hashAlg)?.hash;
  return { kind: hash === undefined ? 'other' : (KEY_KIND.get(value.sigAlg) ?? 'other'), hash, value };
}

/** A public area and its key. */
export interface KeyEvidence {
  readonly area: TPMT_PUBLIC;
  readonly key: PublicKey;
}

/** Reads TPM2B_PUBLIC of an RSA or EC key. Errors: FormatError. */
export function parsePublicArea(bytes: Uint8Array): KeyEvidence {
  const area = decode(TPM2B_PUBLIC, bytes);
  return { area, key: x509KeyOf(area) };
}

/** Whether a signature has the scheme and hash that the key is restricted to. */
export function fitsKey(signature: SignatureEvidence, { area, key }: KeyEvidence): boolean {
  if (signature.kind !== key.kind || (area.type !== TPM_ALG.RSA && area.type !== TPM_ALG.ECC)) return false;
  const { scheme } = area.parameters;
  if (scheme.scheme === TPM_ALG.NULL) return true;
  const hashAlg = 'hashAlg' in scheme ? scheme.hashAlg : undefined;
  return scheme.scheme === signature.value.sigAlg && hashAlg === signatureHash(signature.value);
}

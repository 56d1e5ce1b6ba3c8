/** Reading and checking quotes on the verifier's side. Nothing here trusts a byte before it is checked. */
import { needBytes } from '../bytes/arguments.ts';
import { concat, equalBytes } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { verifyEcdsa } from '../crypto/ecdsa.ts';
import { verifyPkcs1, verifyPss } from '../crypto/rsa.ts';
import { decode } from './codec.ts';
import { TPM_ALG, TPM_ST } from './constants.ts';
import { hashWith, requireHash } from './hash-alg.ts';
import { publicKeyOf } from './public-key.ts';
import {
  type QuoteAttest,
  selectedPcrs,
  TPM2B_PUBLIC,
  type TPML_PCR_SELECTION,
  TPMS_ATTEST,
  TPMT_PUBLIC,
  TPMT_SIGNATURE,
} from './structures/index.ts';

/** Parses a TPMS_ATTEST of any type; FormatError where it is malformed, has another magic or bytes left over. */
export const parseAttest = (bytes: Uint8Array): TPMS_ATTEST => decode(TPMS_ATTEST, bytes);

/** Parses the attestation of TPM2_Quote; FormatError where it is malformed or of another type. */
export function parseQuote(bytes: Uint8Array): QuoteAttest {
  const attest = parseAttest(bytes);
  if (attest.type !== TPM_ST.ATTEST_QUOTE) {
    const problem = `0x${attest.type.toString(16)} is not TPM_ST_ATTEST_QUOTE`;
    throw new FormatError({ structure: 'TPMS_ATTEST', field: 'type', offset: 4, problem });
  }
  return attest;
}

/** Parses a TPMT_SIGNATURE; FormatError where it is malformed or has bytes left over. */
export const parseSignature = (bytes: Uint8Array): TPMT_SIGNATURE => decode(TPMT_SIGNATURE, bytes);

/** Parses a public area with (TPM2B_PUBLIC) or without (TPMT_PUBLIC) its size; FormatError where it is neither. */
export function parsePublic(bytes: Uint8Array): TPMT_PUBLIC {
  needBytes('TPMT_PUBLIC', bytes);
  const sized = bytes.length >= 2 && ((bytes[0] ?? 0) << 8) + (bytes[1] ?? 0) === bytes.length - 2;
  return sized ? decode(TPM2B_PUBLIC, bytes) : decode(TPMT_PUBLIC, bytes);
}

/**
 * Whether `signature` over the bytes of an attestation was made by the key of `publicArea`, with the scheme the key
 * prescribes. False for every mismatch; FormatError only where the public area holds no usable key.
 */
export function verifyAttestSignature(attest: Uint8Array, signature: TPMT_SIGNATURE, publicArea: TPMT_PUBLIC): boolean {
  const key = publicKeyOf(publicArea);
  if (publicArea.type !== TPM_ALG.RSA && publicArea.type !== TPM_ALG.ECC) return false;
  const { scheme } = publicArea.parameters;
  if (scheme.scheme !== TPM_ALG.NULL) {
    // A signature with another hash or padding than the key is restricted to did not come from the TPM.
    if (scheme.scheme !== signature.sigAlg || !('hash' in signature)) return false;
    if ('hashAlg' in scheme && scheme.hashAlg !== signature.hash) return false;
  }
  switch (signature.sigAlg) {
    case TPM_ALG.RSASSA:
    case TPM_ALG.RSAPSS: {
      if (key.kind !== 'rsa') return false;
      const verify = signature.sigAlg === TPM_ALG.RSASSA ? verifyPkcs1 : verifyPss;
      return verify(key, requireHash(signature.hash), hashWith(signature.hash, attest), signature.sig);
    }
    case TPM_ALG.ECDSA: {
      if (key.kind !== 'ec') return false;
      const { signatureR: r, signatureS: s } = signature;
      return verifyEcdsa(key, requireHash(signature.hash), attest, { r, s });
    }
    default:
      return false;
  }
}

/** PCR values of one bank by PCR number. */
export type PcrValues = ReadonlyMap<number, Uint8Array>;

/**
 * PCR digest of a quote: the hash of the selected PCR values in the order of the selection, ascending within a bank
 * (Part 1, 17.5). Undefined where a selected value is not among `banks` (by TPM hash algorithm).
 * @param hashAlg hash of the signature scheme
 */
export function pcrDigest(
  hashAlg: number,
  selections: TPML_PCR_SELECTION,
  banks: ReadonlyMap<number, PcrValues>,
): Uint8Array | undefined {
  const values: Uint8Array[] = [];
  for (const { hash, pcrSelect } of selections) {
    for (const pcr of selectedPcrs(pcrSelect)) {
      const value = banks.get(hash)?.get(pcr);
      if (value === undefined) return undefined;
      values.push(value);
    }
  }
  return hashWith(hashAlg, concat(...values));
}

/** Hash algorithm of a signature; undefined for one without a hash (HMAC, none). */
export const signatureHash = (signature: TPMT_SIGNATURE): number | undefined =>
  'hash' in signature ? signature.hash : undefined;

/** Why a quote is not to be believed. */
export type QuoteProblem = 'signature' | 'nonce' | 'pcr-digest';

/** Checks a quote against the key, the nonce and the PCR values claimed with it; an empty list means that all three hold. */
export function checkQuote(input: {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicArea: TPMT_PUBLIC;
  readonly nonce: Uint8Array;
  readonly banks: ReadonlyMap<number, PcrValues>;
}): QuoteProblem[] {
  const quote = parseQuote(input.attest);
  const signature = parseSignature(input.signature);
  const problems: QuoteProblem[] = [];
  if (!verifyAttestSignature(input.attest, signature, input.publicArea)) problems.push('signature');
  if (!equalBytes(quote.extraData, input.nonce)) problems.push('nonce');
  const hashAlg = signatureHash(signature);
  const { pcrSelect, pcrDigest: claimed } = quote.attested;
  const digest = hashAlg === undefined ? undefined : pcrDigest(hashAlg, pcrSelect, input.banks);
  if (digest === undefined || !equalBytes(digest, claimed)) problems.push('pcr-digest');
  return problems;
}

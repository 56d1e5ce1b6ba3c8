/** Self tests (TPM 2.0 Library specification, Part 3, chapter 10). */
import { TPM_ALG as A } from '../../src/tpm2/constants.ts';

/**
 * Algorithms that have a self test of their own, as TPM2_IncrementalSelfTest lists them before any ran. The tests themselves
 * are those of the library functions, made when this package is built; the list exists because software asks for it.
 */
export const TESTED_ON_DEMAND: readonly number[] = [
  A.TDES,
  A.SHA1,
  A.AES,
  A.SHA256,
  A.SHA384,
  A.SHA512,
  A.RSASSA,
  A.RSAES,
  A.RSAPSS,
  A.OAEP,
  A.ECDSA,
  A.ECDH,
  A.ECSCHNORR,
  A.KDF1_SP800_108,
  A.CAMELLIA,
  A.CFB,
];

/**
 * Algorithms whose test uses others: those count as tested with them, as swtpm 0.7.1 has it. Tests that need a hash take SHA-512, and
 * those of signatures by curves the key made by ECDH's.
 */
const TESTED_WITH: ReadonlyMap<number, readonly number[]> = new Map([
  [A.HMAC, [A.SHA512]],
  [A.AES, [A.CFB]],
  [A.CFB, [A.AES]],
  [A.OAEP, [A.SHA512]],
  [A.ECDSA, [A.ECDH, A.SHA512]],
  [A.ECSCHNORR, [A.ECDH, A.SHA512]],
  [A.ECC, [A.ECDH]],
  [A.KDF1_SP800_108, [A.SHA512]],
]);

/** What one request of TPM2_IncrementalSelfTest tests. Where SM2 is in it, swtpm leaves ECDH untested unless another test needs it. */
export function testedBy(toTest: readonly number[]): ReadonlySet<number> {
  const own = toTest.includes(A.SM2) ? toTest.filter((alg) => alg !== A.ECDH) : toTest;
  return new Set([...own, ...toTest.flatMap((alg) => TESTED_WITH.get(alg) ?? [])]);
}

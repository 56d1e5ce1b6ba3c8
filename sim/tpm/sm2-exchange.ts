/** The key exchange of TPM_ALG_SM2 (TPM 2.0 Library specification, Part 1, C.8; after GB/T 32918.3), with the bits that libtpms takes. */
import { toBigInt } from '../../src/bytes/bytes.ts';
import { CURVES } from '../../src/crypto/curves.ts';
import { sumOfPoints } from '../../src/crypto/ec-points.ts';
import type { CurveName, EcPoint, EcPrivateKey } from '../../src/crypto/primitives.ts';

/** Bits of a word of libtpms's numbers, and of the number that it shifts to get one bit of a word. */
const [WORD, SHIFTED] = [64, 32];

/**
 * Associate value of an ephemeral public key. By the standard it is the low w bits of x with bit w set, w being half the bits of the
 * order less one. libtpms 0.9 has w one less; of the topmost word it keeps as many bits as it should clear; and the bit it sets in that
 * word is w modulo 32. (As swtpm 0.7.1 answers; with each other these TPMs agree.)
 */
function associate(curve: CurveName, x: Uint8Array): bigint {
  const w = Math.floor((CURVES[curve].bits - 1) / 2) - 1;
  const inWord = w % WORD;
  const kept = Math.ceil(w / WORD) * WORD - inWord;
  return BigInt.asUintN(kept, toBigInt(x)) | (1n << BigInt(w - inWord + (w % SHIFTED)));
}

/**
 * The shared point of static and ephemeral keys; undefined where it does not exist. `givenX` is the x of the peer's ephemeral key as it
 * came, which may be larger than p. On P-521 and BN P-638 libtpms goes into failure mode
 * instead: its product is longer than the number it is put into.
 */
export function sm2Exchange(
  own: EcPrivateKey,
  ownEphemeral: EcPrivateKey,
  peer: EcPoint,
  peerEphemeral: EcPoint,
  givenX: Uint8Array,
): EcPoint | undefined {
  const { curve } = own;
  const t = (toBigInt(own.d) + toBigInt(ownEphemeral.d) * associate(curve, ownEphemeral.x)) % CURVES[curve].order;
  return sumOfPoints(curve, [
    { scalar: t, point: peer },
    { scalar: t * associate(curve, givenX), point: peerEphemeral },
  ]);
}

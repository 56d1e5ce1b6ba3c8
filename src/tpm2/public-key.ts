/** TPM public areas and ordinary public keys. */

import { trimLeadingZeros } from '../bytes/bytes.ts';
import { FormatError } from '../bytes/errors.ts';
import { CURVES, isX509Curve } from '../crypto/curves.ts';
import { reducedPoint } from '../crypto/ec-points.ts';
import type { PublicKey } from '../crypto/keys-signature.ts';
import type { CurveName, EcPublicKey, RsaPublicKey } from '../crypto/primitives.ts';
import { TPM_ALG, TPM_ECC_CURVE } from './constants.ts';
import type { TPMT_PUBLIC } from './structures/index.ts';

/** Default RSA exponent, written as 0 in a public area (Part 2, 12.2.3.5). */
export const RSA_DEFAULT_EXPONENT = 65_537;

const CURVE_NAMES: ReadonlyMap<number, CurveName> = new Map([
  [TPM_ECC_CURVE.NIST_P192, 'P-192'],
  [TPM_ECC_CURVE.NIST_P224, 'P-224'],
  [TPM_ECC_CURVE.NIST_P256, 'P-256'],
  [TPM_ECC_CURVE.NIST_P384, 'P-384'],
  [TPM_ECC_CURVE.NIST_P521, 'P-521'],
  [TPM_ECC_CURVE.BN_P256, 'BN P-256'],
  [TPM_ECC_CURVE.BN_P638, 'BN P-638'],
  [TPM_ECC_CURVE.SM2_P256, 'SM2 P-256'],
]);

/** Curve name of a TPM_ECC_CURVE; undefined for a curve this package does not have. */
export const curveName = (curveID: number): CurveName | undefined => CURVE_NAMES.get(curveID);

const bad = (field: string, problem: string) => new FormatError({ structure: 'TPMT_PUBLIC', field, problem });

/**
 * The public key in a public area as a TPM works with it: coordinates of any length count modulo the field, and any exponent is
 * raised to. FormatError where it is no RSA or EC key at all.
 */
export function givenKeyOf(area: TPMT_PUBLIC): RsaPublicKey | EcPublicKey {
  if (area.type === TPM_ALG.RSA) {
    const n = trimLeadingZeros(area.unique);
    if (n.length * 8 !== area.parameters.keyBits) {
      throw bad('unique', `modulus of ${n.length * 8} bits in a key of ${area.parameters.keyBits}`);
    }
    return { kind: 'rsa', n, e: area.parameters.exponent === 0 ? RSA_DEFAULT_EXPONENT : area.parameters.exponent };
  }
  if (area.type === TPM_ALG.ECC) {
    const curve = curveName(area.parameters.curveID);
    if (curve === undefined) throw bad('parameters.curveID', `unknown curve ${area.parameters.curveID}`);
    return { kind: 'ec', curve, ...reducedPoint(curve, area.unique) };
  }
  throw bad('type', `0x${(area as { type: number }).type.toString(16)} is not an asymmetric key`);
}

/**
 * The public key in a public area; coordinates count modulo the field. FormatError where it is not an RSA or EC key, or its numbers
 * cannot be one.
 */
export function publicKeyOf(area: TPMT_PUBLIC): RsaPublicKey | EcPublicKey {
  const key = givenKeyOf(area);
  if (key.kind === 'rsa' && (key.e < 3 || key.e % 2 === 0))
    throw bad('parameters.exponent', `${key.e} is not an RSA exponent`);
  if (area.type === TPM_ALG.ECC && key.kind === 'ec') {
    const { size } = CURVES[key.curve];
    const { x, y } = area.unique;
    if (x.length === 0 || x.length > size || y.length === 0 || y.length > size) {
      throw bad('unique', `coordinates of ${x.length} and ${y.length} bytes on ${key.curve}`);
    }
  }
  return key;
}

/** {@link publicKeyOf} for a key that a certificate or PEM file can name; FormatError where its curve is none of those. */
export function x509KeyOf(area: TPMT_PUBLIC): PublicKey {
  const key = publicKeyOf(area);
  if (key.kind === 'rsa') return key;
  const { curve } = key;
  if (isX509Curve(curve)) return { ...key, curve };
  const problem = `keys on ${curve} are written in no certificate or PEM file`;
  throw new FormatError({ structure: 'TPMT_PUBLIC', field: 'parameters.curveID', problem });
}

/** The public area with its key replaced by `key`, whose kind must be the area's (TypeError otherwise). */
export function withPublicKey<T extends TPMT_PUBLIC>(area: T, key: RsaPublicKey | EcPublicKey): T {
  if (area.type === TPM_ALG.RSA && key.kind === 'rsa') return { ...area, unique: key.n };
  if (area.type === TPM_ALG.ECC && key.kind === 'ec') return { ...area, unique: { x: key.x, y: key.y } };
  throw new TypeError('key and public area are of different kinds');
}

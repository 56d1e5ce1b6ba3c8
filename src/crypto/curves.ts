/** Sizes and orders of the curves. */
import { CURVE_CONSTANTS } from './curve-constants.ts';
import type { CurveName, X509CurveName } from './primitives.ts';

/** What most users of a curve need of it. On every one of these curves field and order have the same number of bits. */
export interface CurveFacts {
  readonly bits: number;
  /** Bytes of a coordinate and of a scalar. */
  readonly size: number;
  /** Order of the base point. */
  readonly order: bigint;
}

const facts = (bits: number, order: bigint): CurveFacts => ({ bits, size: Math.ceil(bits / 8), order });

/** Every curve. */
export const CURVES: Readonly<Record<CurveName, CurveFacts>> = {
  'P-192': facts(192, CURVE_CONSTANTS['P-192'].n),
  'P-224': facts(224, CURVE_CONSTANTS['P-224'].n),
  'P-256': facts(256, 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n),
  'P-384': facts(
    384,
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ),
  'P-521': facts(
    521,
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  ),
  'BN P-256': facts(256, CURVE_CONSTANTS['BN P-256'].n),
  'BN P-638': facts(638, CURVE_CONSTANTS['BN P-638'].n),
  'SM2 P-256': facts(256, CURVE_CONSTANTS['SM2 P-256'].n),
};

const X509_CURVES: readonly string[] = ['P-256', 'P-384', 'P-521'] satisfies readonly X509CurveName[];

/** Whether keys on the curve are read from certificates and PEM files here. */
export const isX509Curve = (name: CurveName): name is X509CurveName => X509_CURVES.includes(name);

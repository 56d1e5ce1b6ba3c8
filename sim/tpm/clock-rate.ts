/** Speeds of the TPM's clock (TPM 2.0 Library specification, Part 3, 29.3): the steps a person can measure by. */

/** The rate that keeps real time: the clock advances by `rate / CLOCK_NOMINAL` ms each ms. */
export const CLOCK_NOMINAL = 30_000;

/** Change of the rate for TPM_CLOCK_FINE, MEDIUM and COARSE: about 33 ppm, 0.1 % and 1 %. */
const STEPS = [0, 1, 30, 300] as const;
/** Farthest from nominal: about 17 %, more than the 15 % the specification asks for. */
const LIMIT = 5_000;

/** The rate after a TPM_CLOCK_ADJUST of -3 (coarse slower) to 3 (coarse faster). */
export function adjustedRate(rate: number, adjust: number): number {
  const changed = rate + Math.sign(adjust) * (STEPS[Math.abs(adjust)] ?? 0);
  return Math.min(CLOCK_NOMINAL + LIMIT, Math.max(CLOCK_NOMINAL - LIMIT, changed));
}

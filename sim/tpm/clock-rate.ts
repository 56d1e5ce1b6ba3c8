/** Speeds of the TPM's clock (TPM 2.0 Library specification, Part 3, 29.3): the steps a person can measure by. */

/** The rate that keeps real time. */
export const CLOCK_NOMINAL = 30_000;

/** Change of the rate for TPM_CLOCK_FINE, MEDIUM and COARSE: about 33 ppm, 0.1 % and 1 %. */
const STEPS = [0, 1, 30, 300] as const;
/** Farthest from nominal: the clock takes 5/6 to 7/6 of its time, at least the 15 % either way the specification asks for. */
const LIMIT = 5_000;

/** The rate after a TPM_CLOCK_ADJUST of -3 (coarse slower) to 3 (coarse faster). */
export function adjustedRate(rate: number, adjust: number): number {
  const changed = rate + Math.sign(adjust) * (STEPS[Math.abs(adjust)] ?? 0);
  return Math.min(CLOCK_NOMINAL + LIMIT, Math.max(CLOCK_NOMINAL - LIMIT, changed));
}

/**
 * What the clock advances by in some real milliseconds. As in the reference implementation a step changes the time a tick takes,
 * not the speed: 5,000 faster is 30,000 / 25,000 = 1.2, 5,000 slower 30,000 / 35,000 = 0.857.
 */
export const clockAdvance = (milliseconds: number, rate: number): number =>
  Math.max(0, Math.floor((milliseconds * CLOCK_NOMINAL) / (2 * CLOCK_NOMINAL - rate)));

/**
 * What each PCR of a PC Client TPM allows, as data (TCG PC Client Platform TPM Profile 1.05, 4.6 and table 7). Localities
 * are bit masks: bit n is locality n.
 */

/** Attributes of one PCR. */
export interface PcrAttributes {
  /** Kept over TPM2_Shutdown(STATE) and TPM2_Startup(STATE). */
  readonly saved: boolean;
  /** Localities that may reset: 0 to 3 by TPM2_PCR_Reset, 4 only by `_TPM_Hash_Start`. */
  readonly reset: number;
  /** Localities that may extend. */
  readonly extend: number;
  /** Does not count in pcrUpdateCounter. */
  readonly noIncrement: boolean;
  /** Starts as all ones and is zeroed by a dynamic launch. */
  readonly dynamic: boolean;
  /** Belongs to the group with an authorisation value and a policy of its own. */
  readonly group: boolean;
}

const localities = (...numbers: readonly number[]): number => numbers.reduce((mask, n) => mask | (1 << n), 0);
const ALL = localities(0, 1, 2, 3, 4);

const STATIC: PcrAttributes = { saved: true, reset: 0, extend: ALL, noIncrement: false, dynamic: false, group: false };
const DEBUG: PcrAttributes = {
  saved: false,
  reset: localities(0, 1, 2, 3),
  extend: ALL,
  noIncrement: true,
  dynamic: false,
  group: false,
};
const dynamic = (
  extend: number,
  reset: number,
  { noIncrement = false, group = false }: { noIncrement?: boolean; group?: boolean } = {},
): PcrAttributes => ({
  saved: false,
  reset,
  extend,
  noIncrement,
  dynamic: true,
  group,
});

/** PCR 0 to 23. */
export const PCR_TABLE: readonly PcrAttributes[] = [
  ...Array.from({ length: 16 }, () => STATIC),
  DEBUG,
  dynamic(localities(2, 3, 4), localities(4)),
  dynamic(localities(2, 3, 4), localities(4)),
  dynamic(localities(2, 3), localities(4)),
  dynamic(localities(1, 2, 3), localities(2, 4), { group: true }),
  dynamic(localities(2), localities(2, 4), { noIncrement: true, group: true }),
  dynamic(localities(2), localities(2, 4), { noIncrement: true, group: true }),
  DEBUG,
];

/** PCR a hash sequence before TPM2_Startup extends. */
export const HCRTM_PCR = 0;
/** PCR a dynamic launch extends. */
export const DRTM_PCR = 17;

/** Numbers of the PCRs for which `test` holds. */
export const pcrsWhere = (test: (attributes: PcrAttributes) => boolean): number[] =>
  PCR_TABLE.flatMap((attributes, pcr) => (test(attributes) ? [pcr] : []));

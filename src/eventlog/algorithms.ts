/** Digest algorithms of TCG event logs: identifier, name and size in one table (TCG Algorithm Registry, table 3). */
import type { HashName } from '../crypto/primitives.ts';

/** Name of a PCR bank in a log. SM3 is read and kept, but no value of it can be computed here. */
export type LogAlgorithm = HashName | 'sm3_256';

/** One row of {@link LOG_ALGORITHMS}. */
export interface LogAlgorithmRow {
  /** TPM_ALG_ID. */
  readonly id: number;
  readonly name: LogAlgorithm;
  /** Digest size in bytes. */
  readonly size: number;
  /** The hash that computes it, where there is one. */
  readonly hash: HashName | undefined;
}

/** All algorithms a log may use. */
export const LOG_ALGORITHMS: readonly LogAlgorithmRow[] = [
  { id: 0x0004, name: 'sha1', size: 20, hash: 'sha1' },
  { id: 0x000b, name: 'sha256', size: 32, hash: 'sha256' },
  { id: 0x000c, name: 'sha384', size: 48, hash: 'sha384' },
  { id: 0x000d, name: 'sha512', size: 64, hash: 'sha512' },
  { id: 0x0012, name: 'sm3_256', size: 32, hash: undefined },
];

const BY_ID = new Map(LOG_ALGORITHMS.map((row) => [row.id, row] as const));
const BY_NAME = new Map<string, LogAlgorithmRow>(LOG_ALGORITHMS.map((row) => [row.name, row] as const));

/** The row of a TPM_ALG_ID; undefined for one that is not a known digest algorithm. */
export function algorithmById(id: number): LogAlgorithmRow | undefined {
  return BY_ID.get(id);
}

/** The row of an algorithm name; undefined for an unknown name. */
export function algorithmByName(name: string): LogAlgorithmRow | undefined {
  return BY_NAME.get(name);
}

/** The row of a name that the type system already vouches for. */
export function algorithmRow(name: LogAlgorithm): LogAlgorithmRow {
  const row = BY_NAME.get(name);
  if (row === undefined) throw new TypeError(`no such digest algorithm: ${name}`);
  return row;
}

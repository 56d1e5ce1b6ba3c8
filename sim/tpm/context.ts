/** What a handler works with: the state, and the few things outside it. */
import type { Locality } from '../../src/tpm2/transport.ts';
import type { Clock } from '../clock.ts';
import type { TpmConfig } from './config.ts';
import { nextBytes } from './drbg.ts';
import type { PrimaryKeys } from './primary-keys.ts';
import type { TpmState } from './state.ts';

/** One TPM as its command handlers see it. */
export interface Tpm {
  readonly config: TpmConfig;
  readonly clock: Clock;
  readonly primaryKeys: PrimaryKeys;
  state: TpmState;
  /** Locality of the command being executed. */
  locality: Locality;
}

/** The next `size` random bytes of this TPM. */
export const random = (tpm: Tpm, size: number): Uint8Array => nextBytes(tpm.state.drbg, size);

/** TPMS_TIME_INFO now: milliseconds since `_TPM_Init` and of powered time. */
export function timeInfo(tpm: Tpm) {
  const { state } = tpm;
  const time = Math.max(0, Math.floor(tpm.clock.now() - state.initAt));
  return {
    time: BigInt(time),
    clockInfo: {
      clock: BigInt(state.clockAtInit + time),
      resetCount: state.resetCount,
      restartCount: state.restartCount,
      safe: state.clockSafe ? 1 : 0,
    },
  };
}

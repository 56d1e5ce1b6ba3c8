/** What a handler works with: the state, and the few things outside it. */
import type { Locality } from '../../src/tpm2/transport.ts';
import type { Clock } from '../clock.ts';
import { clockAdvance } from './clock-rate.ts';
import type { TpmConfig } from './config.ts';
import { nextBytes } from './drbg.ts';
import type { PrimaryKeys } from './primary-keys.ts';
import type { TpmState } from './state.ts';

/** One TPM as its command handlers see it. */
export interface Tpm {
  /** What it was made as; a snapshot of another TPM brings that TPM's. */
  config: TpmConfig;
  readonly clock: Clock;
  readonly primaryKeys: PrimaryKeys;
  state: TpmState;
  /** Locality of the command being executed. */
  locality: Locality;
  /** Persistent objects among the handles of that command: each takes the room of a loaded one meanwhile. */
  copied: number;
  /** Bytes of the interface's buffer: no command or response is longer. */
  bufferSize: number;
}

/** The largest buffer of the interface (MAX_COMMAND_SIZE, MAX_RESPONSE_SIZE), which a new TPM has. */
export const MAX_BUFFER_SIZE = 4096;

/** The next `size` random bytes of this TPM. */
export const random = (tpm: Tpm, size: number): Uint8Array => nextBytes(tpm.state.drbg, size);

/** The clock is saved each 2^12 ms (TPM_PT_CLOCK_UPDATE); past such a moment no higher value can have been reported before. */
const SAVE_INTERVAL = 12n;

/** Whether a clock that goes from one value to another is saved on the way. */
export const passesSave = (from: bigint, to: bigint): boolean => to >> SAVE_INTERVAL > from >> SAVE_INTERVAL;

/** TPMS_TIME_INFO now: milliseconds since `_TPM_Init` and of powered time, both at the speed the clock was set to. */
export function timeInfo(tpm: Tpm) {
  const { state } = tpm;
  const elapsed = clockAdvance(tpm.clock.now() - state.initAt, state.clockRate);
  const clock = BigInt.asUintN(64, state.clockAtInit + BigInt(elapsed));
  return {
    time: BigInt(state.timeAtInit + elapsed),
    clockInfo: {
      clock,
      resetCount: state.resetCount,
      restartCount: state.restartCount,
      safe: state.clockSafe || passesSave(state.clockAtInit, clock) ? 1 : 0,
    },
  };
}

/** Sets clock and rate from now on; `Time` goes on from where it is. */
export function setClock(tpm: Tpm, clock: bigint, rate: number): void {
  const { state } = tpm;
  const { time, clockInfo } = timeInfo(tpm);
  state.clockSafe = clockInfo.safe === 1 || passesSave(clockInfo.clock, clock);
  state.timeAtInit = Number(time);
  state.clockAtInit = clock;
  state.initAt = tpm.clock.now();
  state.clockRate = rate;
}

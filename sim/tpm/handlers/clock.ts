/** The clock (TPM 2.0 Library specification, Part 3, chapter 29). */
import { ClockRateAdjust, ClockSet } from '../../../src/tpm2/commands/clock.ts';
import { ReadClock } from '../../../src/tpm2/commands/pcr.ts';
import { TPM_RC } from '../../../src/tpm2/response-code.ts';
import { adjustedRate } from '../clock-rate.ts';
import { setClock, timeInfo } from '../context.ts';
import { action, handler } from '../handler.ts';
import { refuse } from '../refusal.ts';

/** The clock cannot be set so far ahead that it could overflow (Part 3, 29.2.1). */
const MAX_TIME = 0xffff_0000_0000_0000n;

const readClock = handler(ReadClock, (tpm) => ({ currentTime: timeInfo(tpm) }));

const clockSet = action(ClockSet, (tpm, { newTime }) => {
  if (newTime > MAX_TIME || newTime < timeInfo(tpm).clockInfo.clock) throw refuse(TPM_RC.VALUE, 'newTime');
  setClock(tpm, newTime, tpm.state.clockRate);
});

const clockRateAdjust = action(ClockRateAdjust, (tpm, { rateAdjust }) => {
  setClock(tpm, timeInfo(tpm).clockInfo.clock, adjustedRate(tpm.state.clockRate, rateAdjust));
});

export const clockHandlers = [readClock, clockSet, clockRateAdjust];

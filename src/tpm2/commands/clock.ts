/** Setting the clock (TPM 2.0 Library specification, Part 3, 29.2 and 29.3). */
import { TPMA_CC } from '../attributes.ts';
import { u64 } from '../codec.ts';
import { command, user } from '../command-row.ts';
import { TPM_CLOCK_ADJUST, TPMI_RH_PROVISION } from '../structures/index.ts';

const NONE = {} as const;
const AUTH = { auth: user(TPMI_RH_PROVISION) };

export const ClockSet = command('ClockSet', {
  spec: 'Part 3, 29.2',
  handles: AUTH,
  parameters: { newTime: u64 },
  responseHandles: NONE,
  response: NONE,
  attributes: TPMA_CC.nv,
});

export const ClockRateAdjust = command('ClockRateAdjust', {
  spec: 'Part 3, 29.3',
  handles: AUTH,
  parameters: { rateAdjust: TPM_CLOCK_ADJUST },
  responseHandles: NONE,
  response: NONE,
});

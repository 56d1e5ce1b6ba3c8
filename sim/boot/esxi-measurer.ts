/** Measurements of ESXi components: EV_EVENT_TAG events over the one path of sim/measure.ts. */
import { type EsxiEvent, EV, encodeEsxiEvent, esxiTaggedData } from '../../src/eventlog/index.ts';
import type { Measured, MeasuredEvent, Measurer } from '../measure.ts';
import type { BootModule } from './modules.ts';

/**
 * Measures an ESXi event into a PCR.
 *
 * @param content bytes to hash where they are not the event's own data (modules, option files)
 */
export function measureEsxi(
  measurer: Measurer,
  pcr: number,
  event: EsxiEvent,
  content: Measured = esxiTaggedData(event),
): Promise<MeasuredEvent> {
  return measurer.measure({ pcr, type: EV.EVENT_TAG, event: encodeEsxiEvent(event), measured: content });
}

/** The content of a module as what is measured: hashed in the pass that read it. */
export const contentDigest =
  (module: BootModule): Measured =>
  (bank) =>
    module.digest(bank);

/** Measurements of ESXi components: EV_EVENT_TAG events over the one path of sim/measure.ts. */
import { type EsxiEvent, EV, encodeEsxiEvent, esxiTaggedData } from '../../src/eventlog/index.ts';
import type { MeasuredEvent, Measurer } from '../measure.ts';

/**
 * Measures an ESXi event into a PCR.
 *
 * @param content bytes to hash where they are not the event's own data (modules, option files)
 */
export function measureEsxi(
  measurer: Measurer,
  pcr: number,
  event: EsxiEvent,
  content: Uint8Array = esxiTaggedData(event),
): Promise<MeasuredEvent> {
  return measurer.measure({ pcr, type: EV.EVENT_TAG, event: encodeEsxiEvent(event), measured: content });
}

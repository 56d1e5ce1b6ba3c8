import { LazyFiles } from '../../src/archive/index.ts';
import { InputError } from '../../src/bytes/errors.ts';
import type { BootImage } from '../image.ts';
import type { HostSpec } from '../spec/schema.ts';
import { CMDLINE_TAMPER } from './cmdline-tamper.ts';
import type { Fault, MutableImage } from './fault.ts';
import { MODULE_UNSIGNED_ZERO } from './module-unsigned-zero.ts';
import { VIB_FORCE_TRACE } from './vib-force-trace.ts';
import { VIB_LEVEL_LOWERED } from './vib-level-lowered.ts';
import { VIB_LEVEL_SPOOF } from './vib-level-spoof.ts';
import { VIB_LOAD_ORDER } from './vib-load-order.ts';
import { VIB_PAYLOAD_SWAP } from './vib-payload-swap.ts';
import { VIB_SET_DRIFT } from './vib-set-drift.ts';
import { VIB_UNLISTED_TARDISK } from './vib-unlisted-tardisk.ts';

export type { Fault, MutableImage, VerdictWord } from './fault.ts';

/** All faults, in the order of the catalogue. */
export const FAULTS: readonly Fault[] = [
  VIB_LEVEL_SPOOF,
  VIB_FORCE_TRACE,
  VIB_PAYLOAD_SWAP,
  VIB_UNLISTED_TARDISK,
  VIB_LEVEL_LOWERED,
  VIB_SET_DRIFT,
  VIB_LOAD_ORDER,
  MODULE_UNSIGNED_ZERO,
  CMDLINE_TAMPER,
];

/** The fault of an id such as `vib-payload-swap` or `vib-payload-swap:k.b00`, with its parameter. */
export function findFault(text: string): { fault: Fault; parameter: string | undefined } {
  const colon = text.indexOf(':');
  const id = colon < 0 ? text : text.slice(0, colon);
  const fault = FAULTS.find((f) => f.id === id);
  if (fault === undefined) {
    throw new InputError(`unknown fault ${JSON.stringify(id)}; known: ${FAULTS.map((f) => f.id).join(', ')}`);
  }
  return { fault, parameter: colon < 0 ? undefined : text.slice(colon + 1) };
}

/** The boot disk with all faults of the spec applied, in the order given; the original is not touched. */
export function applyImageFaults(image: BootImage, spec: Pick<HostSpec, 'faults' | 'time'>): BootImage {
  const { faults } = spec;
  if (faults.length === 0) return image;
  const { bootbank, esp, installLog } = image;
  const changed: MutableImage = { bootbank: LazyFiles.from(bootbank), esp: LazyFiles.from(esp), installLog };
  for (const text of faults) {
    const { fault, parameter } = findFault(text);
    fault.patchImage(changed, parameter, Date.parse(spec.time));
  }
  return changed;
}

/** The spec with the settings that its faults change. Doing it twice changes nothing more. */
export function applySpecFaults(spec: HostSpec): HostSpec {
  return spec.faults.reduce((changed, text) => findFault(text).fault.patchSpec?.(changed) ?? changed, spec);
}

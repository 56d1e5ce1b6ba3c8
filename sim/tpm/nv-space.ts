/**
 * Room in non-volatile memory, by the sizes of the reference implementation: an entry is a link, for an object its handle, the
 * fixed part of its kind, and an index's data unless it is orderly; orderly data has a small memory of its own.
 */
import { has, nvType, TPM_NT, TPMA_NV } from '../../src/tpm2/attributes.ts';
import type { TPMS_NV_PUBLIC } from '../../src/tpm2/structures/index.ts';
import { COUNTER_SIZE } from './nv-index.ts';
import type { TpmState } from './state.ts';

/** Bytes for indices and persistent objects. */
const NV_SIZE = 171_200;
const LINK = 4;
/** Zero link and highest deleted counter after the last entry. */
const LIST_END = 12;
/** Public area and authorisation value of an index. */
const INDEX_HEADER = 148;
const PERSISTENT_OBJECT = LINK + 4 + 2600;
const COUNTER_INDEX = LINK + INDEX_HEADER + COUNTER_SIZE;
/** Bytes for the data of orderly indices, and the header each has there. */
const ORDERLY_SIZE = 512;
const ORDERLY_HEADER = 12;

/** Persistent objects and counters for which there is always room (TPM_PT_HR_PERSISTENT_MIN). */
export const MIN_PERSISTENT = 7;
const MIN_COUNTERS = 8;

/** A certificate that nobody looked at yet takes as much as a usual one. */
const PENDING_CERTIFICATE = 1024;

const isCounter = ({ attributes }: TPMS_NV_PUBLIC): boolean => nvType(attributes) === TPM_NT.COUNTER;
const isOrderly = ({ attributes }: TPMS_NV_PUBLIC): boolean => has(attributes, TPMA_NV.orderly);
const indexSize = (area: TPMS_NV_PUBLIC): number => INDEX_HEADER + (isOrderly(area) ? 0 : area.dataSize);

const areas = (state: TpmState): TPMS_NV_PUBLIC[] => Array.from(state.nv.values(), ({ publicArea }) => publicArea);

/** Counters that are defined (TPM_PT_NV_COUNTERS). */
export const counterCount = (state: TpmState): number => areas(state).filter(isCounter).length;

function freeBytes(state: TpmState): number {
  const indices = areas(state).reduce((sum, area) => sum + LINK + indexSize(area), 0);
  const pending = state.pendingCertificates.size * (LINK + INDEX_HEADER + PENDING_CERTIFICATE);
  return NV_SIZE - indices - pending - state.persistent.size * PERSISTENT_OBJECT;
}

const orderlyFree = (state: TpmState): number =>
  areas(state).reduce((free, area) => free - (isOrderly(area) ? ORDERLY_HEADER + area.dataSize : 0), ORDERLY_SIZE);

const keptForObjects = (state: TpmState): number =>
  Math.max(0, MIN_PERSISTENT - state.persistent.size) * PERSISTENT_OBJECT;
const keptForCounters = (state: TpmState): number => Math.max(0, MIN_COUNTERS - counterCount(state)) * COUNTER_INDEX;

/** Whether a new index fits. */
export function hasRoomForIndex(state: TpmState, area: TPMS_NV_PUBLIC): boolean {
  const kept = keptForObjects(state) + (isCounter(area) ? 0 : keptForCounters(state));
  if (indexSize(area) + LINK + LIST_END + kept > freeBytes(state)) return false;
  return !isOrderly(area) || ORDERLY_HEADER + area.dataSize <= orderlyFree(state);
}

/** Whether a new persistent object fits. */
export function hasRoomForObject(state: TpmState): boolean {
  return PERSISTENT_OBJECT + LIST_END + keptForCounters(state) <= freeBytes(state);
}

/** Persistent objects that would still fit (TPM_PT_HR_PERSISTENT_AVAIL). */
export function persistentAvailable(state: TpmState): number {
  const reserved = LIST_END + keptForCounters(state);
  return Math.floor(Math.max(0, freeBytes(state) - reserved) / PERSISTENT_OBJECT);
}

/** Counters that would still fit (TPM_PT_NV_COUNTERS_AVAIL). */
export function countersAvailable(state: TpmState): number {
  const plain = Math.floor(Math.max(0, freeBytes(state) - LIST_END - keptForObjects(state)) / COUNTER_INDEX);
  return Math.min(plain, Math.floor(orderlyFree(state) / (ORDERLY_HEADER + COUNTER_SIZE)));
}

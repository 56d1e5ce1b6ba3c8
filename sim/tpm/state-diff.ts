/** What changed between two states of a TPM. */
import { equalBytes } from '../../src/bytes/bytes.ts';
import type { TpmState } from './state.ts';
import { isPlain, kindOf, showValue } from './state-value.ts';

/** One place of the state that differs. */
export interface StateChange {
  /** Where, e.g. `banks.1.values.10` or `nv.0x1500016.data`. */
  readonly path: string;
  /** Values for a person; undefined where the place does not exist. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** The parts of a container by name, in order. */
function parts(value: unknown): Map<string, unknown> | undefined {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return new Map(value.map((item, i) => [String(i), item]));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [nameOf(key), item]));
  if (value instanceof Set) return new Map([...value].map((item) => [nameOf(item), true]));
  return isPlain(value) ? new Map(Object.entries(value)) : undefined;
}

/** Keys of the state's maps are handles and NV indices. */
const nameOf = (key: unknown): string => (typeof key === 'number' ? `0x${key.toString(16)}` : String(key));

function same(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? equalBytes(a, b) : Object.is(a, b);
}

function compare(path: string, a: unknown, b: unknown, out: StateChange[]): void {
  const left = parts(a);
  const right = parts(b);
  if (left === undefined || right === undefined || kindOf(a) !== kindOf(b)) {
    if (!same(a, b)) out.push({ path, before: showOrNothing(a), after: showOrNothing(b) });
    return;
  }
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    compare(path === '' ? name : `${path}.${name}`, left.get(name), right.get(name), out);
  }
}

const showOrNothing = (value: unknown): string | undefined => (value === undefined ? undefined : showValue(value));

/** Every place that differs, in the order of the state's fields. */
export function diffStates(before: TpmState, after: TpmState): StateChange[] {
  const out: StateChange[] = [];
  compare('', before, after, out);
  return out;
}

/** One line for a change. */
export const changeText = ({ path, before, after }: StateChange): string =>
  `${path}: ${before ?? '(none)'} -> ${after ?? '(none)'}`;

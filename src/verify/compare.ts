/** Compares expected and measured events: what changed, what is missing, what was added, what only moved. */
import { toHex } from '../bytes/index.ts';
import type { HashName } from '../crypto/primitives.ts';
import type { Measurement } from './measurements.ts';
import type { ReferenceEvent } from './reference.ts';

/** One difference between reference and evidence. */
export type Change =
  /** Same place and name, another digest. */
  | { readonly kind: 'changed'; readonly expected: ReferenceEvent; readonly actual: Measurement }
  /** Same digest under another name. */
  | { readonly kind: 'renamed'; readonly expected: ReferenceEvent; readonly actual: Measurement }
  /** Same name and digest in another PCR. */
  | { readonly kind: 'moved'; readonly expected: ReferenceEvent; readonly actual: Measurement }
  | { readonly kind: 'missing'; readonly expected: ReferenceEvent }
  /** Not in the reference; `repeated` where the reference has an event of this name that was found too. */
  | { readonly kind: 'added'; readonly actual: Measurement; readonly repeated: boolean }
  /** The same events of one PCR in another order. */
  | { readonly kind: 'order'; readonly pcr: number };

/** What both sides are compared by. */
interface Item<T> {
  readonly event: T;
  readonly pcr: number;
  /** Kind; for firmware and TXT events their type. */
  readonly sort: string;
  readonly name: string;
  readonly digest: string;
}

const sortOf = (event: { kind: string; type: string }): string =>
  event.kind === 'firmware' || event.kind === 'txt' ? event.type : event.kind;

function expectedItem(event: ReferenceEvent, bank: HashName): Item<ReferenceEvent> {
  return { event, pcr: event.pcr, sort: sortOf(event), name: event.name, digest: event.digests[bank] ?? '' };
}

function actualItem(event: Measurement, bank: HashName): Item<Measurement> {
  const digest = event.digests.get(bank);
  const hex = digest === undefined ? '' : toHex(digest);
  return { event, pcr: event.pcr, sort: sortOf(event), name: event.name, digest: hex };
}

type Expected = Item<ReferenceEvent>;
type Actual = Item<Measurement>;
type AnyItem = Expected | Actual;
type Key = (item: AnyItem) => string;

const key = (...parts: readonly (string | number)[]): string => JSON.stringify(parts);

/** Two lists of events not matched yet. */
interface Open {
  readonly expected: readonly Expected[];
  readonly actual: readonly Actual[];
}

/** Pairs items with equal keys, first with first; linear in the number of items. */
function pair(open: Open, keyOf: Key): { pairs: [Expected, Actual][]; rest: Open } {
  const waiting = new Map<string, Expected[]>();
  for (const item of open.expected) {
    const list = waiting.get(keyOf(item));
    if (list === undefined) waiting.set(keyOf(item), [item]);
    else list.push(item);
  }
  for (const list of waiting.values()) list.reverse();
  const pairs: [Expected, Actual][] = [];
  const taken = new Set<Expected>();
  const actual = open.actual.filter((item) => {
    const partner = waiting.get(keyOf(item))?.pop();
    if (partner === undefined) return true;
    taken.add(partner);
    pairs.push([partner, item]);
    return false;
  });
  return { pairs, rest: { expected: open.expected.filter((item) => !taken.has(item)), actual } };
}

const BY_ALL: Key = (i) => key(i.pcr, i.sort, i.name, i.digest);
const BY_PLACE_AND_NAME: Key = (i) => key(i.pcr, i.sort, i.name);
const BY_PLACE_AND_DIGEST: Key = (i) => key(i.pcr, i.sort, i.digest);
const BY_NAME_AND_DIGEST: Key = (i) => key(i.name, i.digest);
const BY_PLACE: Key = (i) => key(i.pcr, i.sort);

/** Sorts of events that have no telling name: the n-th expected one stands for the n-th measured one. */
const NAMELESS = new Set(['version', 'EV_EFI_BOOT_SERVICES_APPLICATION', 'commandLine', 'signer', 'assetTag']);

/**
 * The differences between two lists of events in one bank, multiplicity included, each event in at most one of them.
 * A component that appears twice is not lost behind its first appearance (catalogue entry `module-duplicate-name`).
 */
export function compareEvents(
  expected: readonly ReferenceEvent[],
  actual: readonly Measurement[],
  bank: HashName,
): Change[] {
  const mine = expected.map((event) => expectedItem(event, bank));
  const theirs = actual.map((event) => actualItem(event, bank));
  const same = pair({ expected: mine, actual: theirs }, BY_ALL);
  const changed = pair(same.rest, BY_PLACE_AND_NAME);
  const renamed = pair(changed.rest, BY_PLACE_AND_DIGEST);
  const moved = pair(renamed.rest, BY_NAME_AND_DIGEST);
  const nameless = pair(
    {
      expected: moved.rest.expected.filter((i) => NAMELESS.has(i.sort)),
      actual: moved.rest.actual.filter((i) => NAMELESS.has(i.sort)),
    },
    BY_PLACE,
  );
  const used = new Set<AnyItem>(nameless.pairs.flat());
  const known = new Set(mine.map(BY_PLACE_AND_NAME));
  const order = orderChanges(mine, theirs);
  return [
    ...[...changed.pairs, ...nameless.pairs].map(
      ([e, a]): Change => ({ kind: 'changed', expected: e.event, actual: a.event }),
    ),
    ...renamed.pairs.map(([e, a]): Change => ({ kind: 'renamed', expected: e.event, actual: a.event })),
    ...moved.pairs.map(([e, a]): Change => ({ kind: 'moved', expected: e.event, actual: a.event })),
    ...moved.rest.expected.filter((i) => !used.has(i)).map((e): Change => ({ kind: 'missing', expected: e.event })),
    ...moved.rest.actual
      .filter((i) => !used.has(i))
      .map((a): Change => ({ kind: 'added', actual: a.event, repeated: known.has(BY_PLACE_AND_NAME(a)) })),
    ...order,
  ];
}

/** PCRs whose events are the same in another order. */
function orderChanges(expected: readonly Expected[], actual: readonly Actual[]): Change[] {
  const mine = perPcr(expected);
  const theirs = perPcr(actual);
  const out: Change[] = [];
  for (const [pcr, keys] of mine) {
    const other = theirs.get(pcr) ?? [];
    const sameSet = keys.length === other.length && keys.toSorted().join('\n') === other.toSorted().join('\n');
    if (sameSet && keys.join('\n') !== other.join('\n')) out.push({ kind: 'order', pcr });
  }
  return out;
}

function perPcr(items: readonly AnyItem[]): Map<number, string[]> {
  const out = new Map<number, string[]>();
  for (const item of items) {
    const list = out.get(item.pcr);
    if (list === undefined) out.set(item.pcr, [BY_ALL(item)]);
    else list.push(BY_ALL(item));
  }
  return out;
}

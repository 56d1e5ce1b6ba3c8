/** PropertyCollector: reads at once, reads in pages, and waits for changes. */
import {
  faults,
  field,
  isObject,
  type ManagedObjectReference,
  make,
  moref,
  type VimObject,
  type VimValue,
} from '../../../src/vim/index.ts';
import {
  type Arguments,
  type Call,
  flag,
  list,
  type ManagedObject,
  type MethodBody,
  sessionOf,
  text,
} from '../managed-object.ts';
import { objectContent, retrieve } from '../property/retrieve.ts';
import { type Selected, select } from '../property/select.ts';
import { PropertyFilter } from '../property/updates.ts';
import { MAX_SESSION_OBJECTS, type Session } from '../sessions.ts';

/** Longest wait of one call in seconds where the client names none or a longer one. */
const MAX_WAIT_SECONDS = 3600;
const MAX_PAGES = 16;
const MAX_WAITERS = 16;

/** What one collector of one session remembers. */
interface CollectorState {
  readonly filters: Map<string, PropertyFilter>;
  readonly pages: Map<string, { readonly rest: readonly Selected[]; readonly size: number }>;
  readonly waiters: Set<() => void>;
  version: number;
  nextPage: number;
}

const states = new WeakMap<Session, Map<string, CollectorState>>();

function stateOf(session: Session, id: string): CollectorState {
  const all = states.get(session) ?? new Map<string, CollectorState>();
  states.set(session, all);
  let state = all.get(id);
  if (state === undefined) {
    state = { filters: new Map(), pages: new Map(), waiters: new Set(), version: 0, nextPage: 1 };
    all.set(id, state);
  }
  return state;
}

function specs(args: Arguments): readonly VimObject[] {
  return list(args, 'specSet').filter(isObject);
}

function option(args: Arguments, name: string): number | undefined {
  const options = args.options;
  const value = isObject(options) ? field(options, name) : undefined;
  return typeof value === 'number' ? value : undefined;
}

function page(state: CollectorState | undefined, selected: readonly Selected[], max: number, call: Call): VimObject {
  const objects = selected.slice(0, max).map((wanted) => objectContent(wanted, call));
  const rest = selected.slice(max);
  if (rest.length === 0 || state === undefined) return make('RetrieveResult', { objects });
  const token = String(state.nextPage++);
  state.pages.set(token, { rest, size: max });
  const [oldest] = state.pages.keys();
  if (state.pages.size > MAX_PAGES && oldest !== undefined) state.pages.delete(oldest);
  return make('RetrieveResult', { token, objects });
}

/** How many objects a page holds; the same number is used for the pages that follow. */
function pageSize(args: Arguments): number {
  const max = option(args, 'maxObjects');
  if (max === undefined) return Number.POSITIVE_INFINITY;
  if (max < 1) throw faults.invalidArgument('options.maxObjects');
  return max;
}

/** The changes of all filters as an UpdateSet; undefined where nothing changed. */
function changes(state: CollectorState, call: Call): VimObject | undefined {
  const filterSet = [...state.filters.values()].flatMap((filter) => filter.update(call) ?? []);
  if (filterSet.length === 0) return undefined;
  state.version++;
  return make('UpdateSet', { version: String(state.version), filterSet });
}

/** Takes a client back to the version it names: nothing to do, the whole state again, or a fault. */
function rewind(state: CollectorState, asked: VimValue | undefined): void {
  if (asked === undefined || asked === '') {
    for (const filter of state.filters.values()) filter.reset();
    return;
  }
  if (typeof asked !== 'string' || !/^\d{1,15}$/.test(asked) || Number(asked) > state.version) {
    throw faults.invalidCollectorVersion();
  }
  if (Number(asked) < state.version) for (const filter of state.filters.values()) filter.reset();
}

/** Resolves true after a change, false after `seconds`; RequestCanceled where the wait is ended from outside. */
function waitForChange(state: CollectorState, session: Session, seconds: number, call: Call): Promise<boolean> {
  if (state.waiters.size >= MAX_WAITERS) throw faults.systemError('too many waiting calls');
  session.waiting++;
  return new Promise((resolve, reject) => {
    const done = (finish: () => void): void => {
      session.waiting--;
      session.lastActive = call.service.world.clock.now();
      clearTimeout(timer);
      forget();
      state.waiters.delete(cancel);
      session.onEnd.delete(ended);
      call.signal?.removeEventListener('abort', cancel);
      finish();
    };
    const cancel = (): void => done(() => reject(faults.requestCanceled()));
    const ended = (): void =>
      done(() => reject(faults.notAuthenticated(moref('PropertyCollector', ''), 'System.View')));
    const timer = setTimeout(() => done(() => resolve(false)), seconds * 1000);
    const forget = call.service.onChange(() => done(() => resolve(true)));
    state.waiters.add(cancel);
    session.onEnd.add(ended);
    call.signal?.addEventListener('abort', cancel);
    if (call.signal?.aborted === true) cancel();
  });
}

async function waitForUpdates(state: CollectorState, args: Arguments, call: Call, ref: ManagedObjectReference) {
  const session = sessionOf(call, ref);
  rewind(state, args.version);
  const seconds = Math.min(option(args, 'maxWaitSeconds') ?? MAX_WAIT_SECONDS, MAX_WAIT_SECONDS);
  const end = call.service.world.clock.now() + seconds * 1000;
  for (;;) {
    const update = changes(state, call);
    if (update !== undefined) return update;
    // The injected clock may stand still; the timer of the wait itself then ends the call.
    const left = Math.max(0, Math.min(seconds, (end - call.service.world.clock.now()) / 1000));
    if (left === 0 || !(await waitForChange(state, session, left, call))) return undefined;
  }
}

function createFilter(ref: ManagedObjectReference, args: Arguments, call: Call): ManagedObjectReference {
  const session = sessionOf(call, ref);
  const state = stateOf(session, ref.value);
  const spec = args.spec;
  if (!isObject(spec)) throw faults.invalidArgument('spec');
  if (session.objects.size >= MAX_SESSION_OBJECTS) throw faults.systemError('too many objects in this session');
  select([spec], call);
  const filterRef = moref('PropertyFilter', `session[${session.key}]filter-${session.nextObject++}`);
  const filter = new PropertyFilter(filterRef, spec, flag(args, 'partialUpdates'));
  state.filters.set(filterRef.value, filter);
  session.objects.set(filterRef.value, {
    ref: filterRef,
    properties: { spec: () => spec, partialUpdates: () => filter.partialUpdates },
    methods: {
      DestroyPropertyFilter: () => {
        state.filters.delete(filterRef.value);
        session.objects.delete(filterRef.value);
        return undefined;
      },
    },
  });
  return filterRef;
}

function destroyCollector(ref: ManagedObjectReference, call: Call): undefined {
  const session = sessionOf(call, ref);
  // The service's own collector stays; only its filters go.
  const state = stateOf(session, ref.value);
  for (const cancel of [...state.waiters]) cancel();
  for (const id of state.filters.keys()) session.objects.delete(id);
  states.get(session)?.delete(ref.value);
  session.objects.delete(ref.value);
  return undefined;
}

/** A collector: the service's own one, or one that a session made. Its state is kept for each session. */
export function propertyCollector(ref: ManagedObjectReference): ManagedObject {
  const state = (call: Call): CollectorState => stateOf(sessionOf(call, ref), ref.value);
  const methods: Record<string, MethodBody> = {
    RetrieveProperties: (args, call) => retrieve(specs(args), call),
    RetrievePropertiesEx: (args, call) => {
      const { selected } = select(specs(args), call);
      if (selected.length === 0) return undefined;
      const own = call.session === undefined ? undefined : stateOf(call.session, ref.value);
      return page(own, selected, pageSize(args), call);
    },
    ContinueRetrievePropertiesEx: (args, call) => {
      const own = state(call);
      const token = text(args, 'token');
      const next = own.pages.get(token);
      if (next === undefined) throw faults.invalidArgument('token');
      own.pages.delete(token);
      return page(own, next.rest, next.size, call);
    },
    CancelRetrievePropertiesEx: (args, call) => {
      if (!state(call).pages.delete(text(args, 'token'))) throw faults.invalidArgument('token');
      return undefined;
    },
    CreateFilter: (args, call) => createFilter(ref, args, call),
    CheckForUpdates: (args, call) => {
      rewind(state(call), args.version);
      return changes(state(call), call);
    },
    WaitForUpdates: (args, call) => waitForUpdates(state(call), { version: args.version }, call, ref),
    WaitForUpdatesEx: (args, call) => waitForUpdates(state(call), args, call, ref),
    CancelWaitForUpdates: (_args, call) => {
      for (const cancel of [...state(call).waiters]) cancel();
      return undefined;
    },
    CreatePropertyCollector: (_args, call) => {
      const session = sessionOf(call, ref);
      if (session.objects.size >= MAX_SESSION_OBJECTS) throw faults.systemError('too many objects in this session');
      const own = moref('PropertyCollector', `session[${session.key}]collector-${session.nextObject++}`);
      session.objects.set(own.value, propertyCollector(own));
      return own;
    },
    DestroyPropertyCollector: (_args, call) => destroyCollector(ref, call),
  };
  return {
    ref,
    properties: {
      filter: (call) =>
        call.session === undefined ? undefined : [...state(call).filters.values()].map((filter) => filter.ref),
    },
    methods,
  };
}

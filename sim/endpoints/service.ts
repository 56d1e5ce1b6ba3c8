/** The state of one simulated vSphere service: what it serves, who is logged in, what changed. */
import { faults, type ManagedObjectReference } from '../../src/vim/index.ts';
import { type ApiVersion, DEFAULT_API_VERSION } from '../../src/vim/versions.ts';
import type { Clock } from '../clock.ts';
import type { Entropy } from '../entropy.ts';
import type { ManagedObject } from './managed-object.ts';
import type { ServedHost } from './served-host.ts';
import { type Session, SessionTable, uuidText } from './sessions.ts';

/** What to simulate. */
export interface EndpointWorld {
  readonly hosts: readonly ServedHost[];
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly credentials: { readonly user: string; readonly password: string };
  /** `vCenter` serves all hosts in one inventory; `host` is the API of the first host itself. */
  readonly mode: 'vCenter' | 'host';
  /** Newest API version of the server (default {@link DEFAULT_API_VERSION}). */
  readonly apiVersion?: ApiVersion;
  /** Name of a cluster that holds all hosts (vCenter only); without it every host stands alone. */
  readonly cluster?: string;
}

/** A simulated service. */
export class Service {
  readonly world: EndpointWorld;
  readonly apiVersion: ApiVersion;
  readonly sessions: SessionTable;
  readonly restSessions: SessionTable;
  readonly instanceUuid: string;
  readonly #objects = new Map<string, ManagedObject>();
  readonly #listeners = new Set<() => void>();

  constructor(world: EndpointWorld) {
    this.world = world;
    this.apiVersion = world.apiVersion ?? DEFAULT_API_VERSION;
    this.sessions = new SessionTable(world.clock, world.entropy.stream('vsphere/sessions'));
    this.restSessions = new SessionTable(world.clock, world.entropy.stream('vsphere/rest-sessions'));
    this.instanceUuid = uuidText(world.entropy.bytes('vsphere/instance', 16));
  }

  /** Puts an object in the inventory. */
  add(object: ManagedObject): void {
    this.#objects.set(object.ref.value, object);
  }

  /** Takes an object out of the inventory. */
  remove(id: string): void {
    this.#objects.delete(id);
  }

  /** An object by its id, the session's own ones too. The type in a reference is not compared: clients send base types. */
  find(id: string, session: Session | undefined): ManagedObject | undefined {
    return this.#objects.get(id) ?? session?.objects.get(id);
  }

  /** As {@link find}; ManagedObjectNotFound where there is none. */
  get(ref: ManagedObjectReference, session: Session | undefined): ManagedObject {
    const object = this.find(ref.value, session);
    if (object === undefined) throw faults.managedObjectNotFound(ref);
    return object;
  }

  /** Tells waiting clients that some property changed. */
  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` after every change until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether user name and password are the configured ones. */
  accepts(user: string, password: string): boolean {
    const { credentials } = this.world;
    return user === credentials.user && password === credentials.password;
  }
}
